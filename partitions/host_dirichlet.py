"""Subnets with several gateways each, and Dirichlet label skew within a subnet."""

from __future__ import annotations

import heapq
import ipaddress

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.errors import PartitionError
from partitions import dirichlet, host
from partitions.interface import Assignment, Traffic

_WHOLE_ADDRESS = 32


class Settings(host.Settings, dirichlet.Settings):
    """Those of ``host`` and ``dirichlet``, and what a group is."""

    prefix: int = Field(
        32, ge=1, le=32, description="address bits that name a group of hosts; 32 for each alone"
    )


def host_dirichlet(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Assignment:
    """Group hosts, each group with gateways of its own, and deal within it as ``dirichlet``.

    1. Hosts whose addresses agree in the first ``prefix`` bits are a group; 32 bits are
       single hosts.
    2. The smallest groups are joined while one has less than the minimum, or there are
       more groups than gateways or too little room for these.
    3. Every group gets a gateway; each further one goes to the group with the most flows
       for each gateway that it would have.
    4. Within a group each class is dealt in shares drawn from ``Dir(alpha)``.

    So a gateway sees one group's flows, whatever ``K`` is, and always has the minimum.

    Raises
    ------
    PartitionError
        When there are no hosts, or an address is none.

    Notes
    -----
    This is the natural scheme that is useful on BoT-IoT, where ``host`` ends at four
    gateways. Its testbed is one /24, so ``prefix`` 24 is one large group there, but for the
    flows from outside, and with 32 each host is a group.

    References
    ----------
    As for ``dirichlet``. Shares of gateways: V. D'Hondt, "Système pratique et raisonné de
    représentation proportionnelle", 1882.
    """
    groups = _join(_groups(traffic, settings), gateways, minimum, rng)
    sizes = np.bincount(groups)
    shares = _apportion(sizes, gateways, minimum)
    assignment = np.empty(len(traffic), dtype=np.int32)
    rows = np.split(np.argsort(groups, kind="stable"), np.cumsum(sizes)[:-1])
    first = 0
    for own, share in zip(rows, shares, strict=True):
        assignment[own] = first
        if share > 1:
            inside = Traffic(traffic.labels[own])
            assignment[own] += dirichlet.dirichlet(inside, share, rng, settings, minimum)
        first += share
    return assignment


def _groups(traffic: Traffic, settings: Settings) -> NDArray[np.int64]:
    """Return each flow's group, ``(N,)``."""
    codes = traffic.ends(settings.host_side)
    if settings.prefix == _WHOLE_ADDRESS:
        return codes.astype(np.int64)
    networks = [_network(address, settings.prefix) for address in traffic.hosts]
    number = {network: place for place, network in enumerate(sorted(set(networks)))}
    if len(networks) <= codes.max():
        raise PartitionError(
            f"expected an address for each of {int(codes.max()) + 1} host codes, found "
            f"{len(networks)}; give Traffic its hosts, or take a prefix of {_WHOLE_ADDRESS}"
        )
    found: NDArray[np.int64] = np.array([number[network] for network in networks])[codes]
    return found


def _network(address: str, prefix: int) -> tuple[int, int]:
    """Return an address' version and its first bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        raise PartitionError(
            f"expected host addresses, found {address!r}; take a prefix of {_WHOLE_ADDRESS}, "
            "which does not read them"
        ) from None
    return parsed.version, int(parsed) >> (parsed.max_prefixlen - prefix)


def _join(
    groups: NDArray[np.int64], gateways: int, minimum: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Join the smallest groups as far as must be; number them from the largest."""
    sizes = np.bincount(groups)
    order = rng.permutation(np.flatnonzero(sizes))
    order = order[np.argsort(sizes[order], kind="stable")]
    left, each = sizes[order].tolist(), max(minimum, 1)
    heap = [(size, place) for place, size in enumerate(left)]
    joins: list[tuple[int, int]] = []
    room = sum(size // each for size in left)
    while len(heap) > 1 and (len(heap) > gateways or heap[0][0] < each or room < gateways):
        small, place = heapq.heappop(heap)
        other, target = heap[0]
        room += (small + other) // each - small // each - other // each
        joins.append((place, target))
        heapq.heapreplace(heap, (small + other, target))
    into = np.arange(len(left))
    for place, target in reversed(joins):
        into[place] = into[target]
    joined = np.zeros(len(sizes), dtype=np.int64)
    joined[order] = into
    largest_first = np.argsort(-np.bincount(joined[groups]), kind="stable")
    rank = np.empty(len(largest_first), dtype=np.int64)
    rank[largest_first] = np.arange(len(largest_first))
    numbered: NDArray[np.int64] = rank[joined][groups]
    return numbered


def _apportion(sizes: NDArray[np.int64], gateways: int, minimum: int) -> list[int]:
    """Return each group's number of gateways: at least one, none without room for it."""
    shares = [1] * len(sizes)
    most = (sizes // max(minimum, 1)).tolist()
    heap = [(-size / 2, place) for place, size in enumerate(sizes.tolist())]
    heapq.heapify(heap)
    for _ in range(gateways - len(sizes)):
        while shares[heap[0][1]] >= most[heap[0][1]]:
            heapq.heappop(heap)
        place = heap[0][1]
        shares[place] += 1
        heapq.heapreplace(heap, (-int(sizes[place]) / (shares[place] + 1), place))
    return shares
