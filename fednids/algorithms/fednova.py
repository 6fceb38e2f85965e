"""FedNova: updates of clients that made different numbers of steps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.algorithms.interface import Aggregate, Aggregation, Algorithm, RoundStart
from fednids.messages.values import Update


class FedNova(Algorithm):
    r"""Normalised averaging.

    Wang et al., "Tackling the Objective Inconsistency Problem in Heterogeneous Federated
    Optimization", NeurIPS 2020, equation 6 and section 4: with :math:`p_i` a client's share
    of the windows and :math:`\tau_i` its number of steps, whose vector of gradient weights is
    all ones,

    .. math:: w_{t+1} = w_t + \Big(\sum_i p_i \tau_i\Big) \sum_i p_i \frac{w_i - w_t}{\tau_i}.

    Under Adam as well a change is taken to grow with the number of steps. Equal numbers of
    steps are FedAvg.
    """

    def begin(self, start: RoundStart) -> Aggregation:
        """Return the sum of a round's changes, each by step."""
        return _Direction(start)


class _Direction:
    def __init__(self, start: RoundStart):
        self._start = start
        self._direction: NDArray[np.float64] = np.zeros(len(start.weights))
        self._examples, self._steps = 0, 0

    def add(self, update: Update) -> None:
        change = np.subtract(update.weights, self._start.weights, dtype=np.float64)
        self._direction += change * (update.examples / update.steps)
        self._examples += update.examples
        self._steps += update.examples * update.steps

    def finish(self) -> Aggregate:
        """Go as many steps as were made on average."""
        steps, start = self._steps / self._examples, self._start
        moved = start.weights + steps * self._direction / self._examples
        return Aggregate(moved.astype(np.float32), start.state)
