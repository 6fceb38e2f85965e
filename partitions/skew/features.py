"""Feature values of the flows, and one feature after another sorted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.skew.shares import Values


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
        """Refuse arrays that do not fit together."""
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
        """Give the same features on a logarithmic scale, ``sign(x) log(1 + |x|)``.

        For raw counts of bytes and packets: a standard deviation of values that span seven
        decades is that of their few largest.
        """
        values = np.asarray(self.values, np.float64)
        return replace(self, values=np.sign(values) * np.log1p(np.abs(values)))

    def columns(self) -> Iterator[FeatureColumn]:
        """Give one feature after another, sorted; only one at a time is in memory."""
        for place in range(len(self.names)):
            yield FeatureColumn.sort(np.asarray(self.values[:, place], np.float64), self.vector)


@dataclass(frozen=True, eq=False)
class FeatureColumn:
    """One feature of the fleet, sorted.

    Attributes
    ----------
    position : ndarray
        ``(U,) float64``, the distinct values, ascending from 0, in units of the standard
        deviation over all flows; of a constant feature, one 0.
    rank : ndarray
        ``(N,) int32``, place in `position` of each flow, in file order.
    order : ndarray
        ``(N,)``, flows by rank.
    """

    position: Values
    rank: NDArray[np.int32]
    order: NDArray[np.int64]

    @classmethod
    def sort(cls, values: Values, vector: NDArray[np.int32]) -> FeatureColumn:
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
        return cls(position, rank, np.argsort(narrow, kind="stable"))  # radix up to 16 bits
