"""Local training: the clients that a process serves, their flows and one compiled network.

The same few functions serve all arms: a ClientApp calls them for each message, the
centralised and the local arm call them in a loop.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from fednids.training.initial import round_rate, run_architecture, stack_size
from fednids.training.jobs import LocalTraining, Predictions, TrainingJob, TrainingResult
from fednids.training.objective import PLAIN, Objective
from fednids.training.together import shared
from fednids.training.trainer import Trainer

Found = TypeVar("Found")


@dataclass(frozen=True)
class _Training:
    """One training, as calls that are trained together ask for it."""

    task: Task
    job: TrainingJob

    def goes_with(self, other: _Training) -> bool:
        alike = self.job.objective.goes_with(other.job.objective)
        return alike and self.task.equals(other.task)


_Chosen = NDArray[np.bool_] | slice
_ALL = slice(None)


@dataclass(frozen=True)
class _Answered:
    """Windows, and what a detector says of them."""

    windows: Windows
    scored: Predictions

    def counts(self, classes: int, chosen: _Chosen = _ALL) -> ConfusionCounts:
        labels, predicted = self.windows.labels[chosen], self.scored.predicted[chosen]
        return ConfusionCounts.from_labels(labels, predicted, classes)

    def tally(self, chosen: _Chosen = _ALL) -> Tally:
        return Curves.of(self.scored.logits[chosen], self.windows.labels[chosen]).tally()


class LocalTrainer:
    """Trains and evaluates the clients that a process serves.

    Parameters
    ----------
    config : Config
        Settings of the run.
    fleet : FederatedDataset
        All gateways' flows.
    malicious : MaliciousClients, optional
        Who falsifies its flows; nobody where there is no server to lie to.
    """

    def __init__(
        self, config: Config, fleet: FederatedDataset, malicious: MaliciousClients | None = None
    ):
        self.config, self.fleet, self._malicious = config, fleet, malicious
        self._trainer: Trainer | None = None
        self._scaler: Scaler | None = None
        self._last: tuple[tuple[int, int], Windows] | None = None

    def statistics(self, partition_id: int) -> Statistics:
        """Sum up a gateway's training flows."""
        support = self.fleet.opening_support(partition_id)
        return Statistics(partition_id, self.fleet.moments(partition_id), support)

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
    ) -> Fitted:
        """Train ``(P,)`` weights on a client's windows; without any, return them as they are.

        Parameters
        ----------
        partition_id : int
            The client.
        weights : ndarray
            ``(P,) float32`` to start from.
        task : Task
            Scaler, class weights and round.
        objective : Objective
            What an algorithm adds to the loss.
        most_steps : int, optional
            Optimiser steps that there is time for, at least 1.
        """
        windows = self._training(partition_id, task)
        if not len(windows):
            return Fitted(Update(partition_id, weights, 0, 0, math.nan, 0.0, 0.0))
        key = (task.server_round, partition_id, *([objective.stage] if objective.stage else []))
        rng = generator(self.config.run.seed, Stream.TRAINING, *key)
        job = TrainingJob(weights, windows, rng, objective, most_steps)
        trained, compiling = shared(self._train, _Training(task, job))
        steps, loss, seconds = trained.steps, trained.loss, trained.seconds
        examples = len(windows)
        update = Update(partition_id, trained.weights, examples, steps, loss, seconds, compiling)
        return Fitted(update, trained.gradient)

    def train_on(
        self, windows: Windows, weights: Weights, task: Task, rng: np.random.Generator
    ) -> Weights:
        """Train ``(P,)`` weights on windows that are no client's, at least one.

        Raises
        ------
        FederationError
            Training ended in NaN or infinity.
        """
        trained, _ = shared(self._train, _Training(task, TrainingJob(weights, windows, rng)))
        if not (np.isfinite(trained.loss) and np.isfinite(trained.weights).all()):
            raise FederationError(
                f"round {task.server_round}: expected finite weights of the server's own training, "
                "got NaN or infinity; lower train.learning_rate"
            )
        return trained.weights

    def training_loss(self, partition_id: int, weights: Weights, task: Task) -> float:
        """Score weights on a gateway's own training windows: the mean cross-entropy, or NaN."""
        windows = self._training(partition_id, task)
        if not len(windows):
            return math.nan
        scored, _ = shared(self._score, (task, weights, windows))
        return scored.loss / len(windows)

    def evaluate(self, partition_id: int, weights: Weights, task: Task) -> Evaluation:
        """Score weights on a gateway's own test and validation windows.

        And on its attacks with a trigger, where the attack has one. Scores are counted in the
        last round, and in every round of a run with validation flows, which may end earlier.
        """
        fleet, classes = self.fleet, len(self.fleet.classes)
        tested, compiling = self._answered(fleet.testing(partition_id), weights, task)
        novel, triggered, validated = fleet.novel(partition_id), None, None
        if fleet.marked:
            marked = with_trigger(tested.windows, fleet.poison_context)
            answered = replace(self._answered(marked, weights, task)[0], windows=tested.windows)
            triggered = answered.counts(classes, tested.windows.labels != BENIGN)
        if (validation := fleet.validating(partition_id)) is not None:
            validated, _ = self._answered(validation, weights, task)
        curves = None
        if validated or task.server_round == self.config.federation.rounds:
            checked = validated.tally() if validated else None
            curves = Tallies(tested.tally(), tested.tally(novel), checked)
        return Evaluation(
            partition_id,
            tested.counts(classes),
            tested.counts(classes, novel),
            tested.scored.loss,
            compiling,
            triggered,
            validated.counts(classes) if validated else None,
            curves,
        )

    def _answered(self, windows: Windows, weights: Weights, task: Task) -> tuple[_Answered, float]:
        """Score windows; give the seconds of compiling beside."""
        scored, compiling = shared(self._score, (task, weights, windows))
        return _Answered(windows, scored), compiling

    def _training(self, partition_id: int, task: Task) -> Windows:
        """Return a gateway's training windows, once for all that one call asks."""
        place = (partition_id, task.server_round)
        if self._last is None or self._last[0] != place:
            windows = self.fleet.training(*place)
            if self._malicious is not None:
                windows = self._malicious.poison(windows, *place, self.fleet.poison_context)
            self._last = place, windows
        return self._last[1]

    def _train(self, asked: Sequence[_Training]) -> list[tuple[TrainingResult, float]]:
        """Train together what is alike; return the seconds of compiling with the first."""
        first, settings = asked[0], self.config.train
        if not all(first.goes_with(other) for other in asked):
            return [self._train([each])[0] for each in asked]
        task = first.task
        rate = round_rate(settings, task.server_round, self.config.federation.rounds)
        local = LocalTraining(
            settings.epochs,
            rate,
            task.class_weights,
            settings.shuffle,
            settings.sampling == "balanced",
            settings.focal_gamma if settings.loss == "focal" else 0.0,
            task.adjustment,
        )
        trainer = self._ready(task)
        compiled = trainer.compile_seconds
        found = trainer.train_all([each.job for each in asked], local)
        return _with_first(found, trainer.compile_seconds - compiled)

    def _score(
        self, asked: Sequence[tuple[Task, Weights, Windows]]
    ) -> list[tuple[Predictions, float]]:
        """Score together what has the same task and weights."""
        task, weights, _ = asked[0]
        if not all(task.equals(t) and np.array_equal(weights, w) for t, w, _ in asked):
            return [self._score([each])[0] for each in asked]
        trainer = self._ready(task)
        compiled = trainer.compile_seconds
        found = trainer.score_all(weights, [windows for _, _, windows in asked])
        return _with_first(found, trainer.compile_seconds - compiled)

    def _ready(self, task: Task) -> Trainer:
        """Return the trainer for a task: compiled once, scaled anew for another scaler."""
        vectors, scaler, trainer = self.fleet.flows.vectors, task.scaler, self._trainer
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


def _with_first(found: list[Found], seconds: float) -> list[tuple[Found, float]]:
    return [(each, seconds if place == 0 else 0.0) for place, each in enumerate(found)]


@lru_cache(maxsize=1)
def open_trainer(config: Config) -> LocalTrainer:
    """Return this process's trainer of all clients of a run; opened once for a run."""
    fleet = FederatedDataset.open(config)
    return LocalTrainer(config, fleet, MaliciousClients.of(config, fleet.gateways))
