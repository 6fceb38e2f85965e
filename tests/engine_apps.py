"""ClientApps without a network, for tests of engines; workers import them by name."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from fednids.training.together import shared

_computing: list[int] = []


def _note_processors() -> None:
    _computing.extend(sorted(os.sched_getaffinity(0)))


_thread = threading.Thread(target=_note_processors)  # as a framework starts those that compute
_thread.start()
_thread.join()

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Add the partition id to the weights and count the calls; some partitions misbehave."""
    partition_id = int(context.node_config["partition-id"])
    weights = message.content.array_records["arrays"]["weights"].numpy()
    message.content["arrays"] = ArrayRecord({"weights": Array(np.zeros(1))})  # ours to change
    _behave(partition_id, context)
    calls = context.state.metric_records.setdefault("calls", MetricRecord({"count": 0}))
    calls["count"] = int(calls["count"]) + 1
    metrics = MetricRecord({"partition-id": partition_id, "calls": calls["count"]})
    if context.run_config.get(f"behaviour.{partition_id}") == "forget" and calls["count"] == 2:
        context.state.clear()
    trained = ArrayRecord({"weights": Array(weights + partition_id)})
    return Message(RecordDict({"arrays": trained, "metrics": metrics}), reply_to=message)


@app.evaluate()
def tell_process(message: Message, context: Context) -> Message:
    """Tell which process answers."""
    partition_id = int(context.node_config["partition-id"])
    metrics = MetricRecord({"partition-id": partition_id, "process": os.getpid()})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


meeting = ClientApp()


@meeting.train()
def meet(message: Message, context: Context) -> Message:
    """Tell who meets: their partition ids and the sum of their weights; keep nothing."""
    partition_id = int(context.node_config["partition-id"])
    weights = message.content.array_records["arrays"]["weights"].numpy()
    message.content["arrays"] = ArrayRecord({"weights": Array(np.zeros(1))})
    _behave(partition_id, context)
    met, total = shared(_together, (partition_id, weights))
    again, _ = shared(_together, (partition_id, weights))
    metrics = MetricRecord({"partition-id": partition_id, "met": met, "again": again})
    records = {"arrays": weights + partition_id, "sums": total}
    arrays = {name: ArrayRecord({"weights": Array(each)}) for name, each in records.items()}
    return Message(RecordDict({**arrays, "metrics": metrics}), reply_to=message)


@meeting.evaluate()
def tell_processors(message: Message, context: Context) -> Message:
    """Tell the processors of this thread and of the one that computes."""
    own = sorted(os.sched_getaffinity(0))
    metrics = MetricRecord({"own": own, "computing": list(_computing)})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


def _together(
    items: Sequence[tuple[int, np.ndarray]],
) -> list[tuple[list[int], np.ndarray]]:
    met, total = [k for k, _ in items], np.sum([weights for _, weights in items], axis=0)
    return [(met, total) for _ in items]


def _behave(partition_id: int, context: Context) -> None:
    behaviour = str(context.run_config.get(f"behaviour.{partition_id}", ""))
    if behaviour == "raise":
        raise ValueError(f"gateway {partition_id}\nhas no flows")
    if behaviour == "die":
        os._exit(3)
    if behaviour == "sleep":
        time.sleep(2)
    file = Path(str(context.run_config.get("file", "")))
    if behaviour == "die once":
        once = Path(f"{file}-{partition_id}")
        if not once.exists():
            once.touch()
            os._exit(3)
    if behaviour == "touch":
        file.touch()
    if behaviour == "wait":
        _wait_for(file)


def _wait_for(file: Path) -> None:
    until = time.monotonic() + 10
    while not file.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{file.name} never came")
        time.sleep(0.01)
