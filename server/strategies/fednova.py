"""FedNova: updates of gateways that made different numbers of steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fednids.messages.values import Update
from fednids.networks.interface import Weights
from server.aggregation import Aggregation, nobody
from server.strategies.leading import Leading


class FedNova(Leading):
    r"""Normalised averaging.

    Wang et al., "Tackling the Objective Inconsistency Problem in Heterogeneous Federated
    Optimization", NeurIPS 2020, equation 6 and section 4: with :math:`p_i` a gateway's share
    of the windows and :math:`\tau_i` its number of steps, whose vector of gradient weights is
    all ones,

    .. math:: w_{t+1} = w_t + \Big(\sum_i p_i \tau_i\Big) \sum_i p_i \frac{w_i - w_t}{\tau_i}.

    Under Adam as well a change is taken to grow with the number of steps. Equal numbers of
    steps are FedAvg.
    """

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        return _Round(start)


class _Round:
    """One round of `FedNova`."""

    def __init__(self, start: Weights):
        self._start = start
        self._direction: NDArray[np.float64] = np.zeros(len(start))
        self._examples, self._steps = 0, 0

    def add(self, update: Update) -> None:
        """Add an update's change by step."""
        change = np.subtract(update.weights, self._start, dtype=np.float64)
        self._direction += change * (update.examples / update.steps)
        self._examples += update.examples
        self._steps += update.examples * update.steps

    def weights(self, server_round: int) -> Weights:
        """Go as many steps as were made on average."""
        if not self._examples:
            raise nobody(server_round)
        steps = self._steps / self._examples
        return (self._start + steps * self._direction / self._examples).astype(np.float32)
