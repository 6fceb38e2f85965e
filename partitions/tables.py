"""From shares to a table of counts, to the minimum, and from a table to an assignment.

Most schemes decide how many flows of each class a gateway gets, and leave to chance
which flows they are. They build a `Table` and let `deal_table` do the rest.

Every gateway is brought up to the minimum without drawing again. Drawing until no gateway is
too small, as flwr-datasets and NIID-Bench do, changes the distribution, and never ends well
for many gateways or small alpha.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.interface import Assignment, Labels, Table


def round_shares(
    shares: NDArray[np.float64], totals: NDArray[np.int64], rng: np.random.Generator
) -> Table:
    """Round ``(C, K) float64`` shares of each class, rows of sum 1, to whole flows.

    Cumulated shares are rounded with one random offset per class over a random order of
    the gateways (systematic sampling). So a count is within 1 of ``share * total``, is
    right on average, and favours no gateway, however rare the class. Cutting at
    ``floor(cumulated share * total)``, as is common, always hands the odd flow of a rare
    class to the same gateways.

    The counts are ``(K, C) int64``, and their columns sum exactly to the ``(C,) int64`` totals.
    Where a share is 0, so is the count.
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
    """Deal each gateway its number of flows of each class, at random within a class.

    Column ``c`` of the ``(K, C) int64`` counts sums to the flows with label ``c`` among the
    ``(N,) uint8`` labels. The assignment is the gateway of each flow, ``(N,) int32``.
    """
    gateways, classes = counts.shape
    assignment = np.empty(len(labels), dtype=np.int32)
    for code in range(classes):
        owners = np.repeat(np.arange(gateways, dtype=np.int32), counts[:, code])
        assignment[labels == code] = rng.permutation(owners)
    return assignment


def equal_sizes(flows: int, gateways: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``(K,)`` sizes that differ by at most one flow; who has one more is drawn."""
    sizes = np.full(gateways, flows // gateways)
    sizes[rng.permutation(gateways)[: flows % gateways]] += 1
    return sizes


def split_equally(
    totals: NDArray[np.int64], held: NDArray[np.bool_], rng: np.random.Generator
) -> Table:
    """Split each class equally among the gateways that may hold it, odd flows at random.

    Each class with flows has a holder in `held`, ``(K, C) bool``. The columns of the counts,
    ``(K, C) int64``, sum to the ``(C,) int64`` totals.
    """
    counts = np.zeros(held.shape, dtype=np.int64)
    for code in np.flatnonzero(totals):
        owners = rng.permutation(np.flatnonzero(held[:, code]))
        share, odd = divmod(int(totals[code]), len(owners))
        counts[owners, code] = share
        counts[owners[:odd], code] += 1
    return counts


def skim(sizes: NDArray[np.int64], amount: int) -> NDArray[np.int64]:
    """Return what to take off ``(K,) int64`` sizes, one at a time from whichever is largest.

    The largest sizes come down to a common level. Of equal ones the first is reduced first. The
    amount to take in all is from 0 to ``sizes.sum()``.
    """
    largest = np.sort(sizes)[::-1]
    taken_from = np.arange(1, len(sizes) + 1)
    total = np.cumsum(largest)
    freed = total - taken_from * np.append(largest[1:], 0)
    used = int(np.searchsorted(freed, amount))
    level = -((amount - int(total[used])) // (used + 1))
    given = np.maximum(sizes - level, 0)
    given[np.flatnonzero(sizes >= level)[: amount - int(given.sum())]] += 1
    return given


def raise_to_minimum(counts: Table, minimum: int, rng: np.random.Generator) -> Table:
    """Move random flows from the largest gateways to those under the minimum.

    How many flows each gateway loses and gets follows from the sizes alone: the largest
    come down to a common level, never below the minimum, and the small ones come up to
    the minimum exactly. Which flows move is drawn, so their classes follow the mix of the
    gateways that lose them. No flow moves when all gateways are large enough.

    The ``(K, C) int64`` counts have at least ``K * minimum`` flows. The new table has the same
    column sums.
    """
    gateways, classes = counts.shape
    sizes = counts.sum(axis=1)
    missing = np.maximum(minimum - sizes, 0)
    giving = skim(sizes, int(missing.sum()))
    repaired = counts.copy()
    pool = np.zeros(classes, dtype=np.int64)
    for gateway in np.flatnonzero(giving):
        moved = rng.multivariate_hypergeometric(repaired[gateway], giving[gateway])
        repaired[gateway] -= moved
        pool += moved
    codes = rng.permutation(np.repeat(np.arange(classes), pool))
    np.add.at(repaired, (np.repeat(np.arange(gateways), missing), codes), 1)
    return repaired


def raise_within(
    counts: Table, allowed: NDArray[np.bool_], minimum: int, *, keep: int = 0
) -> Table:
    """Bring gateways up to the minimum with classes that they may hold.

    A gateway takes what can be spared of its classes, the most plentiful first, each from
    the largest holders. No gateway falls below the minimum. Nothing is drawn.

    Parameters
    ----------
    counts : ndarray
        ``(K, C) int64``, zero where not `allowed`, ``(K, C) bool``.
    keep : int
        Flows of a class that its other holders keep, if they have them.

    Returns
    -------
    ndarray
        ``(K, C) int64`` with the same column sums.

    Raises
    ------
    PartitionError
        When the minimum is out of reach in this way.
    """
    counts = counts.copy()
    sizes = counts.sum(axis=1)
    for gateway in np.flatnonzero(sizes < minimum):
        offers = np.minimum(counts - keep, (sizes - minimum)[:, None])
        spare = np.maximum(offers, 0).sum(axis=0) * allowed[gateway]
        for code in np.argsort(-spare, kind="stable")[: np.count_nonzero(spare)]:
            given = np.maximum(np.minimum(counts[:, code] - keep, sizes - minimum), 0)
            moved = skim(given, min(int(minimum - sizes[gateway]), int(given.sum())))
            moved[gateway] -= moved.sum()
            counts[:, code] -= moved
            sizes -= moved
        if sizes[gateway] < minimum:
            raise PartitionError(
                f"expected at least {minimum} flows for every gateway within its own "
                f"classes, found {sizes[gateway]} at gateway {gateway}; lower the minimum, "
                "take fewer gateways or let each see more classes"
            )
    return counts
