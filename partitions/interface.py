"""What every partitioner takes and gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError

Labels = NDArray[np.uint8]
"""Class code of each flow, ``(N,) uint8``."""

Assignment = NDArray[np.int32]
"""Gateway of each flow, ``(N,) int32``, in ``[0, K)``."""

Table = NDArray[np.int64]
"""Flows of each class at each gateway, ``(K, C) int64``."""

ALPHA_RANGE = (1e-6, 1e6)
"""Beyond it, a Dirichlet draw is one gateway or equal shares to within rounding."""


@dataclass(frozen=True)
class PartitionParameters:
    """How to deal; each partitioner reads the parameters that its docstring names.

    Attributes
    ----------
    alpha : float
        Concentration of the Dirichlet distribution, 1e-6 to 1e6. Small is skewed.
    classes_per_gateway : int
        Classes that a gateway sees under ``pathological``, at least 1.
    minimum : int
        Flows that every gateway gets under any scheme, at least 0.

    Raises
    ------
    PartitionError
        When a value is out of its range.
    """

    alpha: float = 0.5
    classes_per_gateway: int = 2
    minimum: int = 10

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        least, most = ALPHA_RANGE
        if not (math.isfinite(self.alpha) and least <= self.alpha <= most):
            raise PartitionError(
                f"expected an alpha between {least:g} and {most:g}, found {self.alpha:g}; "
                "take about 0.1 for strong skew, 100 for none"
            )
        if self.classes_per_gateway < 1:
            raise PartitionError(
                "expected at least 1 class per gateway, found "
                f"{self.classes_per_gateway}; set classes_per_gateway to 1 or more"
            )
        if self.minimum < 0:
            raise PartitionError(
                f"expected a minimum of 0 flows or more, found {self.minimum}; "
                "take 0 to let gateways be empty"
            )


class Partitioner(Protocol):
    """A function that gives each flow to one gateway.

    It may rely on what `partitions.deal_flows` has checked: ``N`` is at least 1, labels
    are ``(N,) uint8``, and ``K`` is from 1 to ``N // max(minimum, 1)``. It gives every
    gateway at least ``parameters.minimum`` flows or raises
    `fednids.errors.PartitionError`, and draws from ``rng`` only.
    """

    def __call__(
        self,
        labels: Labels,
        gateways: int,
        rng: np.random.Generator,
        parameters: PartitionParameters,
    ) -> Assignment:
        """Give the gateway of each flow, ``(N,) int32`` in ``[0, gateways)``."""
        ...
