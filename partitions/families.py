"""The two large families of partitioners: those that mix classes and those that set sizes.

A member decides numbers alone, and one of these classes, as the decorator of its function, makes
a partitioner of it. `partitions.mixed` joins any member of one family with any of the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.config import Section, settings_of
from partitions.interface import Assignment, Table, Traffic
from partitions.tables import deal_table, raise_to_minimum, round_shares

Shares = NDArray[np.float64]
"""Shares of the flows, ``(K,) float64`` of sum 1."""


@dataclass(frozen=True)
class LabelScheme:
    """A partitioner that decides how many flows of each class a gateway gets.

    Which flows they are is left to chance.

    Attributes
    ----------
    table : Callable
        A function that takes what a `partitions.interface.Partitioner` takes and returns a
        `Table`, ``(K, C) int64``, whose columns sum to ``traffic.totals``. It holds the minimum
        itself, in a way that keeps what the scheme promises.
    strict : bool
        Whether it promises that a gateway does not see a class.
    """

    table: Callable[[Traffic, int, np.random.Generator, Any, int], Table]
    strict: bool = False

    @property
    def Settings(self) -> type[Section]:  # noqa: N802
        """Settings that `table` declares."""
        return settings_of(self.table)

    def __call__(
        self, traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Any, minimum: int
    ) -> Assignment:
        """Return the gateway of each flow, ``(N,) int32``."""
        counts = self.table(traffic, gateways, rng, settings, minimum)
        return deal_table(traffic.labels, counts, rng)


@dataclass(frozen=True)
class SizeScheme:
    """A partitioner that decides how large gateways are; flows are random.

    Attributes
    ----------
    shares : Callable
        A function of the number of gateways, a generator and its settings that returns the
        gateways' `Shares`. They are rounded, and the minimum is held, here.
    """

    shares: Callable[[int, np.random.Generator, Any], Shares]

    @property
    def Settings(self) -> type[Section]:  # noqa: N802
        """Settings that `shares` declares."""
        return settings_of(self.shares)

    def __call__(
        self, traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Any, minimum: int
    ) -> Assignment:
        """Return the gateway of each flow, ``(N,) int32``."""
        shares = self.shares(gateways, rng, settings)
        sizes = whole_sizes(shares, len(traffic), minimum, rng)
        return deal_table(np.zeros_like(traffic.labels), sizes[:, None], rng)


def whole_sizes(
    shares: Shares, flows: int, minimum: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Round ``(K,)`` shares of sum 1 to whole sizes and fill the smallest from the largest.

    The ``(K,) int64`` sizes sum to `flows`, which are at least ``K * minimum``. They are within 1
    of ``shares * flows``, but for those raised to the minimum and the largest, from which these
    are filled. Which are rounded up is drawn.
    """
    sizes = round_shares(shares[None], np.array([flows]), rng)
    repaired: NDArray[np.int64] = raise_to_minimum(sizes, minimum, rng)[:, 0]
    return repaired
