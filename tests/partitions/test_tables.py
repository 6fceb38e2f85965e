"""Shares become whole flows without favour, and tables become assignments exactly."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from partitions.tables import deal_table, round_shares


@given(
    st.integers(0, 2**32),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=6),
    st.integers(1, 40),
    st.sampled_from([1e-6, 0.01, 0.5, 1e3, 1e6]),
)
def test_rounding_is_exact_in_sum_and_within_one_of_the_share(seed, totals, gateways, alpha):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(gateways, alpha), size=len(totals))
    counts = round_shares(shares, np.array(totals), rng)
    assert counts.shape == (gateways, len(totals))
    assert counts.sum(axis=0).tolist() == totals
    assert counts.min() >= 0
    assert (np.abs(counts.T - shares * np.array(totals)[:, None]) < 1 + 1e-6).all()


def test_the_odd_flows_of_a_rare_class_favour_no_gateway():
    rng = np.random.default_rng(1)
    shares = np.array([[0.05, 0.05, 0.1, 0.2, 0.6]])
    draws = 4000
    mean = sum(round_shares(shares, np.array([3]), rng)[:, 0] for _ in range(draws)) / draws
    np.testing.assert_allclose(mean, 3 * shares[0], atol=4 * 0.5 / np.sqrt(draws))


def test_rare_classes_fall_on_gateways_independently():
    rng = np.random.default_rng(2)
    shares = np.full((2, 20), 1 / 20)
    together = [
        (round_shares(shares, np.array([5, 5]), rng).min(axis=1) > 0).sum() for _ in range(2000)
    ]
    assert abs(np.mean(together) - 5 * 5 / 20) < 0.1
    assert abs(np.var(together) - 5 * 0.25 * 0.75 * 15 / 19) < 0.1


@given(st.integers(0, 2**32), st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3)))
def test_dealing_a_table_gives_exactly_that_table(seed, rows):
    counts = np.array([[1, 0, 2], *rows])
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(3, dtype=np.uint8), counts.sum(axis=0)))
    assignment = deal_table(labels, counts, rng)
    assert assignment.dtype == np.int32
    dealt = np.zeros_like(counts)
    for gateway, label in zip(assignment, labels, strict=True):
        dealt[gateway, label] += 1
    assert dealt.tolist() == counts.tolist()


def test_every_flow_of_a_class_is_as_likely_to_go_to_a_gateway():
    rng = np.random.default_rng(3)
    labels = np.array([0, 1, 0, 1, 0, 1, 1], dtype=np.uint8)
    counts = np.array([[1, 1], [2, 3]])
    draws = 3000
    mean = sum(deal_table(labels, counts, rng) for _ in range(draws)) / draws
    np.testing.assert_allclose(mean, np.where(labels == 0, 2 / 3, 3 / 4), atol=0.035)
