r"""FedAvgM, FedAdagrad, FedAdam and FedYogi: an optimiser at the server.

The mean of the updates is a direction, :math:`\Delta_t = \bar w - w_t`, along which an optimiser
makes a step. The mathematics is that of Flower's classes of the same names.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.algorithms.interface import (
    Aggregate,
    Aggregation,
    Algorithm,
    Average,
    RoundStart,
    State,
)
from fednids.config import Section

Array = NDArray[np.float64]


class ServerOptimiser(Algorithm):
    """Takes FedAvg's mean, and makes a step of an optimiser towards it."""

    @abstractmethod
    def step(
        self, start: Array, mean: Array, state: State, server_round: int
    ) -> tuple[Array, State]:
        """Return ``(P,)`` new weights and state, from the old weights and FedAvg's mean."""

    def begin(self, start: RoundStart) -> Aggregation:
        """Return FedAvg's mean, followed by the step."""
        return _Step(self, start)


class _Step(Average):
    def __init__(self, algorithm: ServerOptimiser, start: RoundStart):
        super().__init__(start)
        self._algorithm = algorithm

    def finish(self) -> Aggregate:
        start, mean = self.start, super().finish().weights.astype(np.float64)
        weights = start.weights.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            moved, state = self._algorithm.step(weights, mean, start.state, start.server_round)
            return Aggregate(moved.astype(np.float32), state)


class FedAvgM(ServerOptimiser):
    r"""Server momentum.

    Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated
    Visual Classification", arXiv 1909.06335, section 4.3:

    .. math:: v_t = \beta v_{t-1} - \Delta_t, \quad w_{t+1} = w_t - \eta v_t.

    Momentum 0 and learning rate 1 are FedAvg.
    """

    class Settings(Section):  # noqa: D106
        server_learning_rate: float = Field(
            1.0, gt=0, le=100, description="length of the server's step; 1 is FedAvg's"
        )
        server_momentum: float = Field(
            0.9, ge=0, lt=1, description="server momentum: share of the last step in this one"
        )

    settings: Settings
    keeps: ClassVar[tuple[str, ...]] = ("momentum",)

    def step(
        self, start: Array, mean: Array, state: State, server_round: int
    ) -> tuple[Array, State]:
        """Return the weights after a step along the velocity."""
        velocity = self.settings.server_momentum * state["momentum"] + (start - mean)
        moved = start - self.settings.server_learning_rate * velocity
        return moved, {"momentum": velocity}


class AdaptiveSettings(Section):
    """Settings of FedAdagrad, which FedAdam and FedYogi have as well."""

    eta: float = Field(0.01, gt=0, description="learning rate of the server's optimiser")
    tau: float = Field(
        0.001, gt=0, description="added to the root of the second moment; small adapts more"
    )


class MomentSettings(AdaptiveSettings):
    """Settings of FedAdam and FedYogi."""

    beta_1: float = Field(0.9, ge=0, lt=1, description="share of the past in the first moment")
    beta_2: float = Field(0.99, ge=0, lt=1, description="share of the past in the second moment")


class FedAdagrad(ServerOptimiser):
    r"""Adaptive federated optimisation: the step is scaled weight by weight.

    Reddi et al., "Adaptive Federated Optimization", ICLR 2021, algorithm 2:

    .. math:: m_t = \beta_1 m_{t-1} + (1 - \beta_1) \Delta_t, \quad
              w_{t+1} = w_t + \eta \, m_t / (\sqrt{v_t} + \tau).

    FedAdagrad has :math:`v_t = v_{t-1} + \Delta_t^2` and no momentum, :math:`\beta_1 = 0`. As in
    Flower, and not in the paper, :math:`v` starts at 0 and not at :math:`\tau^2`.
    """

    Settings = AdaptiveSettings
    settings: AdaptiveSettings
    keeps: ClassVar[tuple[str, ...]] = ("second",)

    def step(
        self, start: Array, mean: Array, state: State, server_round: int
    ) -> tuple[Array, State]:
        """Return the weights after a step along the difference."""
        delta = mean - start
        second = state["second"] + delta**2
        rate = self.settings.eta
        return start + rate * delta / (np.sqrt(second) + self.settings.tau), {"second": second}


class FedAdam(ServerOptimiser):
    r"""FedAdagrad with :math:`v_t = \beta_2 v_{t-1} + (1 - \beta_2) \Delta_t^2` and momentum.

    Reddi et al., ICLR 2021, algorithm 2. As in Flower, and not in the paper, the learning rate of
    round t is multiplied by :math:`\sqrt{1 - \beta_2^{t+1}} / (1 - \beta_1^{t+1})`, Adam's
    correction of the bias.
    """

    Settings = MomentSettings
    settings: MomentSettings
    keeps: ClassVar[tuple[str, ...]] = ("first", "second")

    def step(
        self, start: Array, mean: Array, state: State, server_round: int
    ) -> tuple[Array, State]:
        """Return the weights after a step along the first moment."""
        own, delta = self.settings, mean - start
        first = own.beta_1 * state["first"] + (1 - own.beta_1) * delta
        second = own.beta_2 * state["second"] + (1 - own.beta_2) * delta**2
        past = server_round + 1
        rate = own.eta * (1 - own.beta_2**past) ** 0.5 / (1 - own.beta_1**past)
        moved = start + rate * first / (np.sqrt(second) + own.tau)
        return moved, {"first": first, "second": second}


class FedYogi(ServerOptimiser):
    r"""FedAdam with a second moment that grows and shrinks slowly.

    Reddi et al., ICLR 2021, algorithm 2, with
    :math:`v_t = v_{t-1} - (1 - \beta_2) \Delta_t^2 \, \mathrm{sign}(v_{t-1} - \Delta_t^2)`.
    """

    Settings = MomentSettings
    settings: MomentSettings
    keeps: ClassVar[tuple[str, ...]] = ("first", "second")

    def step(
        self, start: Array, mean: Array, state: State, server_round: int
    ) -> tuple[Array, State]:
        """Return the weights after a step along the first moment."""
        own, delta = self.settings, mean - start
        first = own.beta_1 * state["first"] + (1 - own.beta_1) * delta
        square, before = delta**2, state["second"]
        second = before - (1 - own.beta_2) * square * np.sign(before - square)
        moved = start + own.eta * first / (np.sqrt(second) + own.tau)
        return moved, {"first": first, "second": second}
