"""Where gateways train: their flows and one compiled network, shared by a process.

The same few functions serve all arms: a ClientApp calls them for each message, the
centralised and the local arm call them in a loop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fednids.config import Config, Scalar, TrainConfig
from fednids.detector.architecture import Weights
from fednids.detector.jobs import Job, LocalTraining, Scored, Trained
from fednids.detector.training import Trainer
from fednids.exchange import Evaluation, Statistics, Task, Update
from fednids.fleet import Fleet
from fednids.flows.scaling import Scaler
from fednids.flows.windows import Windows
from fednids.metrics import ConfusionCounts
from fednids.opening import opening_architecture, stack_size
from fednids.seeding import Stream, generator
from fednids.together import shared

Found = TypeVar("Found")


class Workplace:
    """The gateways that a process serves.

    Parameters
    ----------
    config : Config
        Settings of the run.
    fleet : Fleet
        All gateways' flows.
    """

    def __init__(self, config: Config, fleet: Fleet):
        self.config, self.fleet = config, fleet
        self._trainer: Trainer | None = None
        self._scaler: Scaler | None = None

    def statistics(self, partition_id: int) -> Statistics:
        """Sum up a gateway's training flows."""
        support = self.fleet.opening_support(partition_id)
        return Statistics(partition_id, self.fleet.moments(partition_id), support)

    def train(self, partition_id: int, weights: Weights, task: Task) -> Update:
        """Train weights on a gateway's windows; without any, give them back as they are."""
        windows = self.fleet.training(partition_id, task.server_round)
        if not len(windows):
            return Update(partition_id, weights, 0, 0, math.nan, 0.0, 0.0)
        rng = generator(self.config.run.seed, Stream.TRAINING, task.server_round, partition_id)
        job = Job(weights, windows, rng)
        trained, compiling = shared(self._train, (task, job))
        examples, steps = len(windows), trained.steps
        return Update(
            partition_id, trained.weights, examples, steps, trained.loss, trained.seconds, compiling
        )

    def evaluate(self, partition_id: int, weights: Weights, task: Task) -> Evaluation:
        """Score weights on a gateway's own test windows."""
        windows, novel = self.fleet.testing(partition_id), self.fleet.novel(partition_id)
        scored, compiling = shared(self._score, (task, weights, windows))
        return Evaluation(
            partition_id,
            self._count(windows, scored.predicted),
            self._count(windows, scored.predicted, novel),
            scored.loss,
            compiling,
        )

    def _train(self, asked: Sequence[tuple[Task, Job]]) -> list[tuple[Trained, float]]:
        """Train together what has the same task; give the seconds of compiling with the first."""
        task, settings = asked[0][0], self.config.train
        if not all(task.equals(other) for other, _ in asked):
            return [self._train([each])[0] for each in asked]
        rate = round_rate(settings, task.server_round, self.config.federation.rounds)
        local = LocalTraining(
            settings.epochs, rate, task.class_weights, task.proximal_mu, settings.shuffle
        )
        trainer = self._ready(task)
        compiled = trainer.compile_seconds
        found = trainer.train_all([job for _, job in asked], local)
        return _with_first(found, trainer.compile_seconds - compiled)

    def _score(self, asked: Sequence[tuple[Task, Weights, Windows]]) -> list[tuple[Scored, float]]:
        """Score together what has the same task and weights."""
        task, weights, _ = asked[0]
        if not all(task.equals(t) and np.array_equal(weights, w) for t, w, _ in asked):
            return [self._score([each])[0] for each in asked]
        trainer = self._ready(task)
        compiled = trainer.compile_seconds
        found = trainer.score_all(weights, [windows for _, _, windows in asked])
        return _with_first(found, trainer.compile_seconds - compiled)

    def _count(
        self,
        windows: Windows,
        predicted: NDArray[np.int32],
        chosen: NDArray[np.bool_] | slice = slice(None),
    ) -> ConfusionCounts:
        classes = len(self.fleet.classes)
        return ConfusionCounts.from_labels(windows.labels[chosen], predicted[chosen], classes)

    def _ready(self, task: Task) -> Trainer:
        """Give the trainer for a task: compiled once, scaled anew for another scaler."""
        scaler, proximal = task.scaler, task.proximal_mu > 0
        vectors = self.fleet.flows.vectors
        if self._trainer is None or self._trainer.proximal != proximal:
            train = self.config.train
            self._trainer = Trainer(
                opening_architecture(task, self.config),
                scaler.apply(vectors),
                batch_size=train.batch_size,
                optimiser=train.optimiser,
                proximal=proximal,
                members=stack_size(self.config),
            )
        elif self._scaler != scaler:
            self._trainer.show(scaler.apply(vectors))
        self._scaler = scaler
        return self._trainer


def _with_first(found: list[Found], seconds: float) -> list[tuple[Found, float]]:
    return [(each, seconds if place == 0 else 0.0) for place, each in enumerate(found)]


def round_rate(train: TrainConfig, server_round: int, rounds: int) -> float:
    """Give a round's learning rate: half a cosine from the first rate to the final one.

    Parameters
    ----------
    train : TrainConfig
        First rate, and the final one as a share of it.
    server_round, rounds : int
        Round from 1, and how many there are.
    """
    done = (server_round - 1) / max(rounds - 1, 1)
    left = 0.5 * (1 + math.cos(math.pi * done))
    return train.learning_rate * (train.final_rate + (1 - train.final_rate) * left)


@lru_cache(maxsize=1)
def _open(settings: tuple[tuple[str, Scalar], ...]) -> Workplace:
    config = Config.resolve(dict(settings))
    return Workplace(config, Fleet.open(config))


def open_workplace(settings: Mapping[str, Scalar]) -> Workplace:
    """Give this process's workplace for flat settings; opened once for a run."""
    return _open(tuple(sorted(settings.items())))
