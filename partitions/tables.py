"""From shares to a table of counts, and from a table of counts to an assignment.

Most schemes decide how many flows of each class a gateway gets, and leave to chance
which flows they are. They build a `Table` and let `deal_table` do the rest.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partitions.interface import Assignment, Labels, Table


def round_shares(
    shares: NDArray[np.float64], totals: NDArray[np.int64], rng: np.random.Generator
) -> Table:
    """Round the gateways' shares of each class to whole flows.

    Cumulated shares are rounded with one random offset per class over a random order of
    the gateways (systematic sampling). So a count is within 1 of ``share * total``, is
    right on average, and favours no gateway, however rare the class. Cutting at
    ``floor(cumulated share * total)``, as is common, always hands the odd flow of a rare
    class to the same gateways.

    Parameters
    ----------
    shares : ndarray
        ``(C, K) float64``, rows sum to 1; no share, no flow.
    totals : ndarray
        ``(C,) int64``, flows of each class.
    rng : numpy.random.Generator
        Source of the offsets and orders.

    Returns
    -------
    ndarray
        ``(K, C) int64``; column sums are `totals`, exactly.
    """
    classes, gateways = shares.shape
    order = rng.permuted(np.tile(np.arange(gateways), (classes, 1)), axis=1)
    ends = np.cumsum(np.take_along_axis(shares, order, axis=1), axis=1)
    ends /= ends[:, -1:]
    cuts = np.floor(ends * totals[:, None] + rng.random((classes, 1))).astype(np.int64)
    cuts = np.minimum(cuts, totals[:, None])
    cuts[:, -1] = totals
    counts = np.empty_like(cuts)
    np.put_along_axis(counts, order, np.diff(cuts, prepend=0, axis=1), axis=1)
    return np.ascontiguousarray(counts.T)


def deal_table(labels: Labels, counts: Table, rng: np.random.Generator) -> Assignment:
    """Give each gateway its number of flows of each class, at random within a class.

    Parameters
    ----------
    labels : ndarray
        ``(N,) uint8``.
    counts : ndarray
        ``(K, C) int64``; column ``c`` sums to the flows with label ``c``.
    rng : numpy.random.Generator
        Decides which flows of a class go where.

    Returns
    -------
    ndarray
        ``(N,) int32``, gateway of each flow.
    """
    gateways, classes = counts.shape
    assignment = np.empty(len(labels), dtype=np.int32)
    for code in range(classes):
        owners = np.repeat(np.arange(gateways, dtype=np.int32), counts[:, code])
        assignment[labels == code] = rng.permutation(owners)
    return assignment


def split_equally(
    totals: NDArray[np.int64], held: NDArray[np.bool_], rng: np.random.Generator
) -> Table:
    """Split each class equally among the gateways that may hold it, odd flows at random.

    Parameters
    ----------
    totals : ndarray
        ``(C,) int64``, flows of each class.
    held : ndarray
        ``(K, C) bool``; each class with flows has a holder.
    rng : numpy.random.Generator
        Decides who gets the odd flows.

    Returns
    -------
    ndarray
        ``(K, C) int64``; column sums are `totals`.
    """
    counts = np.zeros(held.shape, dtype=np.int64)
    for code in np.flatnonzero(totals):
        owners = rng.permutation(np.flatnonzero(held[:, code]))
        share, odd = divmod(int(totals[code]), len(owners))
        counts[owners, code] = share
        counts[owners[:odd], code] += 1
    return counts
