"""Local training: the clients that a process serves, their flows and one compiled network.

A ClientApp calls it for each message, the centralised and the local arm in a loop.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import FederationError
from fednids.flows.scaling import Scaler
from fednids.flows.windows import Windows
from fednids.messages.values import Evaluation, Fitted, Statistics, Task, Update
from fednids.metrics import ConfusionCounts, Curves, Tallies, Tally
from fednids.metrics.counts import BENIGN
from fednids.networks.interface import Weights
from fednids.seeding import Stream, generator
from fednids.simulation.adversaries.malicious import MaliciousClients
from fednids.simulation.adversaries.poisoning import with_trigger
from fednids.training.initial import client_adjustment, round_rate, run_architecture, stack_size
from fednids.training.jobs import (
    ALL_WINDOWS,
    LocalTraining,
    Predictions,
    TrainingJob,
    TrainingResult,
)
from fednids.training.objective import PLAIN, Objective
from fednids.training.recalibration import ClassMoments, HeadSums, with_ones
from fednids.training.together import shared
from fednids.training.trainer import Trainer

Found = TypeVar("Found")


@dataclass(frozen=True)
class _Training:
    """One training, which may be done together with those that go with it."""

    task: Task
    job: TrainingJob

    def goes_with(self, other: _Training) -> bool:
        alike = self.job.objective.goes_with(other.job.objective)
        return alike and self.task.equals(other.task)


_Chosen = NDArray[np.bool_] | slice
_ALL = slice(None)


@dataclass(frozen=True)
class _Scored:
    """True classes of windows beside a detector's predictions."""

    labels: NDArray[np.int32]
    predictions: Predictions
    compile_seconds: float

    def counts(self, chosen: _Chosen = _ALL) -> ConfusionCounts:
        classes, predicted = self.predictions.logits.shape[1], self.predictions.predicted
        return ConfusionCounts.from_labels(self.labels[chosen], predicted[chosen], classes)

    def tally(self, chosen: _Chosen = _ALL) -> Tally:
        return Curves.of(self.predictions.logits[chosen], self.labels[chosen]).tally()


class LocalTrainer:
    """Trains and evaluates the clients that a process serves.

    Malicious clients falsify their flows; a run without a server has none of them.
    """

    def __init__(
        self, config: Config, dataset: FederatedDataset, malicious: MaliciousClients | None = None
    ):
        self.config, self.dataset, self._malicious = config, dataset, malicious
        self._trainer: Trainer | None = None
        self._scaler: Scaler | None = None
        self._last: tuple[tuple[int, int], Windows] | None = None

    def statistics(self, partition_id: int) -> Statistics:
        """Sum up a gateway's training flows."""
        support = self.dataset.initial_support(partition_id)
        return Statistics(partition_id, self.dataset.moments(partition_id), support)

    def class_counts(self, partition_id: int, task: Task) -> NDArray[np.int64]:
        """Count the training windows of each class that a gateway has in the task's round."""
        return self.dataset.support(self._training(partition_id, task))

    def windows(self, partition_id: int, task: Task) -> int:
        """Count the training windows that a gateway has in the task's round."""
        return len(self._training(partition_id, task))

    def train(
        self,
        partition_id: int,
        weights: Weights,
        task: Task,
        objective: Objective = PLAIN,
        most_steps: int | None = None,
        sampling: str = ALL_WINDOWS,
    ) -> Fitted:
        """Train ``(P,) float32`` weights on a client's windows; without any they stay as they are.

        The task has scaler, class weights and round, the objective what an algorithm adds to the
        loss; there is time for `most_steps` optimiser steps, at least 1. The `sampling` is the
        algorithm's, for where the settings leave it open.
        """
        windows = self._training(partition_id, task)
        if not len(windows):
            return Fitted(Update(partition_id, weights, 0, 0, math.nan, 0.0, 0.0))
        key = (task.server_round, partition_id, *([objective.stage] if objective.stage else []))
        rng = generator(self.config.run.seed, Stream.TRAINING, *key)
        adjustment, own = self._adjustment(windows, task), objective.adjustment
        if own is not None:
            adjustment = own if adjustment is None else adjustment + own
        if self.config.train.sampling != "auto":
            sampling = self.config.train.sampling
        job = TrainingJob(weights, windows, rng, objective, most_steps, adjustment, sampling)
        found, compiling = shared(self._train, _Training(task, job))
        steps, loss, seconds = found.steps, found.loss, found.seconds
        examples = len(windows)
        update = Update(partition_id, found.weights, examples, steps, loss, seconds, compiling)
        return Fitted(update, found.gradient)

    def train_on(
        self, windows: Windows, weights: Weights, task: Task, rng: np.random.Generator
    ) -> Weights:
        """Train ``(P,)`` weights on windows that are no client's, at least one.

        Raises
        ------
        FederationError
            Training ended in NaN or infinity.
        """
        job = TrainingJob(weights, windows, rng, adjustment=self._adjustment(windows, task))
        trained, _ = shared(self._train, _Training(task, job))
        if not (np.isfinite(trained.loss) and np.isfinite(trained.weights).all()):
            raise FederationError(
                f"round {task.server_round}: expected finite weights of the server's own training, "
                "got NaN or infinity; lower train.learning_rate"
            )
        return trained.weights

    def training_loss(self, partition_id: int, weights: Weights, task: Task) -> float:
        """Return the mean cross-entropy of a client's own training windows; NaN without any."""
        windows = self._training(partition_id, task)
        if not len(windows):
            return math.nan
        scored, _ = shared(self._score, (task, weights, windows))
        return scored.loss / len(windows)

    def head_sums(self, partition_id: int, weights: Weights, task: Task) -> HeadSums:
        """Return loss and derivatives by the head of ``(P,)`` weights, over training windows."""
        windows = self._training(partition_id, task)
        inputs, logits = self._read_by_head(windows, weights, task)
        return HeadSums.of(inputs, logits, windows.labels, task.class_weights.astype(np.float64))

    def bias_sums(self, partition_id: int, weights: Weights, task: Task) -> HeadSums:
        """Return loss and derivatives by the head's biases, over validation windows."""
        windows = self.dataset.validating(partition_id)
        assert windows is not None
        inputs, logits = self._read_by_head(windows, weights, task)
        class_weights = task.class_weights.astype(np.float64)
        return HeadSums.of(inputs[:, -1:], logits, windows.labels, class_weights)

    def class_moments(self, partition_id: int, weights: Weights, task: Task) -> ClassMoments:
        """Return sums of what the head of ``(P,)`` weights reads, over training windows."""
        windows = self._training(partition_id, task)
        inputs, logits = self._read_by_head(windows, weights, task)
        return ClassMoments.of(inputs[:, :-1], windows.labels, logits.shape[1])

    def _read_by_head(
        self, windows: Windows, weights: Weights, task: Task
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what the head reads of windows, with a column of ones, and the logits."""
        trainer = self._ready(task)
        head = weights[trainer.architecture.layout.head_places].astype(np.float64)
        inputs = np.zeros((0, head.shape[1]))
        if len(windows):
            inputs = with_ones(trainer.represent(weights, windows))
        return inputs, inputs @ head.T

    def evaluate(self, partition_id: int, weights: Weights, task: Task) -> Evaluation:
        """Score weights on a gateway's own test and validation windows.

        And on its attacks with a trigger, where the attack has one. Scores are counted in the
        last round, and in every round of a run with validation flows, which may end earlier.
        """
        dataset, triggered, validated, curves = self.dataset, None, None, None
        windows, novel = dataset.testing(partition_id), dataset.novel(partition_id)
        tested = self._scored(windows, weights, task)
        if dataset.marked:
            marked = self._scored(with_trigger(windows, dataset.poison_context), weights, task)
            attacks = windows.labels != BENIGN
            triggered = replace(marked, labels=windows.labels).counts(attacks)
        if (validation := dataset.validating(partition_id)) is not None:
            validated = self._scored(validation, weights, task)
        if validated or task.server_round == self.config.federation.rounds:
            checked = validated.tally() if validated else None
            curves = Tallies(tested.tally(), tested.tally(novel), checked)
        return Evaluation(
            partition_id,
            tested.counts(),
            tested.counts(novel),
            tested.predictions.loss,
            tested.compile_seconds,
            triggered,
            validated.counts() if validated else None,
            curves,
        )

    def _scored(self, windows: Windows, weights: Weights, task: Task) -> _Scored:
        return _Scored(windows.labels, *shared(self._score, (task, weights, windows)))

    def _training(self, partition_id: int, task: Task) -> Windows:
        """Return a client's training windows, made once for all that one call does with them."""
        place = (partition_id, task.server_round)
        if self._last is None or self._last[0] != place:
            windows = self.dataset.training(*place)
            if self._malicious is not None:
                windows = self._malicious.poison(windows, *place, self.dataset.poison_context)
            self._last = place, windows
        return self._last[1]

    def _adjustment(self, windows: Windows, task: Task) -> NDArray[np.float32] | None:
        return client_adjustment(self.dataset.support(windows), task.adjustment, self.config.train)

    def _train(self, group: Sequence[_Training]) -> list[tuple[TrainingResult, float]]:
        """Train together what is alike."""
        first, settings = group[0], self.config.train
        if not all(first.goes_with(other) for other in group):
            return [self._train([each])[0] for each in group]
        task = first.task
        rate = round_rate(settings, task.server_round, self.config.federation.rounds)
        local = LocalTraining(
            settings.epochs,
            rate,
            task.class_weights,
            settings.shuffle,
            settings.focal_gamma if settings.loss == "focal" else 0.0,
        )
        jobs = [each.job for each in group]
        return self._timed(task, lambda trainer: trainer.train_all(jobs, local))

    def _score(
        self, group: Sequence[tuple[Task, Weights, Windows]]
    ) -> list[tuple[Predictions, float]]:
        """Score together what has the same task and weights."""
        task, weights, _ = group[0]
        if not all(task.equals(t) and np.array_equal(weights, w) for t, w, _ in group):
            return [self._score([each])[0] for each in group]
        every = [windows for _, _, windows in group]
        return self._timed(task, lambda trainer: trainer.score_all(weights, every))

    def _timed(
        self, task: Task, work: Callable[[Trainer], list[Found]]
    ) -> list[tuple[Found, float]]:
        """Return what the trainer finds, with the seconds of compiling beside the first."""
        trainer = self._ready(task)
        compiled = trainer.compile_seconds
        first, *others = work(trainer)
        return [(first, trainer.compile_seconds - compiled), *((each, 0.0) for each in others)]

    def _ready(self, task: Task) -> Trainer:
        """Return the trainer for a task: compiled once, scaled anew for another scaler."""
        vectors, scaler, trainer = self.dataset.flows.vectors, task.scaler, self._trainer
        if trainer is None:
            train = self.config.train
            trainer = Trainer(
                run_architecture(task, self.config),
                scaler.apply(vectors),
                batch_size=train.batch_size,
                optimiser=train.optimiser,
                members=stack_size(self.config),
            )
        elif self._scaler != scaler:
            trainer.show(scaler.apply(vectors))
        self._trainer, self._scaler = trainer, scaler
        return trainer


@lru_cache(maxsize=1)
def open_trainer(config: Config) -> LocalTrainer:
    """Return this process's trainer of all clients of a run; opened once for a run."""
    dataset = FederatedDataset.open(config)
    return LocalTrainer(config, dataset, MaliciousClients.of(config, dataset.gateways))
