"""Class-wise averaging: each class's row of the head is averaged by that class's flows."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.algorithms.interface import Aggregate, Aggregation, Algorithm, RoundStart
from fednids.config import Section
from fednids.errors import ConfigError
from fednids.messages.values import Update
from fednids.networks.interface import Architecture


class ClassWise(Algorithm):
    r"""FedAvg or FedNova whose head is averaged class by class.

    Row :math:`c` of the linear head, weights and bias of one logit, is averaged with the clients'
    numbers of flows of class :math:`c`, all other weights with their numbers of windows:

    .. math:: w_c \leftarrow \sum_k n_{kc} w_{kc} \Big/ \sum_k n_{kc} .

    A client without flows of a class only pushes that class's logit down; under label skew most
    clients lack a rare class, and by windows they overrule those that have it. A class of which no
    participant has a flow keeps its row. Where the classes have the same shares at all clients,
    this is the base, to rounding. The counts are those that clients send before round 1.

    With :math:`\Delta_t` what this changes in round :math:`t`, the server goes along
    :math:`v_t = \beta v_{t-1} + \Delta_t`: local training drifts apart under skew, and the mean
    over rounds keeps what the changes agree on (Hsu et al., "Measuring the Effects of
    Non-Identical Data Distribution for Federated Visual Classification", 2019, FedAvgM). Clients
    draw their windows by the square root of the class counts (Kang et al., ICLR 2020) instead of
    weighing classes in the loss. After the last round the head is fitted again to the training
    flows of all, from sums (`fednids.training.recalibration`).
    """

    class Settings(Section):  # noqa: D106
        base: Literal["fedavg", "fednova"] = Field(
            "fednova", description="mean that is taken: of the updates, or of their changes by step"
        )
        server_momentum: float = Field(
            0.5, ge=0, lt=1, description="share of the last step that is added to the next; 0: none"
        )

    settings: Settings
    keeps: ClassVar[tuple[str, ...]] = ("momentum",)
    sampling: ClassVar[str] = "square-root"
    recalibrate: ClassVar[str] = "head"

    def check_network(self, network: Architecture) -> None:
        """Check that the network declares its head.

        Raises
        ------
        ConfigError
            It does not.
        """
        if network.layout.head is None:
            raise ConfigError(
                "expected a network that declares its linear head for strategy.name=classwise, got "
                f"model.network={network.name}; choose another network or another strategy"
            )

    def begin(self, start: RoundStart) -> Aggregation:
        """Return the sums of a round's changes."""
        return _Sums(self.settings, start)


class _Sums:
    def __init__(self, settings: ClassWise.Settings, start: RoundStart):
        assert start.layout is not None
        self._settings, self._start, self._head = settings, start, start.layout.head_places
        self._changes, self._weights, self._steps = np.zeros((3, len(start.weights)))

    def add(self, update: Update) -> None:
        weights: NDArray[np.float64] = np.full(len(update.weights), float(update.examples))
        weights[self._head] = self._start.class_counts[update.partition_id][:, None]
        steps = update.steps if self._settings.base == "fednova" else 1
        change = np.subtract(update.weights, self._start.weights, dtype=np.float64)
        self._changes += change * (weights / steps)
        self._weights += weights
        self._steps += weights * steps

    def finish(self) -> Aggregate:
        """Go as far as the base goes; weights that nobody counts for stay."""
        counted = np.maximum(self._weights, 1)
        step = (self._steps / counted) * (self._changes / counted)
        step += self._settings.server_momentum * self._start.state["momentum"]
        moved = (self._start.weights + step).astype(np.float32)
        return Aggregate(moved, {"momentum": step})
