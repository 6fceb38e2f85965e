"""A gateway: its flows, its memory, and what it makes of a message."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from clients.methods import find_method
from clients.methods.method import Given, Site
from clients.own import Own, named
from fednids.config import Config
from fednids.messages.card import check_asked, write_card
from fednids.messages.client_state import Memory, Remembered
from fednids.messages.encodings import Sender, find_encoding
from fednids.messages.records import WEIGHTS, Arrays, extras_of, named_weights, weights_parts
from fednids.messages.values import Evaluation, Statistics, Task, Update
from fednids.networks.interface import Weights
from fednids.seeding import Stream, generator
from fednids.simulation.environment import open_environment
from fednids.training.local import Fitted, Workplace, plain_correction
from fednids.training.objective import Correction

_RESIDUAL = "residual"
"""Name in the memory of what the encoding left out."""


class Gateway(Site):
    """One gateway of a workplace, while it answers one message.

    Parameters
    ----------
    workplace : Workplace
        Where it trains.
    partition_id : int
        Which gateway.
    memory : Memory
        What it remembers.
    own : Own, optional
        Its name and its file, in a deployment.
    """

    def __init__(
        self, workplace: Workplace, partition_id: int, memory: Memory, own: Own | None = None
    ):
        self._workplace, self._memory = workplace, memory
        self._partition_id, self._own = partition_id, own
        self._method = find_method(workplace.config.federation.strategy)
        wire = workplace.config.wire
        self._up = Sender(find_encoding(wire.up, wire))
        self._down = find_encoding(wire.down, wire, down=True)
        self._kept: dict[str, Weights] = {}

    @property
    def config(self) -> Config:
        """Settings of the run."""
        return self._workplace.config

    def statistics(self, version: str = "", schema: str = "") -> Statistics:
        """Say what the scaler and the class weights are made of; a run begins with that.

        Parameters
        ----------
        version, schema : str
            Of fednids, and digest of features and classes, at the server of a deployment.

        Raises
        ------
        FederationError
            They are not this gateway's.
        """
        found = self._workplace.statistics(self._partition_id)
        if self._own is None:
            return found
        with named(self._own.name):
            card = write_card(self._workplace.fleet, self._partition_id, self._own.name)
            check_asked(card, version, schema)
            self._own.begin(going_on=self.config.deploy.resume)
        return replace(found, card=card)

    def train(self, arrays: Arrays, task: Task) -> tuple[Update, Arrays]:
        """Do what the strategy's method does; give the update, and its weights as sent.

        What a training that ended in NaN or infinity leaves is not remembered: the server
        refuses its update, and the next round may go better.
        """
        given = self._given(arrays, task)
        if not self._workplace.windows(self._partition_id, task):
            nothing = np.empty(0, np.float32)
            return Update(self._partition_id, nothing, 0, 0, math.nan, 0.0, 0.0), {WEIGHTS: nothing}
        update = self._method.train(self, given)
        encoded = self._encode(given, update)
        if self._kept and all(np.isfinite(array).all() for array in self._kept.values()):
            before = self.recall(task.server_round - 1)
            self._memory.keep(task.server_round, {**before, **self._kept})
        return update, encoded

    def evaluate(self, arrays: Arrays, task: Task) -> Evaluation:
        """Score the gateway's detector on its own test flows."""
        weights = self.detector(arrays, task)
        return self._workplace.evaluate(self._partition_id, weights, task)

    def detector(self, arrays: Arrays, task: Task) -> Weights:
        """Give the weights that this gateway's flows are judged by, ``(P,) float32``."""
        return self._method.detector(self, self._given(arrays, task))

    def fit(self, weights: Weights, task: Task, correction: Correction | None = None) -> Fitted:
        """Train on the gateway's flows, for as long as there is time."""
        bent, k = correction or plain_correction(task), self._partition_id
        world, owned = open_environment(self.config), self._workplace.windows(k, task)
        work = world.work(task.bytes_down, task.bytes_up)
        most = world.most_steps(task.server_round, k, owned, work)
        return self._workplace.train(k, weights, task, replace(bent, most_steps=most))

    def training_loss(self, weights: Weights, task: Task) -> float:
        """Score weights on the gateway's training flows."""
        return self._workplace.training_loss(self._partition_id, weights, task)

    def recall(self, server_round: int) -> Remembered:
        """Give what was remembered at the end of a round."""
        return self._memory.recall(server_round)

    def remember(self, **arrays: Weights) -> None:
        """Keep arrays, by name, until they are replaced."""
        self._kept.update(arrays)

    def _given(self, arrays: Arrays, task: Task) -> Given:
        if self._own is not None:
            self._own.check()
        weights = self._down.decode(weights_parts(arrays), task.size)
        return Given(weights, extras_of(arrays), task)

    def _encode(self, given: Given, update: Update) -> Arrays:
        """Write the update's weights, and keep what the encoding left out."""
        number = given.task.server_round
        rng = generator(self.config.run.seed, Stream.WIRE, number, self._partition_id)
        residual = None
        if self._up.encoding.feedback:
            residual = self.recall(number - 1).get(_RESIDUAL)
        start = self._method.reference(given, update)
        parts, left = self._up.encode_update(start, update.weights, residual, rng)
        if left is not None:
            self.remember(**{_RESIDUAL: left})
        return named_weights(parts)
