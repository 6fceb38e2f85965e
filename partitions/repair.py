"""Bring every gateway up to a minimum number of flows, without drawing again.

Drawing until no gateway is too small, as flwr-datasets and NIID-Bench do, changes the
distribution, and never ends well for many gateways or small alpha.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.interface import Table


def skim(sizes: NDArray[np.int64], amount: int) -> NDArray[np.int64]:
    """Take `amount` off the largest sizes, one at a time from whichever is largest.

    The largest sizes come down to a common level. Of equal ones the first gives first.

    Parameters
    ----------
    sizes : ndarray
        ``(K,) int64``, at least 0.
    amount : int
        What to take in all, from 0 to ``sizes.sum()``.

    Returns
    -------
    ndarray
        ``(K,) int64``, what each gives.
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

    How many flows each gateway gives and gets follows from the sizes alone: the largest
    come down to a common level, never below the minimum, and the small ones come up to
    the minimum exactly. Which flows move is drawn from `rng`, so their classes follow
    the mix of the gateways that give. No flow moves when all gateways are large enough.

    Parameters
    ----------
    counts : ndarray
        ``(K, C) int64`` with at least ``K * minimum`` flows.
    minimum : int
        Flows that every gateway has afterwards, at least 0.
    rng : numpy.random.Generator
        Chooses the flows that move.

    Returns
    -------
    ndarray
        ``(K, C) int64`` with the same column sums; row sums are at least `minimum`.
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
    the largest holders. No gateway gives below the minimum. Nothing is drawn.

    Parameters
    ----------
    counts : ndarray
        ``(K, C) int64``, zero where not `allowed`.
    allowed : ndarray
        ``(K, C) bool``, classes that a gateway may hold.
    minimum : int
        Flows that every gateway has afterwards, at least 0.
    keep : int
        Flows of a class that a giver keeps, if it has them.

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
