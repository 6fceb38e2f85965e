"""What a client does with a message: its flows, its state, and the algorithm's client half."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from flwr.app import Context, MessageType, RecordDict
from numpy.typing import NDArray

from clients.local_data import OwnFlows, local_data, named
from fednids.algorithms import Arrays, find_algorithm
from fednids.config import Config
from fednids.messages.card import check_asked, write_card
from fednids.messages.client_state import Memory, Remembered
from fednids.messages.codec import WeightCodec
from fednids.messages.encodings.parts import SentArrays
from fednids.messages.records import (
    WEIGHTS,
    calibration_content,
    evaluation_content,
    extras_of,
    read_query,
    read_task,
    statistics_content,
    update_content,
    with_evaluation,
)
from fednids.messages.values import Calibration, Evaluation, Fitted, Statistics, Task, Update
from fednids.networks.interface import Weights
from fednids.simulation.environment import open_environment
from fednids.training.initial import initial_weights, run_architecture
from fednids.training.local import LocalTrainer
from fednids.training.objective import PLAIN, Objective

CALIBRATIONS = ("head_sums", "bias_sums", "class_moments")
"""Methods of a `LocalTrainer` whose sums a recalibration asks for, and actions of queries."""

_RESIDUAL = "residual"
"""Name in the client's state of what the encoding of its updates left out."""


def answer(kind: str, content: RecordDict, context: Context) -> RecordDict:
    """Do what a message asks of a client.

    Parameters
    ----------
    kind : str
        The message's type, one of `ANSWERS`.
    content : RecordDict
        What the server sent.
    context : Context
        Whom it is for: node config and run config.

    Returns
    -------
    RecordDict
        The content of the reply.

    Raises
    ------
    FednidsError
        The client's flows cannot be read, or do not fit the run.
    """
    found = local_data(context)
    client = FlowClient(found.trainer, found.partition_id, found.memory, found.own)
    return ANSWERS[kind](client, content)


class FlowClient:
    """One client of a process.

    Parameters
    ----------
    trainer : LocalTrainer
        Trains and evaluates on the flows of the process's clients.
    partition_id : int
        Which client.
    memory : Memory
        What it keeps between rounds.
    own : OwnFlows, optional
        The name and the file of a deployed gateway.
    """

    def __init__(
        self,
        trainer: LocalTrainer,
        partition_id: int,
        memory: Memory,
        own: OwnFlows | None = None,
    ):
        self.trainer, self.partition_id, self.memory = trainer, partition_id, memory
        self._own, self._codec = own, WeightCodec(trainer.config)
        self.algorithm = find_algorithm(trainer.config)

    @property
    def config(self) -> Config:
        """Settings of the run."""
        return self.trainer.config

    def statistics(self, version: str = "", schema: str = "") -> Statistics:
        """Return what scaler and class weights are made of; a run begins with that.

        Parameters
        ----------
        version, schema : str
            Of fednids, and digest of features and classes, at the server of a deployment.

        Raises
        ------
        FederationError
            They are not this gateway's.
        """
        found = self.trainer.statistics(self.partition_id)
        if self._own is None:
            return found
        with named(self._own.name):
            card = write_card(self.trainer.dataset, self.partition_id, self._own.name)
            check_asked(card, version, schema)
            self._own.begin(resumed=self.config.deploy.resume)
        return replace(found, card=card)

    def train(self, arrays: SentArrays, task: Task) -> tuple[Update, SentArrays]:
        """Train as the algorithm's client half says; return the update, and its weights as sent.

        What a training that ended in NaN or infinity leaves is not kept: the server refuses its
        update, and the next round may go better.
        """
        weights, received = self._read(arrays, task)
        if not self.trainer.windows(self.partition_id, task):
            nothing = np.empty(0, np.float32)
            return Update(self.partition_id, nothing, 0, 0, math.nan, 0.0, 0.0), {WEIGHTS: nothing}
        turn = _Turn(self, task, task.server_round - 1)
        update = self.algorithm.train(turn, weights, received)
        residual = turn.recall().get(_RESIDUAL) if self._codec.feedback else None
        encoded, left = self._codec.pack_update(
            self.algorithm.reference(weights, update.choice),
            update.weights,
            residual,
            (task.server_round, self.partition_id),
        )
        if left is not None:
            turn.remember(**{_RESIDUAL: left})
        if turn.kept and all(np.isfinite(array).all() for array in turn.kept.values()):
            self.memory.keep(task.server_round, {**turn.recall(), **turn.kept})
        return update, encoded

    def evaluate(self, arrays: SentArrays, task: Task) -> Evaluation:
        """Evaluate the client's detector on its own test flows."""
        return self.trainer.evaluate(self.partition_id, self.detector(arrays, task), task)

    def detector(self, arrays: SentArrays, task: Task) -> Weights:
        """Return the weights that this client's flows are judged by, ``(P,) float32``."""
        weights, received = self._read(arrays, task)
        return self.algorithm.detector(_Turn(self, task, task.server_round), weights, received)

    def _read(self, arrays: SentArrays, task: Task) -> tuple[Weights, Arrays]:
        if self._own is not None:
            self._own.check()
        return self._codec.read(arrays, task.size), extras_of(arrays)


@dataclass(frozen=True)
class _Turn:
    """A client while it answers one message: the `fednids.algorithms.Client` of an algorithm."""

    client: FlowClient
    task: Task
    known: int
    """The round up to which the client's state counts."""
    kept: dict[str, Weights] = field(default_factory=dict)

    @property
    def server_round(self) -> int:
        return self.task.server_round

    @property
    def class_counts(self) -> NDArray[np.int64]:
        return self.client.trainer.class_counts(self.client.partition_id, self.task)

    def fit(self, weights: Weights, objective: Objective = PLAIN) -> Fitted:
        trainer, k, task = self.client.trainer, self.client.partition_id, self.task
        environment, windows = open_environment(trainer.config), trainer.windows(k, task)
        work = environment.work(task.bytes_down, task.bytes_up)
        most = environment.most_steps(task.server_round, k, windows, work)
        sampling = self.client.algorithm.sampling
        return trainer.train(k, weights, task, objective, most, sampling)

    def training_loss(self, weights: Weights) -> float:
        return self.client.trainer.training_loss(self.client.partition_id, weights, self.task)

    def recall(self) -> Remembered:
        return self.client.memory.recall(self.known)

    def remember(self, **arrays: Weights) -> None:
        self.kept.update(arrays)

    def initial_weights(self) -> Weights:
        config = self.client.config
        return initial_weights(run_architecture(self.task, config), config)


def _statistics(client: FlowClient, content: RecordDict) -> RecordDict:
    return statistics_content(client.statistics(*read_query(content)))


def _train(client: FlowClient, content: RecordDict) -> RecordDict:
    """Train the weights that came; evaluate them before, where that is asked for."""
    arrays, task = read_task(content)
    evaluation = client.evaluate(arrays, task.before()) if task.score_first else None
    update = update_content(*client.train(arrays, task))
    return update if evaluation is None else with_evaluation(update, evaluation)


def _evaluate(client: FlowClient, content: RecordDict) -> RecordDict:
    return evaluation_content(client.evaluate(*read_task(content)))


def _calibration(name: str) -> Callable[[FlowClient, RecordDict], RecordDict]:
    """Return what answers with sums over the client's flows, by a method of the trainer."""

    def answer(client: FlowClient, content: RecordDict) -> RecordDict:
        arrays, task = read_task(content)
        weights, k = client.detector(arrays, task), client.partition_id
        sums = getattr(client.trainer, name)(k, weights, task)
        return calibration_content(Calibration(k, sums))

    return answer


ANSWERS: Mapping[str, Callable[[FlowClient, RecordDict], RecordDict]] = {
    MessageType.QUERY: _statistics,
    MessageType.TRAIN: _train,
    MessageType.EVALUATE: _evaluate,
    **{f"{MessageType.QUERY}.{name}": _calibration(name) for name in CALIBRATIONS},
}
"""What a client does, by the type of the message."""
