"""Label skew at its hardest: every gateway sees exactly k classes."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.config import Section
from fednids.errors import PartitionError
from partitions.families import LabelScheme
from partitions.interface import Table, Traffic
from partitions.tables import raise_within, skim, split_equally

_SWEEPS = 16


class Settings(Section):
    """How many classes a gateway sees."""

    classes_per_gateway: int = Field(2, ge=1, description="classes that a gateway sees (k)")


@partial(LabelScheme, strict=True)
def pathological(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Table:
    """Allot k classes to each gateway and split each class equally among its holders.

    1. `allot_classes` draws the classes of each gateway.
    2. Each class is split among its holders, in shares that differ by at most one flow.
    3. A gateway still under the minimum takes flows of its own classes from the largest
       other holders; it never gets a further class.

    So each gateway sees exactly k classes.

    Raises
    ------
    PartitionError
        As from `allot_classes`, or when the minimum is out of reach within a gateway's own
        classes.

    Notes
    -----
    McMahan et al. sort by label and deal two blocks to each client, which are *up to* two
    classes. Li et al. (``#C = k``) and flwr-datasets' ``PathologicalPartitioner`` may leave a
    class without a holder and lose its flows; here all classes are covered.

    References
    ----------
    H. B. McMahan et al., "Communication-Efficient Learning of Deep Networks from
    Decentralized Data", AISTATS 2017, section 3. https://arxiv.org/abs/1602.05629
    Q. Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study",
    ICDE 2022, section IV-A. https://arxiv.org/abs/2102.02079
    """
    each = settings.classes_per_gateway
    held = allot_classes(traffic.totals, gateways, each, minimum, rng)
    counts = split_equally(traffic.totals, held, rng)
    return raise_within(counts, held, minimum, keep=1)


def allot_classes(
    totals: NDArray[np.int64], gateways: int, each: int, minimum: int, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Draw the k classes of each gateway, ``(K, C) bool``.

    1. The ``K * k`` places are shared out evenly among the classes that have flows.
    2. Which gateways hold a class is drawn, nearly uniformly among all ways to do that.

    Nobody holds an empty class. At least one gateway holds each other class, and few hold a rare
    one: as many as can have ``minimum / k`` flows of it each, and more only where the places cannot
    all be filled so; never more gateways than it has flows.

    Raises
    ------
    PartitionError
        When k (`each`) is above the number of classes with flows, when ``K * k`` places cannot
        cover these classes, or when the flows cannot fill ``K * k`` places.
    """
    holders = _holders(totals, gateways, each, minimum)
    codes = np.repeat(np.arange(len(holders)), holders)
    held = np.zeros((gateways, len(holders)), dtype=np.bool_)
    held[np.arange(len(codes)) % gateways, codes] = True
    _mix(held, rng)
    return held


def _holders(
    totals: NDArray[np.int64], gateways: int, each: int, minimum: int
) -> NDArray[np.int64]:
    """Return how many gateways hold each class, ``(C,) int64``, of sum ``K * k``."""
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


def _most_gateways(totals: NDArray[np.int64], each: int) -> int:
    """Return the largest K for which ``sum(min(n_c, K)) >= K * k``."""
    rarest_first = np.sort(totals[totals > 0])
    always = len(rarest_first) - each
    flows = np.cumsum(rarest_first)[always:]
    return int((flows // np.arange(1, each + 1)).min())


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
