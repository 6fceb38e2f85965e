"""host: whole hosts, like sizes, or the largest number of gateways that can be."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from traffic_factory import deal

from fednids.errors import PartitionError
from partitions import Traffic

SHARES = (56_101, 52_439, 45_702, 40_158, 515, 78, 67, 55, 21, 9, 1)
"""Flows of each source in the real sample."""


def traffic_of(sizes, seed=0):
    codes = np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)
    codes = np.random.default_rng(seed).permutation(codes)
    return Traffic(np.zeros(len(codes), np.uint8), source=codes[::-1].copy(), destination=codes)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=12).filter(any),
    st.integers(1, 8),
    st.sampled_from(["source", "destination"]),
    st.integers(0, 2**32),
)
def test_hosts_are_whole_and_loads_within_the_largest_host(sizes, most, side, seed):
    gateways = min(most, sum(size > 0 for size in sizes))
    traffic = traffic_of(sizes)
    plan = deal("host", traffic, gateways, seed, host_side=side, minimum=0)
    codes = traffic.ends(side)
    for code in np.unique(codes):
        assert len(set(plan.assignment[codes == code].tolist())) == 1
    assert plan.sizes().min() > 0
    assert plan.sizes().max() - plan.sizes().min() <= max(sizes)
    assert plan.sizes().max() <= 4 / 3 * max(max(sizes), -(-sum(sizes) // gateways)) + max(sizes)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=10), st.integers(0, 12))
def test_a_refusal_names_a_number_that_works_and_one_more_does_not(sizes, minimum):
    traffic = traffic_of(sizes)
    most = sum(sizes) // max(minimum, 1)
    assume(most)
    try:
        deal("host", traffic, most, minimum=minimum)
    except PartitionError as error:
        named = int(re.findall(r"at most (\d+) gateways", str(error))[0])
        deal("host", traffic, named, minimum=minimum)
        with pytest.raises(PartitionError):
            deal("host", traffic, named + 1, minimum=minimum)


def test_the_trap_of_bot_iot():
    traffic = traffic_of(SHARES)
    four = deal("host", traffic, 4).sizes()
    assert four.min() > 40_000
    ten = np.sort(deal("host", traffic, 10).sizes())
    assert ten[:6].sum() < 0.004 * len(traffic)
    with pytest.raises(
        PartitionError, match=r"at most 10 gateways, since 11 source hosts.*found 20"
    ):
        deal("host", traffic, 20)


def test_any_gateway_may_get_the_largest_host():
    traffic = traffic_of([50, 20, 10])
    seen = {int(deal("host", traffic, 3, seed).sizes().argmax()) for seed in range(40)}
    assert seen == {0, 1, 2}


def test_no_hosts_are_refused():
    with pytest.raises(PartitionError, match=r"expected the source hosts .*found none; give"):
        deal("host", Traffic(np.zeros(30, np.uint8)), 2)
