"""FLTrust: updates are trusted as far as they agree with one that the server trains itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fednids.messages.values import Update
from fednids.networks.interface import Weights
from server.aggregation import Aggregation, nobody
from server.strategies.leading import Leading


class FLTrust(Leading):
    r"""Trust bootstrapped from a few clean flows of the server's own.

    Cao et al., "FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping", NDSS
    2021, algorithm 2: with :math:`g_i = w_i - w_t` a gateway's change, and
    :math:`g_0` the server's, trained on its flows as gateways train,

    .. math::
        TS_i = \mathrm{ReLU}(\cos(g_i, g_0)), \quad
        w_{t+1} = w_t + \frac{1}{\sum_j TS_j} \sum_i TS_i \frac{\|g_0\|}{\|g_i\|} g_i,

    where their global learning rate is 1. Numbers of windows, which liars may make up, do
    not count. In a round in which no update is trusted the weights stay as they are, for
    there is nothing to sum; ``rounds.jsonl`` says how many were trusted.

    Parameters
    ----------
    root_flows : int
        How many flows the server has; `fednids.experiment.root` draws them.
    """

    rooted: ClassVar[bool] = True

    def __init__(self, root_flows: int):
        super().__init__()
        self.root_flows = root_flows
        self._trained: Weights | None = None
        self._trusted = 0

    def trust(self, trained: Weights) -> None:
        """Learn what the server trained from the weights that the next round starts from."""
        self._trained = trained

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        if self._trained is None:
            raise ValueError("expected `trust` before the round, got none; call it first")
        self.tell(0)
        return _Round(self, start, np.subtract(self._trained, start, dtype=np.float64))

    def story(self) -> Mapping[str, Any]:
        """Tell how many updates were trusted at all."""
        return {"trusted": self._trusted}

    def tell(self, trusted: int) -> None:
        """Learn how many updates were trusted in the round that has ended."""
        self._trusted = trusted


class _Round:
    """One round of `FLTrust`."""

    def __init__(self, strategy: FLTrust, start: Weights, root: NDArray[np.float64]):
        self._strategy, self._start, self._root = strategy, start, root
        self._length = _length(root)
        self._sum: NDArray[np.float64] = np.zeros(len(start))
        self._trust, self._trusted, self._came = 0.0, 0, 0

    def add(self, update: Update) -> None:
        """Add a change of the root's length, as often as it is trusted."""
        self._came += 1
        change = np.subtract(update.weights, self._start, dtype=np.float64)
        length = _length(change)
        if not length * self._length:
            return
        cosine = float(np.einsum("i,i->", change, self._root)) / length / self._length
        if cosine > 0:
            change *= cosine * self._length / length
            self._sum += change
            self._trust, self._trusted = self._trust + cosine, self._trusted + 1

    def weights(self, server_round: int) -> Weights:
        """Make the step; none where nobody is trusted."""
        if not self._came:
            raise nobody(server_round)
        self._strategy.tell(self._trusted)
        if not self._trusted:
            return self._start.copy()
        return (self._start + self._sum / self._trust).astype(np.float32)


def _length(change: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.einsum("i,i->", change, change)))
