"""host-dirichlet: no gateway crosses groups, gateways by size, Dirichlet inside."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_factory import deal, make_traffic

from fednids.errors import PartitionError
from partitions import Traffic


def traffic_of(sizes, hosts=(), classes=2, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.permutation(np.repeat(np.arange(len(sizes), dtype=np.int32), sizes))
    labels = rng.integers(classes, size=len(codes)).astype(np.uint8)
    return Traffic(labels, source=codes, destination=codes, hosts=hosts)


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=12).filter(any),
    st.integers(1, 20),
    st.integers(0, 9),
    st.integers(0, 2**32),
)
def test_groups_are_whole_unions_of_hosts_and_always_possible(sizes, most, minimum, seed):
    traffic = traffic_of(sizes)
    gateways = min(most, len(traffic) // max(minimum, 1))
    if not gateways:
        return
    plan = deal("host-dirichlet", traffic, gateways, seed, minimum=minimum, alpha=0.3)
    assert plan.sizes().min() >= minimum
    seen = np.zeros((gateways, len(sizes)), bool)
    seen[plan.assignment, traffic.source] = True
    together = seen.astype(int) @ seen.T.astype(int) > 0
    group = [frozenset(np.flatnonzero(row).tolist()) for row in _closure(together)]
    for one in group:
        inside = seen[sorted(one)].any(axis=0)
        assert not seen[[k for k in range(gateways) if k not in one]][:, inside].any()


def _closure(linked):
    reached = linked | np.eye(len(linked), dtype=bool)
    for _ in range(len(linked)):
        reached = (reached.astype(int) @ reached.astype(int)) > 0
    return reached


def test_large_groups_stay_apart_and_gateways_follow_sizes():
    traffic = traffic_of([6000, 3000, 1000])
    plan = deal("host-dirichlet", traffic, 20, alpha=100.0)
    owners = [np.unique(plan.assignment[traffic.source == code]).tolist() for code in range(3)]
    assert owners == [list(range(12)), list(range(12, 18)), [18, 19]]


def test_small_groups_are_joined_until_they_have_the_minimum():
    traffic = traffic_of([500, 400, 6, 3, 2])
    plan = deal("host-dirichlet", traffic, 5, alpha=10.0)
    small = np.unique(plan.assignment[traffic.source >= 2])
    assert small.tolist() == [4]
    assert plan.sizes()[4] == 11


def test_the_prefix_makes_the_groups():
    hosts = ("192.168.100.1", "192.168.100.9", "192.168.7.1", "10.0.0.1")
    traffic = traffic_of([300, 300, 300, 300], hosts)
    for prefix, groups in ((32, 4), (24, 3), (16, 2), (1, 2)):
        networks = [ipaddress.ip_network(f"{h}/{prefix}", strict=False) for h in hosts]
        plan = deal("host-dirichlet", traffic, groups, prefix=prefix, alpha=1e6)
        for one in range(4):
            for other in range(4):
                owners = [set(plan.assignment[traffic.source == c].tolist()) for c in (one, other)]
                assert (owners[0] == owners[1]) == (networks[one] == networks[other])


def test_labels_within_a_group_are_dirichlet():
    traffic = traffic_of([2000, 2000], classes=1)
    shares = [
        deal("host-dirichlet", traffic, 10, s, alpha=0.5, minimum=0).sizes() / 2000
        for s in range(300)
    ]
    np.testing.assert_allclose(np.mean(shares), 0.2, rtol=1e-9)
    np.testing.assert_allclose(np.var(shares), 0.2 * 0.8 / (5 * 0.5 + 1), rtol=0.1)


@pytest.mark.parametrize(
    ("hosts", "message"),
    [((), "address for each of 2 host codes, found 0"), (("a", "1.2.3.4"), "addresses, found 'a'")],
)
def test_addresses_that_are_none_are_refused(hosts, message):
    traffic = traffic_of([30, 30], hosts)
    with pytest.raises(PartitionError, match=message):
        deal("host-dirichlet", traffic, 2, prefix=24)
    deal("host-dirichlet", traffic, 2, prefix=32)


def test_sides_differ():
    traffic = make_traffic([500, 500])
    plans = [
        deal("host-dirichlet", traffic, 9, host_side=side) for side in ("source", "destination")
    ]
    assert plans[0] != plans[1]
