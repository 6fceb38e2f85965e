"""The natural partition: whose flows they are."""

from __future__ import annotations

import heapq
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.config import Section
from fednids.errors import PartitionError
from partitions.interface import Assignment, Traffic


class Settings(Section):
    """Whose flows are kept together."""

    host_side: Literal["source", "destination"] = Field(
        "source", description="whose address hosts go by"
    )


def host(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Assignment:
    """Keep all flows of a host together, whole hosts grouped to gateways of like size.

    The largest host goes first, each to the gateway that has the fewest flows so far.
    Hosts are never cut, so the minimum cannot be repaired, only refused.

    Raises
    ------
    PartitionError
        When there are no hosts, fewer than gateways, or too few with the minimum; names
        the number of gateways that can be served.

    Notes
    -----
    In BoT-IoT four attackers, 192.168.100.147 to 150, send 99.6 % of the flows, and four
    victims receive nearly all. So whatever ``K`` is, about four gateways own everything and
    have attacks alone, the others have hundreds of benign flows at most, and 20 gateways
    cannot be had; ``host-dirichlet`` is for more than 4.

    References
    ----------
    S. Caldas et al., "LEAF: A Benchmark for Federated Settings", 2018 (users as clients).
    https://arxiv.org/abs/1812.01097
    R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", SIAM Journal on Applied
    Mathematics 17, 1969, doi 10.1137/0117039 (largest first).
    """
    codes = traffic.ends(settings.host_side)
    sizes = np.bincount(codes)
    ordered = rng.permutation(np.flatnonzero(sizes))
    ordered = ordered[np.argsort(-sizes[ordered], kind="stable")]
    _check_possible(sizes[ordered], gateways, settings.host_side, minimum)
    owners = np.zeros(len(sizes), dtype=np.int32)
    owners[ordered] = rng.permutation(gateways)[_group(sizes[ordered], gateways)]
    assignment: Assignment = owners[codes]
    return assignment


def _group(sizes: NDArray[np.int64], gateways: int) -> NDArray[np.int64]:
    """Return for each host, largest first, the gateway with the fewest flows so far."""
    loads = [(0, gateway) for gateway in range(gateways)]
    owners = np.empty(len(sizes), dtype=np.int64)
    for place, size in enumerate(sizes.tolist()):
        load, gateway = loads[0]
        owners[place] = gateway
        heapq.heapreplace(loads, (load + size, gateway))
    return owners


def _check_possible(sizes: NDArray[np.int64], gateways: int, side: str, minimum: int) -> None:
    """Refuse more gateways than hosts, and gateways that whole hosts cannot fill."""
    if _serves(sizes, gateways, minimum):
        return
    possible, refused = 1, min(gateways, len(sizes) + 1)
    while refused - possible > 1:
        middle = (possible + refused) // 2
        if _serves(sizes, middle, minimum):
            possible = middle
        else:
            refused = middle
    raise PartitionError(
        f"expected at most {possible} gateways, since {len(sizes)} {side} hosts have flows, none "
        f"is cut and each gateway needs {minimum} flows, found {gateways}; take fewer gateways, "
        "or scheme host-dirichlet"
    )


def _serves(sizes: NDArray[np.int64], gateways: int, minimum: int) -> bool:
    if gateways > len(sizes):
        return False
    loads = np.bincount(_group(sizes, gateways), weights=sizes, minlength=gateways)
    return bool(loads.min() >= max(minimum, 1))
