"""Which gateways hold which classes, when every gateway holds exactly k."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.repair import skim

_SWEEPS = 16


def allot_classes(
    totals: NDArray[np.int64],
    gateways: int,
    each: int,
    minimum: int,
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Draw the classes of each gateway.

    1. The ``K * k`` places are shared out evenly among the classes that have flows.
    2. Which gateways hold a class is drawn, nearly uniformly among all ways to do that.

    An empty class is given to nobody. A rare class is given to few gateways: to as many
    as can have ``minimum / k`` flows of it each, and to more only where the places cannot
    all be filled so; never to more gateways than it has flows.

    Parameters
    ----------
    totals : ndarray
        ``(C,) int64``, flows of each class.
    gateways : int
        ``K``.
    each : int
        Classes of a gateway (k).
    minimum : int
        Flows that every gateway has.
    rng : numpy.random.Generator
        Source of the classes.

    Returns
    -------
    ndarray
        ``(K, C) bool``; rows sum to k, each class with flows has at least one holder and
        at most as many as flows.

    Raises
    ------
    PartitionError
        When k is above the number of classes with flows, when ``K * k`` places cannot
        cover these classes, or when the flows cannot fill ``K * k`` places.
    """
    held = _lay_out(_holders(totals, gateways, each, minimum), gateways)
    _mix(held, rng)
    return held


def _holders(
    totals: NDArray[np.int64], gateways: int, each: int, minimum: int
) -> NDArray[np.int64]:
    """Return how many gateways hold each class, ``(C,) int64``, of sum ``K * k``."""
    _check_cover(totals, gateways, each)
    enough = max(1, -(-minimum // each))
    room: NDArray[np.int64] = np.minimum(np.maximum(totals // enough, totals > 0), gateways)
    short = gateways * each - int(room.sum())
    if short <= 0:
        return room - skim(room, -short)
    thin: NDArray[np.int64] = np.minimum(totals, gateways) - room
    if short <= thin.sum():
        return room + thin - skim(thin, int(thin.sum()) - short)
    raise PartitionError(
        f"expected at most {_most_gateways(totals, each)} gateways for {each} classes each, "
        f"since rare classes run out of flows, found {gateways}; "
        "take fewer gateways or fewer classes per gateway"
    )


def _check_cover(totals: NDArray[np.int64], gateways: int, each: int) -> None:
    """Refuse a k above the classes with flows, and too few places to cover them."""
    present = int(np.count_nonzero(totals))
    if each > present:
        raise PartitionError(
            f"expected 1 to {present} classes per gateway, since {present} classes have "
            f"flows, found {each}; lower classes_per_gateway"
        )
    if gateways * each < present:
        raise PartitionError(
            f"expected gateways times classes_per_gateway to cover all {present} classes, "
            f"found {gateways} x {each}; take at least {-(-present // each)} gateways"
        )


def _most_gateways(totals: NDArray[np.int64], each: int) -> int:
    """Return the largest K for which ``sum(min(n_c, K)) >= K * k``."""
    rarest_first = np.sort(totals[totals > 0])
    always = len(rarest_first) - each
    flows = np.cumsum(rarest_first)[always:]
    return int((flows // np.arange(1, each + 1)).min())


def _lay_out(holders: NDArray[np.int64], gateways: int) -> NDArray[np.bool_]:
    """Fill the places class by class, round and round the gateways: ``(K, C) bool``."""
    codes = np.repeat(np.arange(len(holders)), holders)
    held = np.zeros((gateways, len(holders)), dtype=np.bool_)
    held[np.arange(len(codes)) % gateways, codes] = True
    return held


def _mix(held: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Turn `held` into a nearly uniform draw with the same row and column sums, in place.

    Random pairs of gateways pool the classes that only one of them holds and share them
    out anew: the Curveball algorithm, G. Strona et al., Nature Communications 5, 2014,
    doi 10.1038/ncomms5114, here on disjoint pairs at once.
    """
    half = len(held) // 2
    for _ in range(_SWEEPS):
        order = rng.permutation(len(held))
        one, other = order[:half], order[half : 2 * half]
        both = held[one] & held[other]
        pooled = held[one] ^ held[other]
        keys = np.where(pooled, rng.random(pooled.shape), 2.0)
        place = keys.argsort(axis=1).argsort(axis=1)
        drawn = place < (pooled.sum(axis=1) // 2)[:, None]
        held[one] = both | drawn
        held[other] = both | (pooled & ~drawn)
