"""extended-dirichlet: at most k classes, Dirichlet shares among their holders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from traffic_factory import SAMPLE, table

from fednids.errors import PartitionError


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any),
    st.integers(1, 12),
    st.integers(1, 5),
    st.sampled_from([1e-3, 0.3, 5.0]),
    st.integers(0, 5),
    st.integers(0, 2**32),
)
def test_at_most_k_classes_through_any_repair(totals, most, each, alpha, minimum, seed):
    gateways = max(min(most, sum(totals) // max(minimum, 1)), 1)
    if gateways * minimum > sum(totals):
        return
    dials = {"classes_per_gateway": each, "alpha": alpha, "minimum": minimum}
    try:
        counts = table("extended-dirichlet", totals, gateways, seed, **dials)
    except PartitionError:
        return
    assert ((counts > 0).sum(axis=1) <= each).all()
    assert counts.sum(axis=1).min() >= minimum
    assert counts.sum(axis=0).tolist() == totals


def test_large_alpha_is_pathological():
    dials = {"classes_per_gateway": 2, "alpha": 1e6}
    counts = table("extended-dirichlet", [1000] * 4, 10, **dials)
    np.testing.assert_allclose(counts[counts > 0], 200, atol=3)
    assert (counts > 0).sum(axis=1).tolist() == [2] * 10


def test_shares_among_holders_have_the_variance_of_dirichlet():
    dials = {"classes_per_gateway": 1, "alpha": 0.5, "minimum": 0}
    shares = [table("extended-dirichlet", [5000, 5000], 10, s, **dials) / 5000 for s in range(300)]
    held = np.concatenate([share.max(axis=1) for share in shares])
    np.testing.assert_allclose(held.mean(), 0.2, rtol=1e-9)
    np.testing.assert_allclose(held.var(), 0.2 * 0.8 / (5 * 0.5 + 1), rtol=0.1)


@pytest.mark.parametrize("gateways", [20, 1000])
def test_the_sample_with_the_default_minimum(gateways):
    for seed in range(3):
        counts = table("extended-dirichlet", SAMPLE, gateways, seed)
        assert ((counts > 0).sum(axis=1) <= 2).all()
        assert counts.sum(axis=1).min() >= 10
