r"""FedAdam, FedYogi and FedAdagrad: steps scaled weight by weight, on the server.

Reddi et al., "Adaptive Federated Optimization", ICLR 2021, algorithm 2: with
:math:`\Delta_t = \bar w - w_t`,

.. math:: m_t = \beta_1 m_{t-1} + (1 - \beta_1) \Delta_t, \quad
          w_{t+1} = w_t + \eta \, m_t / (\sqrt{v_t} + \tau),

and each method has a :math:`v_t` of its own. The mathematics is that of Flower's classes,
which differ from the paper in that :math:`v` starts at 0 and not at :math:`\tau^2`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from server.updates import State

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FedAdagrad:
    r""":math:`v_t = v_{t-1} + \Delta_t^2` and no momentum, :math:`\beta_1 = 0`.

    Attributes
    ----------
    eta, tau : float
        Server's learning rate, and what is added to the root; above 0.
    """

    eta: float
    tau: float
    memory: ClassVar[tuple[str, ...]] = ("second",)

    def step(
        self, start: Array, mean: Array, state: State, server_round: int
    ) -> tuple[Array, State]:
        """Move by the difference, scaled by all differences so far."""
        delta = mean - start
        second = state["second"] + delta**2
        return start + self.eta * delta / (np.sqrt(second) + self.tau), {"second": second}


@dataclass(frozen=True)
class FedAdam:
    r""":math:`v_t = \beta_2 v_{t-1} + (1 - \beta_2) \Delta_t^2`.

    As Flower does and the paper does not, the rate of round t is multiplied by
    :math:`\sqrt{1 - \beta_2^{t+1}} / (1 - \beta_1^{t+1})`, Adam's correction of the bias.

    Attributes
    ----------
    eta, tau : float
        Server's learning rate, and what is added to the root; above 0.
    beta_1, beta_2 : float
        Share of the past in the first and second moment, from 0 to below 1.
    """

    eta: float
    tau: float
    beta_1: float
    beta_2: float
    memory: ClassVar[tuple[str, ...]] = ("first", "second")

    def step(
        self, start: Array, mean: Array, state: State, server_round: int
    ) -> tuple[Array, State]:
        """Move by the first moment, scaled by the second."""
        delta = mean - start
        first = self.beta_1 * state["first"] + (1 - self.beta_1) * delta
        second = self.beta_2 * state["second"] + (1 - self.beta_2) * delta**2
        past = server_round + 1
        rate = self.eta * (1 - self.beta_2**past) ** 0.5 / (1 - self.beta_1**past)
        moved = start + rate * first / (np.sqrt(second) + self.tau)
        return moved, {"first": first, "second": second}


@dataclass(frozen=True)
class FedYogi:
    r""":math:`v_t = v_{t-1} - (1 - \beta_2) \Delta_t^2 \, \mathrm{sign}(v_{t-1} - \Delta_t^2)`.

    Attributes
    ----------
    eta, tau : float
        Server's learning rate, and what is added to the root; above 0.
    beta_1, beta_2 : float
        Share of the past in the first and second moment, from 0 to below 1.
    """

    eta: float
    tau: float
    beta_1: float
    beta_2: float
    memory: ClassVar[tuple[str, ...]] = ("first", "second")

    def step(
        self, start: Array, mean: Array, state: State, server_round: int
    ) -> tuple[Array, State]:
        """Move by the first moment, scaled by a second that grows and shrinks slowly."""
        delta = mean - start
        first = self.beta_1 * state["first"] + (1 - self.beta_1) * delta
        square, before = delta**2, state["second"]
        second = before - (1 - self.beta_2) * square * np.sign(before - square)
        moved = start + self.eta * first / (np.sqrt(second) + self.tau)
        return moved, {"first": first, "second": second}
