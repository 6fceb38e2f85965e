"""q-FedAvg: more weight to gateways that the global detector serves badly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fednids.messages.values import Update
from fednids.networks.interface import Weights
from server.aggregation import Aggregation, nobody
from server.strategies.leading import Leading

_TINY = 1e-10


class QFedAvg(Leading):
    r"""Fair aggregation, as Flower's ``QFedAvg``.

    Li, Sanjabi, Beirami, Smith, "Fair Resource Allocation in Federated Learning", ICLR 2020,
    algorithm 2: with :math:`F_k` a gateway's loss of the global weights and
    :math:`\Delta w_k = L (w_t - w_k)`,

    .. math::
        w_{t+1} = w_t - \frac{\sum_k F_k^q \Delta w_k}
                             {\sum_k q F_k^{q-1} \|\Delta w_k\|^2 + L F_k^q}.

    With :math:`q = 0` it is the mean in which gateways count alike. Under plain gradient
    descent :math:`L` is one over the gateways' learning rate. Adam's changes are no multiples
    of gradients; there it is a dial, and the larger, the shorter are the steps.

    Parameters
    ----------
    q : float
        From 0.
    lipschitz : float
        :math:`L`, above 0.
    """

    start_loss: ClassVar[bool] = True

    def __init__(self, q: float, lipschitz: float):
        super().__init__()
        self.q, self.lipschitz = q, lipschitz

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        return _Round(self, start)


class _Round:
    """One round of `QFedAvg`."""

    def __init__(self, strategy: QFedAvg, start: Weights):
        self._strategy, self._start = strategy, start
        self._change: NDArray[np.float64] = np.zeros(len(start))
        self._loss, self._squares = 0.0, 0.0

    def add(self, update: Update) -> None:
        """Add an update; L is put to the sums later."""
        q, loss = self._strategy.q, update.start_loss + _TINY
        change = np.subtract(self._start, update.weights, dtype=np.float64)
        self._change += loss**q * change
        self._loss += loss**q
        self._squares += q * loss ** (q - 1) * float(np.square(change).sum())

    def weights(self, server_round: int) -> Weights:
        """Make the step."""
        if not self._loss:
            raise nobody(server_round)
        lipschitz = self._strategy.lipschitz
        bound = lipschitz**2 * self._squares + lipschitz * self._loss
        return (self._start - lipschitz * self._change / bound).astype(np.float32)
