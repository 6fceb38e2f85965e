"""SCAFFOLD: local gradients that are corrected by control variates."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from pydantic import Field

from fednids.algorithms.interface import (
    Aggregate,
    Aggregation,
    Algorithm,
    Arrays,
    Average,
    Client,
    RoundStart,
    WeightedMean,
)
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Objective, Shift


class Scaffold(Algorithm):
    r"""Stochastic controlled averaging.

    Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
    ICML 2020, algorithm 1. A client follows :math:`g_i(y) - c_i + c` (lines 7 to 14), the server

    .. math::
        x \leftarrow x + \eta_g \overline{y_i - x}, \quad
        c \leftarrow c + \frac{|S|}{N} \overline{c_i^+ - c_i}

    (lines 16 and 17). Where the paper's means are over clients, ours count them by their windows,
    as FedAvg does: with :math:`\eta_g = 1` and control variates of zero this is FedAvg. The new
    :math:`c_i^+` is the mean of the :math:`g_i(y)` on the way. Under plain gradient descent that
    is the paper's option II, :math:`c_i - c + (x - y_i) / (K \eta_l)`; under Adam, where that
    difference is no mean of gradients, it still is one.
    """

    class Settings(Section):  # noqa: D106
        server_learning_rate: float = Field(
            1.0, gt=0, le=100, description="eta_g, length of the server's step; 1 is FedAvg's"
        )

    settings: Settings
    keeps: ClassVar[tuple[str, ...]] = ("control",)
    sends: ClassVar[tuple[str, ...]] = ("control",)
    returns: ClassVar[tuple[str, ...]] = ("control",)
    remembers: ClassVar[bool] = True

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train along the corrected gradient; return the change of the client's control variate."""
        own = client.recall().get("control", np.zeros_like(weights))
        objective = Objective((Shift(received["control"] - own),), track_gradient=True)
        fitted = client.fit(weights, objective)
        assert fitted.gradient is not None
        client.remember(control=fitted.gradient)
        return replace(fitted.update, extras={"control": fitted.gradient - own})

    def begin(self, start: RoundStart) -> Aggregation:
        """Return the means of a round's updates and of their control variates."""
        return _Means(self, start)


class _Means(Average):
    def __init__(self, scaffold: Scaffold, start: RoundStart):
        super().__init__(start)
        self._scaffold, self._changes = scaffold, WeightedMean()

    def add(self, update: Update) -> None:
        super().add(update)
        self._changes.add(update.extras["control"], update.examples)

    def finish(self) -> Aggregate:
        mean, rate = super().finish().weights, self._scaffold.settings.server_learning_rate
        share = self._changes.count / self._scaffold.clients
        control = self.start.state["control"] + share * self._changes.total / self._changes.weight
        if rate == 1.0:
            return Aggregate(mean, {"control": control})
        start = self.start.weights.astype(np.float64)
        return Aggregate((start + rate * (mean - start)).astype(np.float32), {"control": control})
