"""FedDyn: a linear term that makes the clients' optima agree with the global one."""

from __future__ import annotations

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
from fednids.training.objective import Objective, Proximal, Shift


class FedDyn(Algorithm):
    r"""Dynamic regularisation.

    Acar et al., "Federated Learning Based on Dynamic Regularization", ICLR 2021. A client
    minimises :math:`L_k(w) - \langle \nabla L_k(w_k), w \rangle + \frac\alpha2 \|w - w_t\|^2`
    (equation 1) and then remembers :math:`\nabla L_k(w_k) - \alpha (w_k^+ - w_t)`; the server
    does, with :math:`P` the participants of the round and :math:`m` all clients (algorithm 1),

    .. math::
        h \leftarrow h - \frac\alpha m \sum_{k \in P} (w_k - w_t), \quad
        w_{t+1} = \frac1{|P|} \sum_{k \in P} w_k - \frac1\alpha h.

    Clients count alike, whatever their number of windows, as in the paper.
    """

    class Settings(Section):  # noqa: D106
        alpha: float = Field(
            0.01, gt=0, description="FedDyn's alpha: strength of the pull to the global weights"
        )

    settings: Settings
    keeps: ClassVar[tuple[str, ...]] = ("drift",)
    remembers: ClassVar[bool] = True

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train with both terms; remember the gradient."""
        alpha = self.settings.alpha
        gradient = client.recall().get("gradient", np.zeros_like(weights))
        update = client.fit(weights, Objective((Proximal(alpha), Shift(-gradient)))).update
        client.remember(gradient=gradient - np.float32(alpha) * (update.weights - weights))
        return update

    def begin(self, start: RoundStart) -> Aggregation:
        """Return the sum of a round's updates."""
        return _Sum(self, start)


class _Sum:
    def __init__(self, feddyn: FedDyn, start: RoundStart):
        self._feddyn, self._start = feddyn, start
        self._sum: NDArray[np.float64] = np.zeros(len(start.weights))
        self._count = 0

    def add(self, update: Update) -> None:
        self._sum += update.weights
        self._count += 1

    def finish(self) -> Aggregate:
        alpha, clients = self._feddyn.settings.alpha, self._feddyn.clients
        moved = self._sum - self._count * self._start.weights.astype(np.float64)
        drift = self._start.state["drift"] - alpha / clients * moved
        weights = (self._sum / self._count - drift / alpha).astype(np.float32)
        return Aggregate(weights, {"drift": drift})
