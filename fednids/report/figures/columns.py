"""Gateways in the order of a picture; where there are many, neighbours share a column.

Nothing is left out: what a column of several gateways shows is the sum over them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST = 100
"""Columns that a picture of usual width has room for."""


@dataclass(frozen=True)
class Columns:
    """What each gateway owns, sorted and put into at most so many columns.

    Attributes
    ----------
    order : ndarray
        ``(K,) int64``, the gateway at each place.
    edges : ndarray
        ``(M + 1,) int64``, first place of each column, and ``K``.
    owned : ndarray
        ``(M, C) int64``, flows of each class in each column.
    smallest, largest : ndarray
        ``(M,) int64``, flows of the smallest and the largest gateway of each column.
    """

    order: NDArray[np.int64]
    edges: NDArray[np.int64]
    owned: NDArray[np.int64]
    smallest: NDArray[np.int64]
    largest: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Gateways in each column, ``(M,)``."""
        return np.diff(self.edges)

    @property
    def centres(self) -> NDArray[np.float64]:
        """Middle of each column, ``(M,)``, in places."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def width(self) -> int:
        """Gateways in a column; the last one may have fewer."""
        return int(self.counts[0])

    @property
    def shares(self) -> NDArray[np.float64]:
        """Class shares of each column's flows, ``(M, C)``; NaN where it has none.

        It is the mean of the gateways' shares, weighted by their flows.
        """
        flows = self.owned.sum(axis=1, keepdims=True)
        return np.divide(self.owned, flows, out=np.full(self.owned.shape, np.nan), where=flows > 0)


def arrange(owned: NDArray[np.int64], most: int = MOST) -> Columns:
    """Sort gateways, and put neighbours together until `most` columns are enough.

    Parameters
    ----------
    owned : ndarray
        ``(K, C) int64``, flows of each class at each gateway, K at least 1.
    most : int
        Columns there may be, at least 1.

    Returns
    -------
    Columns
        All of the same number of gateways but the last, which may have fewer.
    """
    order = sort_gateways(owned)
    width = -(-len(order) // most)
    starts = np.arange(0, len(order), width)
    sizes = owned.sum(axis=1)[order]
    return Columns(
        order,
        np.append(starts, len(order)),
        np.add.reduceat(owned[order], starts, axis=0),
        np.minimum.reduceat(sizes, starts),
        np.maximum.reduceat(sizes, starts),
    )


def sort_gateways(owned: NDArray[np.int64]) -> NDArray[np.int64]:
    """Gateways by their commonest class, then by its share, largest first.

    Parameters
    ----------
    owned : ndarray
        ``(K, C) int64``, flows of each class at each gateway.

    Returns
    -------
    ndarray
        ``(K,) int64``; gateways without flows come last, equals in their own order.
    """
    sizes = owned.sum(axis=1)
    share = owned.max(axis=1) / np.maximum(sizes, 1)
    order: NDArray[np.int64] = np.lexsort((-share, owned.argmax(axis=1), sizes == 0))
    return order
