"""SCAFFOLD at the server."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fednids.messages.records import Arrays
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from server.aggregation import Aggregation, RunningMean
from server.strategies.leading import Leading, remembered

CONTROL = "control"


class Scaffold(Leading):
    r"""Stochastic controlled averaging, the server's half.

    Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
    ICML 2020, algorithm 1, lines 16 and 17:

    .. math::
        x \leftarrow x + \eta_g \overline{y_i - x}, \quad
        c \leftarrow c + \frac{|S|}{N} \overline{c_i^+ - c_i}

    where the paper's means are over gateways, ours count them by their windows, as FedAvg
    does: with :math:`\eta_g = 1` and control variates of zero this is FedAvg.

    Parameters
    ----------
    learning_rate : float
        :math:`\eta_g`, above 0.
    gateways : int
        :math:`N`.
    """

    extras = (CONTROL,)
    remembers = True

    def __init__(self, learning_rate: float, gateways: int):
        super().__init__()
        self.learning_rate, self.gateways, self.memory = learning_rate, gateways, (CONTROL,)

    def sends(self, size: int) -> Arrays:
        """Send the control variate."""
        return {CONTROL: remembered(self, size)[CONTROL].astype(np.float32)}

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        return _Round(self, start)


class _Round:
    """One round of `Scaffold`."""

    def __init__(self, strategy: Scaffold, start: Weights):
        self._strategy, self._start, self._mean = strategy, start, RunningMean()
        self._changes: NDArray[np.float64] = np.zeros(len(start))
        self._examples, self._count = 0, 0

    def add(self, update: Update) -> None:
        """Add an update to both means."""
        self._mean.add(update)
        self._changes += np.multiply(update.extras[CONTROL], update.examples, dtype=np.float64)
        self._examples, self._count = self._examples + update.examples, self._count + 1

    def weights(self, server_round: int) -> Weights:
        """Make the step; the strategy remembers the control variate."""
        strategy, rate = self._strategy, self._strategy.learning_rate
        mean = self._mean.weights(server_round)
        control = remembered(strategy, len(mean))[CONTROL]
        share = self._count / strategy.gateways
        strategy.state = {CONTROL: control + share * self._changes / self._examples}
        if rate == 1.0:
            return mean
        start = self._start.astype(np.float64)
        return (start + rate * (mean - start)).astype(np.float32)
