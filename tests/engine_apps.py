"""ClientApps without a network, for tests of engines; workers import them by name."""

from __future__ import annotations

import os
import time

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Add the partition id to the weights and count the calls; some partitions misbehave."""
    partition_id = int(context.node_config["partition-id"])
    weights = message.content.array_records["arrays"]["weights"].numpy()
    message.content["arrays"] = ArrayRecord({"weights": Array(np.zeros(1))})  # ours to change
    behaviour = str(context.run_config.get(f"behaviour.{partition_id}", ""))
    if behaviour == "raise":
        raise ValueError(f"gateway {partition_id}\nhas no flows")
    if behaviour == "die":
        os._exit(3)
    if behaviour == "sleep":
        time.sleep(2)
    calls = context.state.metric_records.setdefault("calls", MetricRecord({"count": 0}))
    calls["count"] = int(calls["count"]) + 1
    metrics = MetricRecord({"partition-id": partition_id, "calls": calls["count"]})
    trained = ArrayRecord({"weights": Array(weights + partition_id)})
    return Message(RecordDict({"arrays": trained, "metrics": metrics}), reply_to=message)
