"""FLTrust: updates are trusted as far as they agree with one that the server trains itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.algorithms.interface import Aggregate, Aggregation, Algorithm, RoundStart
from fednids.config import Section
from fednids.messages.values import Update


class FLTrust(Algorithm):
    r"""Trust that starts from a few clean flows of the server's own.

    Cao et al., "FLTrust: Byzantine-robust Federated Learning via Trust Bootstrapping", NDSS
    2021, algorithm 2: with :math:`g_i = w_i - w_t` a client's change, and :math:`g_0` the
    server's, trained on its flows as clients train,

    .. math::
        TS_i = \mathrm{ReLU}(\cos(g_i, g_0)), \quad
        w_{t+1} = w_t + \frac{1}{\sum_j TS_j} \sum_i TS_i \frac{\|g_0\|}{\|g_i\|} g_i,

    where their global learning rate is 1. Numbers of windows, which malicious clients may invent,
    do not count. In a round in which no update is trusted the weights stay as they are, for there
    is nothing to sum; ``rounds.jsonl`` records how many were trusted.
    """

    class Settings(Section):  # noqa: D106
        root_flows: int = Field(
            100, ge=1, description="size of the root set, the server's own clean training flows"
        )

    settings: Settings

    @property
    def clean_flows(self) -> int:
        """Size of the root set."""
        return self.settings.root_flows

    def begin(self, start: RoundStart) -> Aggregation:
        """Return the sum of a round's trusted changes."""
        return _Trusted(start)


class _Trusted:
    def __init__(self, start: RoundStart):
        if start.clean is None:
            raise ValueError("expected weights of the server's own training, got none")
        self._start = start
        self._root = np.subtract(start.clean, start.weights, dtype=np.float64)
        self._length = _length(self._root)
        self._sum: NDArray[np.float64] = np.zeros(len(start.weights))
        self._trust, self._trusted = 0.0, 0

    def add(self, update: Update) -> None:
        change = np.subtract(update.weights, self._start.weights, dtype=np.float64)
        length = _length(change)
        if not length * self._length:
            return
        cosine = float(np.einsum("i,i->", change, self._root)) / length / self._length
        if cosine > 0:
            change *= cosine * self._length / length
            self._sum += change
            self._trust, self._trusted = self._trust + cosine, self._trusted + 1

    def finish(self) -> Aggregate:
        start, log = self._start, {"trusted": self._trusted}
        if not self._trusted:
            return Aggregate(start.weights.copy(), start.state, log)
        moved = (start.weights + self._sum / self._trust).astype(np.float32)
        return Aggregate(moved, start.state, log)


def _length(change: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.einsum("i,i->", change, change)))
