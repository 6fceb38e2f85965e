"""q-FedAvg: more weight to clients that the global detector serves badly."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.algorithms.interface import (
    Aggregate,
    Aggregation,
    Algorithm,
    Arrays,
    Client,
    RoundStart,
)
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Weights

_TINY = 1e-10


class QFedAvg(Algorithm):
    r"""Fair aggregation, as Flower's ``QFedAvg``.

    Li, Sanjabi, Beirami, Smith, "Fair Resource Allocation in Federated Learning", ICLR 2020,
    algorithm 2: with :math:`F_k` a client's loss of the global weights and
    :math:`\Delta w_k = L (w_t - w_k)`,

    .. math::
        w_{t+1} = w_t - \frac{\sum_k F_k^q \Delta w_k}
                             {\sum_k q F_k^{q-1} \|\Delta w_k\|^2 + L F_k^q}.

    With :math:`q = 0` it is the mean in which clients count alike. Under plain gradient
    descent :math:`L` is one over the clients' learning rate. Adam's changes are no multiples
    of gradients; there :math:`L` is a parameter to choose, and the larger, the shorter the steps.
    """

    class Settings(Section):  # noqa: D106
        q: float = Field(
            0.2, ge=0, description="q: weight of clients with a large loss; 0 counts all alike"
        )
        lipschitz: float = Field(
            1.0, gt=0, description="L, the Lipschitz constant: the larger, the shorter the steps"
        )

    settings: Settings
    needs_start_loss: ClassVar[bool] = True

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Return the update with the loss of the global weights."""
        loss = client.training_loss(weights)
        return replace(client.fit(weights).update, start_loss=loss)

    def begin(self, start: RoundStart) -> Aggregation:
        """Return the sums of a round."""
        return _Sums(self.settings.q, self.settings.lipschitz, start)


class _Sums:
    def __init__(self, q: float, lipschitz: float, start: RoundStart):
        self._q, self._lipschitz, self._start = q, lipschitz, start
        self._change: NDArray[np.float64] = np.zeros(len(start.weights))
        self._loss, self._squares = 0.0, 0.0

    def add(self, update: Update) -> None:
        q, loss = self._q, update.start_loss + _TINY
        change = np.subtract(self._start.weights, update.weights, dtype=np.float64)
        self._change += loss**q * change
        self._loss += loss**q
        self._squares += q * loss ** (q - 1) * float(np.square(change).sum())

    def finish(self) -> Aggregate:
        lipschitz, start = self._lipschitz, self._start
        bound = lipschitz**2 * self._squares + lipschitz * self._loss
        moved = start.weights - lipschitz * self._change / bound
        return Aggregate(moved.astype(np.float32), start.state)
