"""What is known of a run while it goes and when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fednids.detector.architecture import Architecture, Weights
from fednids.exchange import Evaluation, Task, Update
from fednids.metrics import ConfusionCounts, Scores, scores


@dataclass(frozen=True)
class Failure:
    """A gateway whose answer could not be used.

    Attributes
    ----------
    partition_id : int
        Which gateway.
    stage : str
        ``"train"`` or ``"evaluate"``.
    reason : str
        What was wrong, in one line.
    """

    partition_id: int
    stage: str
    reason: str


@dataclass(frozen=True)
class Round:
    """One round that has ended.

    Attributes
    ----------
    number : int
        From 1.
    updates : Sequence[Update]
        Usable answers to training, by partition id; their weights are not kept.
    evaluations : Sequence[Evaluation]
        Answers to evaluation, by partition id.
    failures : Sequence[Failure]
        All others.
    train_seconds, evaluate_seconds : float
        Duration of the two phases.
    bytes_down, bytes_up : int
        What the server sent and received.
    state : Mapping[str, ndarray]
        What the strategy remembers after the round, ``(P,) float64`` each, by name.
    """

    number: int
    updates: Sequence[Update]
    evaluations: Sequence[Evaluation]
    failures: Sequence[Failure]
    train_seconds: float
    evaluate_seconds: float
    bytes_down: int = 0
    bytes_up: int = 0
    state: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def counts(self) -> ConfusionCounts:
        """Over all test flows that were answered for."""
        return add_counts([evaluation.counts for evaluation in self.evaluations])

    @property
    def novel(self) -> ConfusionCounts:
        """Over the novel ones among them."""
        return add_counts([evaluation.novel for evaluation in self.evaluations])

    @property
    def train_loss(self) -> float:
        """Mean over the windows trained on."""
        examples = sum(update.examples for update in self.updates)
        return sum(u.loss * u.examples for u in self.updates if u.examples) / max(examples, 1)

    @property
    def test_loss(self) -> float:
        """Mean unweighted cross-entropy over the test windows."""
        total = sum(evaluation.loss for evaluation in self.evaluations)
        return total / max(self.counts.total, 1)

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Give the round as it stands in ``rounds.jsonl`` and ``result.json``."""
        return {
            "round": self.number,
            "loss": self.train_loss,
            "train": {
                "loss": self.train_loss,
                "examples": sum(update.examples for update in self.updates),
                "steps": sum(update.steps for update in self.updates),
            },
            "test": {
                "loss": self.test_loss,
                **_headline(scores(self.counts, classes)),
                "novel": _headline(scores(self.novel, classes)),
            },
            "participants": [update.partition_id for update in self.updates],
            "failures": [
                {"partition": f.partition_id, "stage": f.stage, "reason": f.reason}
                for f in self.failures
            ],
            "seconds": self.train_seconds + self.evaluate_seconds,
            "bytes_down": self.bytes_down,
            "bytes_up": self.bytes_up,
        }


@dataclass(frozen=True)
class Outcome:
    """What an arm ends with.

    Attributes
    ----------
    architecture : Architecture
        The network.
    tasks : Sequence[Task]
        Scaler and class weights that belong to each detector.
    weights : Sequence[ndarray]
        ``(P,) float32`` each: one detector, or one of each gateway in the local arm.
    last : Round or None
        The last round; none where a resumed run had nothing left to do.
    """

    architecture: Architecture
    tasks: Sequence[Task]
    weights: Sequence[Weights]
    last: Round | None


class Observer(Protocol):
    """Told of every round as it ends: progress, files, checkpoints."""

    def round_ended(self, ended: Round, weights: Sequence[Weights]) -> None:
        """Take note; `weights` are those after the round."""
        ...


def add_counts(counts: Sequence[ConfusionCounts]) -> ConfusionCounts:
    """Add counts of at least one gateway."""
    total = counts[0]
    for more in counts[1:]:
        total = total + more
    return total


def _headline(found: Scores) -> dict[str, float | None]:
    """The few numbers that curves are drawn of."""
    everything = found.to_json()
    names = ("accuracy", "balanced_accuracy", "macro_f1", "false_alarm_rate")
    return {name: everything[name] for name in names}
