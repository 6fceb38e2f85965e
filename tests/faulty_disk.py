"""A disk on which the n-th thing that is done to a file goes wrong, and a run without MindSpore."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from round_factory import CLASSES, ended
from runs_factory import small_config
from whole_result import whole_result

from fednids.errors import RunError
from fednids.messages.client_state import Memory
from fednids.runs import lines
from fednids.runs.checkpoint import Checkpoint, read_checkpoint
from fednids.runs.folder import RunFolder, is_finished, prepare_folder
from fednids.runs.layout import memories
from fednids.runs.records import ResultRecord
from fednids.runs.selection import Selection

ROUNDS, GATEWAYS = 4, 3
VALIDATED = {1: 3, 2: 9, 3: 4, 4: 5}
CONFIG = small_config(
    federation__rounds=ROUNDS, partition__gateways=GATEWAYS,
    data__validation_share=0.2, run__keep="best",
)  # fmt: skip


class Killed(BaseException):
    """What SIGKILL does: nothing of the process runs any more."""


@dataclass
class Disk:
    """Counts what is done to files; from the n-th on it fails, once or for good."""

    fails_at: int = -1
    fault: Callable[[], BaseException] = Killed
    for_good: bool = True
    done: int = 0

    def step(self) -> None:
        """Let one thing be done, or fail."""
        place, self.done = self.done, self.done + 1
        if self.fails_at >= 0 and (
            place == self.fails_at or self.for_good > (place < self.fails_at)
        ):
            raise self.fault()


@contextmanager
def on(disk: Disk) -> Iterator[None]:
    """Let files be written on such a disk: whole, or half of what is appended."""
    append = lines.append_durably

    def halves(path: Path, content: bytes) -> None:
        half = len(content) // 2
        disk.step()
        append(path, content[:half])
        disk.step()
        append(path, content[half:])

    def stepping(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            disk.step()
            found = real(*arguments, **named)
            disk.step()
            return found

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "append_durably", halves)
        patch.setattr(os, "fsync", lambda descriptor: disk.step())  # the real one is slow
        for name in ("replace", "unlink", "mkdir"):
            patch.setattr(Path, name, stepping(getattr(Path, name)))
        yield


def run(path: Path) -> None:
    """Run, or go on; what a round gives depends on all that is remembered."""
    try:
        checkpoint = read_checkpoint(path)
    except RunError:
        checkpoint = None
    folder = RunFolder(path, CLASSES)
    if checkpoint is None:
        prepare_folder(path, force=False)
        folder.create("federated", CONFIG)
    else:
        folder.reopen(checkpoint)
    weights, state, selection = _begun(checkpoint)
    for number in range(checkpoint.server_round + 1 if checkpoint else 1, ROUNDS + 1):
        weights, state = _round(path, number, weights, state)
        round_ = ended(number, VALIDATED[number])
        round_.state["momentum"] = state  # type: ignore[index]
        selection.round_ended(number, VALIDATED[number] / 10, [weights])
        folder.round_ended(round_, [weights])
    assert selection.best
    kept = [weights.tolist(), selection.best.weights[0].tolist()]
    found = {**whole_result(), "kept": kept, "rounds": folder.rounds, **folder.course}
    folder.finish(ResultRecord.model_validate(found))


def _begun(checkpoint: Checkpoint | None) -> tuple[Any, Any, Selection]:
    if checkpoint is None or not checkpoint.weights:
        return np.ones(2, np.float32), np.zeros(2), Selection(CONFIG)
    selection = Selection(CONFIG, checkpoint.rounds, checkpoint.best)
    return checkpoint.weights[0], checkpoint.state["momentum"], selection


def _round(path: Path, number: int, weights: Any, state: Any) -> tuple[Any, Any]:
    total = np.zeros(2, np.float32)
    for k in range(GATEWAYS):
        memory = Memory(memories(path), k)
        own = memory.recall(number - 1).get("own", np.zeros(2, np.float32))
        own = np.float32(0.5) * own + weights * np.float32(k + number)
        memory.keep(number, {"own": own})
        total += own
    state = 0.9 * state + total
    return (weights + np.float32(0.01) * state).astype(np.float32), state


def left(path: Path) -> tuple[Any, ...]:
    """Give all that came of a run that has ended."""
    assert is_finished(path)
    assert not list(path.rglob(".*.tmp"))
    rows = pq.read_table(path / "gateways.parquet").to_pylist()
    return json.loads((path / "result.json").read_text()), (path / "rounds.jsonl").read_text(), rows
