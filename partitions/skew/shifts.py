"""Feature skew: how far the values at a gateway lie from the fleet's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.interface import Assignment
from partitions.skew.features import FeatureColumn, Features
from partitions.skew.shares import Values


def feature_distances(features: Features, assignment: Assignment, gateways: int) -> Values:
    """Measure how far each feature at each gateway is from the fleet's.

    The distance is the earth mover's (Wasserstein-1): the area between the two cumulative
    distributions, in units of the standard deviation of the feature over all flows, so 1
    means that the values are one standard deviation off on average. It is exact; one sort
    a feature, then a time in proportion to the flows, whatever the number of gateways.

    Parameters
    ----------
    features : Features
        Of ``N`` flows.
    assignment : ndarray
        ``(N,)``, gateway of each flow, in ``[0, gateways)``.
    gateways : int
        ``K``.

    Returns
    -------
    ndarray
        ``(K, F) float64``, from 0; NaN for a gateway without flows, 0 for a feature that
        is the same everywhere.

    Raises
    ------
    PartitionError
        When the assignment is of other flows.

    References
    ----------
    A. Ramdas, N. García Trillos, M. Cuturi, "On Wasserstein two-sample testing and related
    families of nonparametric tests", Entropy 19, 2017, doi 10.3390/e19020047 (section 2.3)
    """
    distances: Values = _distances(features, [assignment], gateways)[0]
    return distances


def iid_feature_distances(
    features: Features,
    assignment: Assignment,
    gateways: int,
    *,
    shuffles: int,
    rng: np.random.Generator,
) -> Values:
    """Measure iid deals to gateways of the same sizes: `feature_distances` after shuffling.

    Returns
    -------
    ndarray
        ``(shuffles, K, F) float64``.
    """
    deals = [rng.permutation(assignment) for _ in range(shuffles)]
    return _distances(features, deals, gateways)


def check_flows(features: Features, assignment: Assignment) -> None:
    """Refuse features of other flows than those assigned."""
    if assignment.shape != features.vector.shape:
        raise PartitionError(
            f"expected features of the plan's {len(assignment)} flows, found "
            f"{len(features.vector)}; use the flows that the plan was made for"
        )


def _distances(features: Features, deals: list[Assignment], gateways: int) -> Values:
    """Measure deals that all have the same sizes, ``(len(deals), K, F)``."""
    found = np.empty((len(deals), gateways, len(features.names)))
    if not deals:
        return found
    check_flows(features, deals[0])
    slots = _Slots.of(np.bincount(deals[0], minlength=gateways))
    narrow = [deal.astype(np.min_scalar_type(gateways)) for deal in deals]
    for place, column in enumerate(features.columns()):
        fleet = _FleetCurve.of(column, slots)
        for turn, deal in enumerate(narrow):
            found[turn, :, place] = _areas(fleet, deal[column.order], slots)
    return found


@dataclass(frozen=True, eq=False)
class _Slots:
    """The flows in order of gateway, then value: what depends on the sizes alone.

    `share` is a gateway's cumulative distribution from the slot's value on, and `level` the
    flow, in order of value, at which the fleet's comes to the same height.
    """

    sizes: NDArray[np.int64]
    owner: NDArray[np.int64]
    share: Values
    level: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @classmethod
    def of(cls, sizes: NDArray[np.int64]) -> _Slots:
        flows, ends, kept = int(sizes.sum()), np.cumsum(sizes), sizes > 0
        owner = np.repeat(np.arange(len(sizes)), sizes)
        place = np.arange(1, flows + 1) - (ends - sizes)[owner]
        level = -(-place * flows // sizes[owner]) - 1
        first, last = (ends - sizes)[kept], ends[kept] - 1
        return cls(sizes, owner, place / sizes[owner], level, first, last)


@dataclass(frozen=True, eq=False)
class _FleetCurve:
    """The fleet's cumulative distribution of one feature: the area under it up to each value."""

    position: Values
    area: Values
    sorted_rank: NDArray[np.int32]
    crossing: NDArray[np.int32]

    @classmethod
    def of(cls, column: FeatureColumn, slots: _Slots) -> _FleetCurve:
        position, sorted_rank = column.position, column.rank[column.order]
        height = np.cumsum(np.bincount(sorted_rank))[:-1] / len(sorted_rank)
        area = np.concatenate(([0.0], np.cumsum(height * np.diff(position))))
        return cls(position, area, sorted_rank, sorted_rank[slots.level])


def _areas(fleet: _FleetCurve, owners: NDArray[np.generic], slots: _Slots) -> Values:
    """Give the area between the fleet's curve and each gateway's, ``(K,)``.

    Between two neighbouring flows of a gateway its curve is level and the fleet's rises, so
    they cross once at most, and the area is a difference of areas under the fleet's curve.
    """
    end = len(fleet.position) - 1
    here = fleet.sorted_rank[np.argsort(owners, kind="stable")]
    after = np.append(here[1:], np.int32(end))
    after[slots.last] = end
    cross = np.clip(fleet.crossing, here, after)
    levels = slots.share * _bend(fleet.position, here, cross, after)
    between = levels - _bend(fleet.area, here, cross, after)
    areas = np.bincount(slots.owner, weights=between, minlength=len(slots.sizes))
    areas[slots.sizes > 0] += fleet.area[here[slots.first]]
    areas[slots.sizes == 0] = np.nan
    distances: Values = np.maximum(areas, 0.0)
    return distances


def _bend(
    curve: Values, here: NDArray[np.int32], cross: NDArray[np.int32], after: NDArray[np.int32]
) -> Values:
    """Give the rise of a curve up to the crossing, less that beyond it."""
    rise: Values = 2 * curve[cross] - curve[here] - curve[after]
    return rise
