"""The dials of all partitioners, checked once."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.errors import PartitionError
from fednids.metrics.counts import BENIGN

ALPHA_RANGE = (1e-6, 1e6)
"""Beyond it, a Dirichlet draw is one gateway or equal shares to within rounding."""

SIDES = ("source", "destination")
"""Whose address is meant."""

ATTACKS = tuple(name for code, name in enumerate(NF_BOT_IOT.classes) if code != BENIGN)
"""Classes that can be withheld."""


@dataclass(frozen=True)
class PartitionParameters:
    """How to deal; each partitioner reads the parameters that its docstring names.

    Attributes
    ----------
    alpha : float
        Concentration of the Dirichlet distribution, 1e-6 to 1e6. Small is skewed.
    classes_per_gateway : int
        Classes that a gateway may see, ``pathological`` and ``extended-dirichlet``, at
        least 1.
    shards_per_gateway : int
        Pieces of the flows sorted by class that a gateway gets, ``shards``, at least 1.
    spread : float
        Of sizes: sigma of ``log-normal``, exponent of ``power-law``; 0 to 10, 0 is equal.
    feature : str
        Column that ``feature`` sorts by, as in the flow file.
    strength : float
        How strictly ``feature`` sorts, 0 to 1.
    withheld : str
        Attack classes that ``withheld`` keeps from gateways, with commas between; empty:
        one drawn for each.
    withheld_share : float
        Share of the gateways that ``withheld`` keeps them from, 0 to 1.
    host_side : {"source", "destination"}
        Whose address ``host`` and ``host-dirichlet`` go by.
    prefix : int
        Bits of the address that name a group of ``host-dirichlet``, 1 to 32.
    label_scheme, size_scheme : str
        What ``mixed`` takes the mixes of classes and the sizes from.
    minimum : int
        Flows that every gateway gets under any scheme, at least 0.

    Raises
    ------
    PartitionError
        When a value is out of its range.
    """

    alpha: float = 0.5
    classes_per_gateway: int = 2
    shards_per_gateway: int = 2
    spread: float = 1.0
    feature: str = "IN_BYTES"
    strength: float = 1.0
    withheld: str = ""
    withheld_share: float = 0.5
    host_side: str = "source"
    prefix: int = 32
    label_scheme: str = "dirichlet"
    size_scheme: str = "log-normal"
    minimum: int = 10

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _within("alpha", self.alpha, ALPHA_RANGE, "take about 0.1 for strong skew, 100 for none")
        _within("spread", self.spread, (0, 10), "take about 1")
        _within("strength", self.strength, (0, 1), "0 is iid, 1 sorts strictly")
        _within("withheld_share", self.withheld_share, (0, 1), "take about 0.5")
        _within("prefix", self.prefix, (1, 32), "32 bits are single hosts, 24 a usual subnet")
        _at_least("classes_per_gateway", self.classes_per_gateway, 1, "take about 2")
        _at_least("shards_per_gateway", self.shards_per_gateway, 1, "take about 2")
        _at_least("minimum", self.minimum, 0, "take 0 to let gateways be empty")
        _among("host_side", (self.host_side,), SIDES)
        _among("withheld", self.withheld_names, ATTACKS)

    @property
    def withheld_names(self) -> tuple[str, ...]:
        """Names in `withheld`."""
        return tuple(name.strip() for name in self.withheld.split(",") if name.strip())


def _within(name: str, value: float, limits: tuple[float, float], hint: str) -> None:
    least, most = limits
    if not (math.isfinite(value) and least <= value <= most):
        raise PartitionError(
            f"expected {name} between {least:g} and {most:g}, found {value:g}; {hint}"
        )


def _at_least(name: str, value: int, least: int, hint: str) -> None:
    if value < least:
        raise PartitionError(f"expected {name} of {least} or more, found {value}; {hint}")


def _among(name: str, given: tuple[str, ...], known: tuple[str, ...]) -> None:
    for each in given:
        if each not in known:
            raise PartitionError(
                f"expected {name} among {', '.join(known)}, found {each!r}; choose one of them"
            )
