"""inner-dirichlet: equal sizes, all flows, and mixes whose odds are as drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_factory import SAMPLE, table


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any),
    st.integers(1, 12),
    st.sampled_from([1e-6, 1e-3, 0.1, 1.0, 1e6]),
    st.integers(0, 2**32),
)
def test_classes_that_run_out_leave_sizes_equal_and_every_flow_dealt(totals, most, alpha, seed):
    gateways = min(most, sum(totals))
    counts = table("inner-dirichlet", totals, gateways, seed, alpha=alpha, minimum=0)
    assert np.ptp(counts.sum(axis=1)) <= 1
    assert counts.sum(axis=0).tolist() == totals


def test_equal_classes_and_large_alpha_are_near_iid():
    counts = table("inner-dirichlet", [3000] * 4, 10, alpha=1e5)
    assert np.abs(counts - 300).max() < 10


def test_shares_have_the_variance_of_the_drawn_mixes_where_classes_are_equal():
    gateways, alpha = 400, 2.0
    counts = table("inner-dirichlet", [100_000] * 4, gateways, alpha=alpha)
    shares = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(shares.var(), 0.25 * 0.75 / (4 * alpha + 1), rtol=0.1)


@pytest.mark.parametrize("gateways", [5, 200])
def test_no_gateway_is_favoured_by_its_number(gateways):
    rare = [table("inner-dirichlet", SAMPLE, gateways, seed, alpha=0.3)[:, 0] for seed in range(40)]
    early, late = (np.mean(half) for half in np.array_split(np.mean(rare, axis=0), 2))
    assert abs(early - late) < 0.5 * SAMPLE[0] / gateways


def test_skew_falls_as_alpha_rises():
    def spread(alpha):
        counts = table("inner-dirichlet", [2000, 2000, 2000], 20, alpha=alpha)
        return np.abs(counts - 100).mean()

    found = [spread(alpha) for alpha in (0.01, 0.1, 1.0, 10.0, 1000.0)]
    assert found == sorted(found, reverse=True)
