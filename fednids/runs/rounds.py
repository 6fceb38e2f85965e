"""What is known of a run while it goes and when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fednids.messages.values import Evaluation, Task, Update
from fednids.metrics import ConfusionCounts, Curves, Scores, scores
from fednids.networks.cnn_bilstm.architecture import Architecture, Weights
from fednids.runs.attack import attack_rates
from fednids.simulation.outcomes import RoundOutcomes


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
    liars : Sequence[int] or None
        Partition ids of the participants who lied; None in a run without an attack.
    story : Mapping[str, Any]
        What the strategy tells of the round, as JSON.
    fates : RoundOutcomes or None
        What became of the gateways that were chosen; none in arms without a server.
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
    liars: Sequence[int] | None = None
    story: Mapping[str, Any] = field(default_factory=dict)
    fates: RoundOutcomes | None = None

    @property
    def counts(self) -> ConfusionCounts:
        """Over all test flows that were answered for."""
        return add_counts([evaluation.counts for evaluation in self.evaluations])

    @property
    def novel(self) -> ConfusionCounts:
        """Over the novel ones among them."""
        return add_counts([evaluation.novel for evaluation in self.evaluations])

    @property
    def triggered(self) -> ConfusionCounts | None:
        """Over attacks with a backdoor's trigger; None where the attack has none."""
        found = [e.triggered for e in self.evaluations if e.triggered is not None]
        return add_counts(found) if found else None

    @property
    def validation(self) -> ConfusionCounts | None:
        """Over validation flows; None in a run without any."""
        found = [e.validation for e in self.evaluations if e.validation is not None]
        return add_counts(found) if found else None

    def curves(self, which: Literal["all", "novel", "validation"]) -> Curves | None:
        """Give the counts of scores over test flows, novel ones or validation flows.

        None in a round in which they were not counted.
        """
        told = [e.curves for e in self.evaluations if e.curves is not None]
        tallies = [tally for each in told if (tally := getattr(each, which)) is not None]
        return Curves.total(tallies, len(self.counts.matrix)) if tallies else None

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
            **self._validation(classes),
            "participants": [update.partition_id for update in self.updates],
            "failures": [
                {"partition": f.partition_id, "stage": f.stage, "reason": f.reason}
                for f in self.failures
            ],
            "seconds": self.train_seconds + self.evaluate_seconds,
            "bytes_down": self.bytes_down,
            "bytes_up": self.bytes_up,
            **(self.fates.to_json() if self.fates else {}),
            **({"strategy": dict(self.story)} if self.story else {}),
            **self._attack(classes),
        }

    def _validation(self, classes: Sequence[str]) -> dict[str, Any]:
        counts = self.validation
        return {"validation": _headline(scores(counts, classes))} if counts else {}

    def _attack(self, classes: Sequence[str]) -> dict[str, Any]:
        if self.liars is None:
            return {}
        rates = attack_rates(self.counts, self.triggered, classes)
        return {"attack": {"liars": list(self.liars), **rates}}


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
        ``(P,) float32`` each: one detector, or one of each gateway.
    last : Round or None
        The last round; none where a resumed run had nothing left to do.
    personal : bool
        Whether every gateway is judged by a detector of its own.
    overall : ndarray or None
        ``(P,) float32``: the global detector beside those of the gateways, if there is one.
    """

    architecture: Architecture
    tasks: Sequence[Task]
    weights: Sequence[Weights]
    last: Round | None
    personal: bool = False
    overall: Weights | None = None


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
