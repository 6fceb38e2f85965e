"""Label skew at its hardest: every gateway sees exactly k classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.interface import Assignment, Labels, PartitionParameters, Table
from partitions.repair import skim
from partitions.tables import deal_table

_SWEEPS = 16


def pathological(
    labels: Labels,
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Assignment:
    """Give each gateway k classes and split each class equally among those that hold it.

    1. The ``K * k`` places are shared out evenly among the classes that have flows.
    2. Which gateways hold a class is drawn, nearly uniformly among all ways to do that.
    3. Each class is split among its holders, in shares that differ by at most one flow.
    4. A gateway still under the minimum takes flows of its own classes from the largest
       other holders; it never gets a further class.

    An empty class is given to nobody. A rare class is given to few gateways: to as many
    as can have ``minimum / k`` flows of it each, and to more only where the places cannot
    all be filled so; never to more gateways than it has flows. So each gateway sees
    exactly k classes.

    Parameters
    ----------
    labels : ndarray
        ``(N,) uint8``.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of the classes of each gateway and of the flows within a class.
    parameters : PartitionParameters
        Uses ``classes_per_gateway`` (k) and ``minimum``.

    Returns
    -------
    ndarray
        ``(N,) int32``, gateway of each flow.

    Raises
    ------
    PartitionError
        When k is above the number of classes with flows, when ``K * k`` places cannot
        cover these classes, when the flows cannot fill ``K * k`` places, or when the
        minimum is out of reach within a gateway's own classes.

    Notes
    -----
    McMahan et al. sort by label and deal two blocks to each client, which gives *up to*
    two classes. Li et al. (``#C = k``) give every party k classes and split equally, as
    here, but a class may then be held by nobody and its flows are lost; ours covers all.

    References
    ----------
    H. B. McMahan et al., "Communication-Efficient Learning of Deep Networks from
    Decentralized Data", AISTATS 2017, section 3. https://arxiv.org/abs/1602.05629
    Q. Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study",
    ICDE 2022, section IV-A. https://arxiv.org/abs/2102.02079
    """
    totals = np.bincount(labels)
    holders = _holders(totals, gateways, parameters)
    held = _lay_out(holders, gateways)
    _mix(held, rng)
    counts = _split(totals, held, rng)
    _fill(counts, parameters.minimum)
    return deal_table(labels, counts, rng)


def _holders(
    totals: NDArray[np.int64], gateways: int, parameters: PartitionParameters
) -> NDArray[np.int64]:
    """Give how many gateways hold each class, ``(C,) int64``, of sum ``K * k``."""
    each = parameters.classes_per_gateway
    _check_cover(totals, gateways, each)
    enough = max(1, -(-parameters.minimum // each))
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
    """Give the largest K for which ``sum(min(n_c, K)) >= K * k``."""
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


def _split(totals: NDArray[np.int64], held: NDArray[np.bool_], rng: np.random.Generator) -> Table:
    """Split each class equally among its holders, odd flows at random."""
    counts = np.zeros(held.shape, dtype=np.int64)
    for code in np.flatnonzero(totals):
        owners = rng.permutation(np.flatnonzero(held[:, code]))
        share, odd = divmod(int(totals[code]), len(owners))
        counts[owners, code] = share
        counts[owners[:odd], code] += 1
    return counts


def _fill(counts: Table, minimum: int) -> None:
    """Bring gateways up to the minimum within their own classes, in place."""
    sizes = counts.sum(axis=1)
    for gateway in np.flatnonzero(sizes < minimum):
        spare = _spare(counts, sizes, minimum).sum(axis=0) * (counts[gateway] > 0)
        for code in np.argsort(-spare, kind="stable")[: np.count_nonzero(spare)]:
            offers = _spare(counts[:, code], sizes, minimum)
            moved = skim(offers, min(int(minimum - sizes[gateway]), int(offers.sum())))
            moved[gateway] -= moved.sum()
            counts[:, code] -= moved
            sizes -= moved
        if sizes[gateway] < minimum:
            raise PartitionError(
                f"expected at least {minimum} flows for every gateway within its own "
                f"classes, found {sizes[gateway]} at gateway {gateway}; lower the minimum, "
                "take fewer gateways or more classes per gateway"
            )


def _spare(counts: Table, sizes: NDArray[np.int64], minimum: int) -> Table:
    """Give what gateways can lose of a class without losing it or going too low."""
    above = sizes - minimum
    return np.maximum(np.minimum(counts - 1, above if counts.ndim == 1 else above[:, None]), 0)
