"""FedAvgM: momentum on the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from server.updates import State


@dataclass(frozen=True)
class FedAvgM:
    r"""Server momentum, as Flower's ``FedAvgM``.

    Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated
    Visual Classification", arXiv 1909.06335, section 4.3: with :math:`\Delta = w_t - \bar w`,

    .. math:: v_t = \beta v_{t-1} + \Delta, \quad w_{t+1} = w_t - \eta v_t.

    Momentum 0 and rate 1 are FedAvg.

    Attributes
    ----------
    learning_rate : float
        :math:`\eta`, above 0.
    momentum : float
        :math:`\beta`, from 0 to below 1.
    """

    learning_rate: float
    momentum: float
    memory: ClassVar[tuple[str, ...]] = ("momentum",)

    def step(
        self,
        start: NDArray[np.float64],
        mean: NDArray[np.float64],
        state: State,
        server_round: int,
    ) -> tuple[NDArray[np.float64], State]:
        """Roll on, and towards the mean."""
        velocity = self.momentum * state["momentum"] + (start - mean)
        return start - self.learning_rate * velocity, {"momentum": velocity}
