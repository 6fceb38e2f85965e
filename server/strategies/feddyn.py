"""FedDyn at the server."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fednids.messages.values import Update
from fednids.networks.interface import Weights
from server.aggregation import Aggregation, nobody
from server.strategies.leading import Leading, remembered

_DRIFT = "drift"


class FedDyn(Leading):
    r"""Dynamic regularisation, the server's half.

    Acar et al., "Federated Learning Based on Dynamic Regularization", ICLR 2021, algorithm 1,
    with :math:`P` the participants of the round and :math:`m` all gateways:

    .. math::
        h \leftarrow h - \frac\alpha m \sum_{k \in P} (w_k - w_t), \quad
        w_{t+1} = \frac1{|P|} \sum_{k \in P} w_k - \frac1\alpha h.

    Gateways count alike, whatever their number of windows, as in the paper.

    Parameters
    ----------
    alpha : float
        Strength of the regularisation, above 0.
    gateways : int
        :math:`m`.
    """

    remembers = True

    def __init__(self, alpha: float, gateways: int):
        super().__init__()
        self.alpha, self.gateways, self.memory = alpha, gateways, (_DRIFT,)

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        return _Round(self, start)


class _Round:
    """One round of `FedDyn`."""

    def __init__(self, strategy: FedDyn, start: Weights):
        self._strategy, self._start = strategy, start
        self._sum: NDArray[np.float64] = np.zeros(len(start))
        self._count = 0

    def add(self, update: Update) -> None:
        """Add an update."""
        self._sum += update.weights
        self._count += 1

    def weights(self, server_round: int) -> Weights:
        """Make the step; the strategy remembers the drift."""
        if not self._count:
            raise nobody(server_round)
        strategy = self._strategy
        moved = self._sum - self._count * self._start.astype(np.float64)
        drift = remembered(strategy, len(moved))[_DRIFT]
        drift = drift - strategy.alpha / strategy.gateways * moved
        strategy.state = {_DRIFT: drift}
        return (self._sum / self._count - drift / strategy.alpha).astype(np.float32)
