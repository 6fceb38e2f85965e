"""Feature skew: how far the values at a gateway lie from those of all flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.interface import Assignment
from partitions.skew.distances import Values


@dataclass(frozen=True, eq=False)
class Features:
    """Values of the flows' features, each distinct vector stored once.

    Distances between numbers mean nothing for a column of codes (protocol, application);
    leave such columns out, or give one indicator column a code.

    Attributes
    ----------
    names : tuple[str, ...]
        Names of the ``F`` features.
    values : ndarray
        ``(V, F)`` finite numbers, the distinct vectors.
    vector : ndarray
        ``(N,)`` integers, each flow's row in `values`.

    Raises
    ------
    PartitionError
        When shapes, types or ranges are others.
    """

    names: tuple[str, ...]
    values: NDArray[np.floating[Any]]
    vector: NDArray[np.int32]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names) or not self.names:
            raise PartitionError(
                f"expected values (V, F) of the {len(self.names)} features named, at least one, "
                f"found shape {self.values.shape}; give one name a column"
            )
        if not np.isfinite(self.values).all():
            raise PartitionError(
                "expected finite feature values, found NaN or infinity; clean the flows first"
            )
        vector, rows = self.vector, len(self.values)
        if vector.ndim != 1 or vector.dtype.kind not in "iu" or not vector.size:
            raise PartitionError(
                "expected one row number per flow, a 1-D array of integers, found shape "
                f"{vector.shape} of {vector.dtype}; give the vector of PreparedFlows"
            )
        if vector.min() < 0 or vector.max() >= rows:
            raise PartitionError(
                f"expected row numbers from 0 to {rows - 1}, found {vector.min()} to "
                f"{vector.max()}; give values and vector of the same flows"
            )

    def logarithmic(self) -> Features:
        """Return the same features on a logarithmic scale, ``sign(x) log(1 + |x|)``.

        For raw counts of bytes and packets: a standard deviation of values that span seven
        decades is that of their few largest.
        """
        values = np.asarray(self.values, np.float64)
        return replace(self, values=np.sign(values) * np.log1p(np.abs(values)))


def feature_distances(
    features: Features, deals: Sequence[Assignment], gateways: int
) -> NDArray[np.float64]:
    """Measure how far each feature at each gateway is from that of all flows.

    The distance is the earth mover's (Wasserstein-1): the area between the two cumulative
    distributions, in units of the standard deviation of the feature over all flows, so 1
    means that the values are one standard deviation off on average. It is exact; one sort
    a feature, then a time in proportion to the flows, whatever the number of gateways.

    Deals are ``(N,)`` each, the gateway of each flow; at least one, all of the same sizes of
    gateways. Distances are ``(len(deals), K, F) float64``, from 0; NaN for a gateway without
    flows, and 0 for a feature that is the same everywhere.

    Raises
    ------
    PartitionError
        When the deals are of other flows.

    References
    ----------
    A. Ramdas, N. García Trillos, M. Cuturi, "On Wasserstein two-sample testing and related
    families of nonparametric tests", Entropy 19, 2017, doi 10.3390/e19020047 (section 2.3)
    """
    if deals[0].shape != features.vector.shape:
        raise PartitionError(
            f"expected features of the plan's {len(deals[0])} flows, found "
            f"{len(features.vector)}; use the flows that the plan was made for"
        )
    found = np.empty((len(deals), gateways, len(features.names)))
    slots = _Slots.of(np.bincount(deals[0], minlength=gateways))
    narrow = [deal.astype(np.min_scalar_type(gateways)) for deal in deals]
    for place in range(len(features.names)):  # only one feature at a time is in memory, sorted
        values = np.asarray(features.values[:, place], np.float64)
        curve = _Curve.of(values, features.vector, slots)
        for turn, deal in enumerate(narrow):
            found[turn, :, place] = _areas(curve, deal[curve.order], slots)
    return found


@dataclass(frozen=True, eq=False)
class _Slots:
    """The flows in order of gateway, then value: what depends on the sizes alone.

    `share` is a gateway's cumulative distribution from the slot's value on, and `level` the
    flow, in order of value, at which that of all flows comes to the same height.
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
class _Curve:
    """The cumulative distribution of one feature over all flows.

    `position` has the ``(U,)`` distinct values, ascending from 0, in standard deviations over all
    flows (of a constant feature, one 0), and `area` the area under the curve up to each. `order`
    are the flows by value, `sorted_rank` the places of their values in `position`, and `crossing`
    those at the slots' levels.
    """

    position: Values
    area: Values
    order: NDArray[np.int64]
    sorted_rank: NDArray[np.int32]
    crossing: NDArray[np.int32]

    @classmethod
    def of(cls, values: Values, vector: NDArray[np.int32], slots: _Slots) -> _Curve:
        """Sort the ``(V,)`` values of the vectors that the ``(N,)`` flows have."""
        distinct, places = np.unique(values, return_inverse=True)
        counts = np.bincount(places.ravel()[vector], minlength=len(distinct))
        met = counts > 0
        numbers = (np.cumsum(met) - 1).astype(np.int32)
        rank = numbers[places.ravel()[vector]]
        distinct, counts = distinct[met], counts[met]
        middle = np.average(distinct, weights=counts)
        spread = float(np.sqrt(np.average((distinct - middle) ** 2, weights=counts)))
        position = (distinct - distinct[0]) / (spread or 1.0)
        narrow = rank.astype(np.min_scalar_type(len(distinct)))
        order = np.argsort(narrow, kind="stable")  # a radix sort up to 16 bits
        sorted_rank = rank[order]
        height = np.cumsum(np.bincount(sorted_rank))[:-1] / len(sorted_rank)
        area = np.concatenate(([0.0], np.cumsum(height * np.diff(position))))
        return cls(position, area, order, sorted_rank, sorted_rank[slots.level])


def _areas(whole: _Curve, owners: NDArray[np.generic], slots: _Slots) -> Values:
    """Return the area between the curve of all flows and each gateway's, ``(K,)``.

    Between two neighbouring flows of a gateway its curve is level and that of all flows rises,
    so they cross once at most, and the area is a difference of areas under the latter.
    """
    end = len(whole.position) - 1
    here = whole.sorted_rank[np.argsort(owners, kind="stable")]
    after = np.append(here[1:], np.int32(end))
    after[slots.last] = end
    cross = np.clip(whole.crossing, here, after)
    levels = slots.share * _bend(whole.position, here, cross, after)
    between = levels - _bend(whole.area, here, cross, after)
    areas = np.bincount(slots.owner, weights=between, minlength=len(slots.sizes))
    areas[slots.sizes > 0] += whole.area[here[slots.first]]
    areas[slots.sizes == 0] = np.nan
    distances: Values = np.maximum(areas, 0.0)
    return distances


def _bend(
    curve: Values, here: NDArray[np.int32], cross: NDArray[np.int32], after: NDArray[np.int32]
) -> Values:
    """Return the rise of a curve up to the crossing, less that beyond it."""
    rise: Values = 2 * curve[cross] - curve[here] - curve[after]
    return rise
