"""Distances between every two gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.interface import Assignment, Labels, Table
from partitions.plan import PartitionPlan
from partitions.skew.distances import DISTANCES, Distance
from partitions.skew.features import Features
from partitions.skew.shares import Values, class_shares
from partitions.skew.shifts import check_flows

_ROWS, _RANKS = 32, 1024
"""Gateways and feature values taken at a time, so that what is made fits the cache."""


@dataclass(frozen=True, eq=False)
class GatewayPairs:
    """How far every two of some gateways are apart.

    Attributes
    ----------
    partition_ids : ndarray
        ``(k,) int64``, ascending: the gateways, all with flows.
    matrices : Mapping[str, ndarray]
        ``(k, k) float64`` each, symmetric with a diagonal of 0: the members of
        `partitions.skew.DISTANCES` and, where features were given, ``wasserstein``.
    """

    partition_ids: NDArray[np.int64]
    matrices: Mapping[str, Values]


def compare_gateways(
    plan: PartitionPlan,
    labels: Labels,
    *,
    classes: int,
    features: Features | None = None,
    most: int = 200,
    rng: np.random.Generator,
) -> GatewayPairs:
    """Measure every pair of gateways, of at most `most` gateways.

    Parameters
    ----------
    plan : PartitionPlan
        Who owns which flow.
    labels : ndarray
        ``(N,)`` class of each flow.
    classes : int
        ``C``.
    features : Features, optional
        Of the same flows.
    most : int
        Where more gateways have flows, so many of them are drawn. Class mixes of 1,000
        gateways take about half a second; features cost the square of the gateways times
        the distinct values of each feature.
    rng : numpy.random.Generator
        Draws the gateways.

    Raises
    ------
    PartitionError
        When labels or features are of other flows, or `most` is below 1.
    """
    table = plan.label_counts(labels, classes)
    chosen = _choose(table.sum(axis=1), most, rng)
    matrices = {name: label_pairs(table[chosen], distance) for name, distance in DISTANCES.items()}
    if features is not None:
        matrices["wasserstein"] = feature_pairs(features, plan.assignment, chosen)
    return GatewayPairs(chosen, matrices)


def label_pairs(table: Table, distance: Distance) -> Values:
    """Measure the class mixes of every two gateways.

    Parameters
    ----------
    table : ndarray
        ``(K, C) int64``.
    distance : Distance
        A member of `partitions.skew.DISTANCES`.

    Returns
    -------
    ndarray
        ``(K, K) float64``, 0 to 1; NaN for a gateway without flows.
    """
    shares = class_shares(table)
    blocks = [
        distance(shares[start : start + _ROWS, None], shares[None])
        for start in range(0, len(shares), _ROWS)
    ]
    return np.concatenate(blocks)


def feature_pairs(
    features: Features, assignment: Assignment, partition_ids: Sequence[int] | NDArray[np.int64]
) -> Values:
    """Measure the feature values of every two gateways, on average over the features.

    Parameters
    ----------
    features : Features
        Of ``N`` flows.
    assignment : ndarray
        ``(N,)``, gateway of each flow.
    partition_ids : array of int
        ``(k,)``, the gateways to compare.

    Returns
    -------
    ndarray
        ``(k, k) float64``, the mean earth mover's distance in standard deviations of each
        feature over all flows, as `partitions.skew.feature_distances`; NaN for a gateway
        without flows.

    Raises
    ------
    PartitionError
        When the assignment is of other flows.
    """
    check_flows(features, assignment)
    ids = np.asarray(partition_ids, np.int64)
    places = np.full(max(int(assignment.max()), int(ids.max())) + 1, -1)
    places[ids] = np.arange(len(ids))
    rows = places[assignment]
    total = np.zeros((len(ids), len(ids)))
    for column in features.columns():
        order = column.order[rows[column.order] >= 0]
        total += _pairs_of(column.position[column.rank[order]], rows[order], len(ids))
    return total / len(features.names)


def _pairs_of(values: Values, owners: NDArray[np.int64], gateways: int) -> Values:
    """Add up the areas between the gateways' curves; `values` ascend."""
    sizes = np.bincount(owners, minlength=gateways)
    starts = np.flatnonzero(np.diff(values, prepend=-1.0))
    widths = np.diff(values[starts], append=values[-1:])
    rank = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(values)))
    below, total = np.zeros(gateways), np.zeros((gateways, gateways))
    for first in range(0, len(starts), _RANKS):
        width = widths[first : first + _RANKS]
        flows = slice(*np.searchsorted(rank, [first, first + len(width)]))
        cells = owners[flows] * len(width) + rank[flows] - first
        counts = np.bincount(cells, minlength=gateways * len(width)).reshape(gateways, -1)
        curves = np.cumsum(counts, axis=1) + below[:, None]
        below = curves[:, -1]
        _add_pairs(total, curves / np.maximum(sizes, 1)[:, None] * width)
    total[sizes == 0] = np.nan
    return total + total.T


def _add_pairs(total: Values, areas: Values) -> None:
    """Add to the upper triangle the sums of absolute differences of every two rows."""
    for place, row in enumerate(areas[:-1]):
        total[place, place + 1 :] += np.abs(areas[place + 1 :] - row).sum(axis=1)


def _choose(sizes: NDArray[np.int64], most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw at most `most` of the gateways with flows."""
    if most < 1:
        raise PartitionError(f"expected at least 1 gateway to compare, found {most}; take more")
    candidates = np.flatnonzero(sizes)
    if len(candidates) <= most:
        return candidates
    return np.sort(rng.choice(candidates, most, replace=False))
