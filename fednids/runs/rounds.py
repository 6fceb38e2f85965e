"""What is known of a run while it goes and when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fednids.messages.values import Evaluation, Task, Update
from fednids.metrics import ConfusionCounts, Curves, attack_success, error_rates
from fednids.networks.interface import Architecture, Weights
from fednids.plain import as_json
from fednids.runs.records import (
    FailureRecord,
    HeadlineRecord,
    Rates,
    RecalibrationRecord,
    RoundAttackRecord,
    RoundRecord,
    StrategyRecord,
    TestRecord,
    TrainRecord,
)
from fednids.simulation.outcomes import RoundOutcomes


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
    failures : Sequence[FailureRecord]
        All others.
    train_seconds, evaluate_seconds : float
        Duration of the two phases.
    bytes_down, bytes_up : int
        What the server sent and received.
    state : Mapping[str, ndarray]
        What the strategy remembers after the round, ``(P,) float64`` each, by name.
    malicious : Sequence[int] or None
        Partition ids of the malicious clients among the participants; None in a run without an
        attack.
    log : Mapping[str, Any]
        What the algorithm records of the round, as JSON.
    outcomes : RoundOutcomes or None
        What became of the sampled clients; none in arms without a server.
    """

    number: int
    updates: Sequence[Update]
    evaluations: Sequence[Evaluation]
    failures: Sequence[FailureRecord]
    train_seconds: float
    evaluate_seconds: float
    bytes_down: int = 0
    bytes_up: int = 0
    state: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    malicious: Sequence[int] | None = None
    log: Mapping[str, Any] = field(default_factory=dict)
    outcomes: RoundOutcomes | None = None

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
        """Return the counts of scores over test flows, novel ones or validation flows.

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

    def record(self, classes: Sequence[str]) -> RoundRecord:
        """Return the round as it stands in ``rounds.jsonl`` and ``result.json``.

        Parameters
        ----------
        classes : Sequence[str]
            ``C`` names, benign first.
        """
        updates, found = self.updates, dict[str, Any]()
        if self.validation:
            found["validation"] = HeadlineRecord.of(self.validation, classes)
        if self.outcomes:
            found |= self.outcomes.to_json()
        if self.log:
            found["strategy"] = StrategyRecord.model_validate(dict(self.log))
        if self.malicious is not None:
            rates = attack_rates(self.counts, self.triggered, classes)
            found["attack"] = RoundAttackRecord(malicious=list(self.malicious), **rates)
        return RoundRecord(
            round=self.number,
            loss=self.train_loss,
            train=TrainRecord(
                loss=self.train_loss,
                examples=sum(update.examples for update in updates),
                steps=sum(update.steps for update in updates),
            ),
            test=TestRecord(
                loss=self.test_loss,
                **dict(HeadlineRecord.of(self.counts, classes)),
                novel=HeadlineRecord.of(self.novel, classes),
            ),
            participants=[update.partition_id for update in updates],
            failures=list(self.failures),
            seconds=self.train_seconds + self.evaluate_seconds,
            bytes_down=self.bytes_down,
            bytes_up=self.bytes_up,
            **found,
        )


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
    recalibration : RecalibrationRecord or None
        How the head was fitted again after the last round, if it was.
    """

    architecture: Architecture
    tasks: Sequence[Task]
    weights: Sequence[Weights]
    last: Round | None
    personal: bool = False
    overall: Weights | None = None
    recalibration: RecalibrationRecord | None = None


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


def attack_rates(
    counts: ConfusionCounts, triggered: ConfusionCounts | None, classes: Sequence[str]
) -> dict[str, Rates]:
    """Return how far an attack got; undefined rates are None.

    Parameters
    ----------
    counts : ConfusionCounts
        Of all test windows.
    triggered : ConfusionCounts, optional
        Of the attacks among them with a backdoor's trigger, for an attack that has one.
    classes : Sequence[str]
        Names of the classes.

    Returns
    -------
    dict
        ``success``: share of each attack class taken for benign, with the trigger where
        there is one. ``errors``: share of each class taken for any other, without it.
    """
    success = attack_success(counts if triggered is None else triggered, classes)
    return {"success": as_json(success), "errors": as_json(error_rates(counts, classes))}
