"""feature: contiguous ranges at strength 1, iid at 0, and in between in between."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from traffic_factory import deal, make_traffic

from fednids.errors import PartitionError
from partitions import Traffic

TRAFFIC = make_traffic([3000, 2000])


def values(traffic, name="IN_BYTES"):
    table, vector = traffic.feature(name)
    return table[vector]


@given(st.integers(1, 30), st.integers(30, 300), st.integers(0, 2**32))
def test_full_strength_gives_contiguous_ranges_of_equal_size(gateways, flows, seed):
    traffic = make_traffic([flows], seed)
    plan = deal("feature", traffic, gateways, seed, feature="OUT_BYTES", minimum=0)
    ranges = [values(traffic, "OUT_BYTES")[plan.rows(k)] for k in range(gateways)]
    assert all(low.max() <= high.min() for low, high in pairwise(ranges))
    assert np.ptp(plan.sizes()) <= 1


def test_equal_values_are_split_at_random():
    traffic = Traffic(
        np.zeros(400, np.uint8), np.zeros(400, np.int32), np.ones((1, 1)), ("IN_BYTES",)
    )
    first = np.mean([deal("feature", traffic, 2, s).assignment[:200].mean() for s in range(50)])
    assert abs(first - 0.5) < 0.03


def test_skew_rises_with_strength():
    def between(strength):
        plan = deal("feature", TRAFFIC, 10, strength=strength)
        ranks = stats.rankdata(values(TRAFFIC))
        return np.var([ranks[plan.rows(k)].mean() for k in range(10)]) / ranks.var()

    found = [between(strength) for strength in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    assert found == sorted(found)
    assert found[0] < 0.01
    assert found[-1] > 0.95


def test_no_strength_is_iid():
    chances = [
        stats.kruskal(
            *(values(TRAFFIC)[deal("feature", TRAFFIC, 5, s, strength=0.0).rows(k)]
              for k in range(5))
        ).pvalue
        for s in range(60)
    ]  # fmt: skip
    assert stats.kstest(chances, "uniform").pvalue > 1e-3


def test_an_unknown_feature_names_the_nearest():
    with pytest.raises(PartitionError, match=r"IN_BYTES, OUT_BYTES, found 'out'; did you mean"):
        deal("feature", TRAFFIC, 5, feature="out")
    with pytest.raises(PartitionError, match="found labels alone"):
        deal("feature", Traffic(TRAFFIC.labels), 5)
