"""The two large families of schemes: those that mix classes and those that set sizes.

A member decides numbers alone. What turns them into an assignment stands here once, and
`partitions.mixed` joins any member of one family with any of the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partitions.dirichlet import dirichlet
from partitions.extended_dirichlet import extended_dirichlet
from partitions.inner_dirichlet import inner_dirichlet
from partitions.interface import Assignment, LabelScheme, Partitioner, SizeScheme, Traffic
from partitions.parameters import PartitionParameters
from partitions.pathological import pathological
from partitions.quantity import quantity
from partitions.repair import raise_to_minimum
from partitions.shards import shards
from partitions.sizes import equal, exponential, linear, log_normal, power_law, square
from partitions.tables import deal_table, round_shares
from partitions.withheld import withheld

LABEL_SCHEMES: dict[str, LabelScheme] = {
    "dirichlet": dirichlet,
    "inner-dirichlet": inner_dirichlet,
    "pathological": pathological,
    "extended-dirichlet": extended_dirichlet,
    "shards": shards,
    "withheld": withheld,
}
"""Schemes that mix classes, by name."""

SIZE_SCHEMES: dict[str, SizeScheme] = {
    "iid": equal,
    "quantity": quantity,
    "linear": linear,
    "square": square,
    "exponential": exponential,
    "log-normal": log_normal,
    "power-law": power_law,
}
"""Schemes that set sizes, by name; ``iid`` stands for equal ones."""


def by_label(scheme: LabelScheme) -> Partitioner:
    """Make a partitioner that deals the counts of a label scheme at random in each class."""

    def deal(
        traffic: Traffic,
        gateways: int,
        rng: np.random.Generator,
        parameters: PartitionParameters,
    ) -> Assignment:
        counts = scheme(np.bincount(traffic.labels), gateways, rng, parameters)
        return deal_table(traffic.labels, counts, rng)

    return deal


def by_size(scheme: SizeScheme) -> Partitioner:
    """Make a partitioner that deals random flows in the sizes of a size scheme."""

    def deal(
        traffic: Traffic,
        gateways: int,
        rng: np.random.Generator,
        parameters: PartitionParameters,
    ) -> Assignment:
        alike = np.zeros_like(traffic.labels)
        shares = scheme(gateways, rng, parameters)
        sizes = whole_sizes(shares, len(traffic), parameters.minimum, rng)
        return deal_table(alike, sizes[:, None], rng)

    return deal


def whole_sizes(
    shares: NDArray[np.float64], flows: int, minimum: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Round shares to whole sizes and fill the smallest from the largest.

    Parameters
    ----------
    shares : ndarray
        ``(K,) float64`` of sum 1.
    flows : int
        ``N``, what the sizes sum to, at least ``K * minimum``.
    minimum : int
        Smallest size.
    rng : numpy.random.Generator
        Decides which sizes are rounded up.

    Returns
    -------
    ndarray
        ``(K,) int64``: within 1 of ``shares * flows``, but for those raised to the
        minimum and the largest, which give what these get.
    """
    sizes = round_shares(shares[None], np.array([flows]), rng)
    repaired: NDArray[np.int64] = raise_to_minimum(sizes, minimum, rng)[:, 0]
    return repaired
