"""Feature distances against scipy, and the laws of their scale."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from skew_oracles import earth_mover

from fednids.errors import PartitionError
from partitions.skew import Features, feature_distances


def one_feature(values):
    column = np.asarray(values, np.float64)
    return Features(("x",), column[:, None], np.arange(len(column), dtype=np.int32))


def distances(features, assignment, gateways):
    return feature_distances(features, [assignment], gateways)[0]


@given(
    values=st.lists(
        st.one_of(st.integers(-3, 3), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=40
    ),
    gateways=st.integers(1, 6),
    seed=st.integers(0, 999),
)
def test_it_is_scipys_in_units_of_the_standard_deviation(values, gateways, seed):
    values = np.array(values, float)
    assignment = np.random.default_rng(seed).integers(0, gateways, len(values)).astype(np.int32)
    found = distances(one_feature(values), assignment, gateways)
    assert found.shape == (gateways, 1)
    spread = values.std() if len(set(values.tolist())) > 1 else 1.0
    for gateway in range(gateways):
        own = values[assignment == gateway]
        if not len(own):
            assert np.isnan(found[gateway, 0])
            continue
        wanted = wasserstein_distance(own, values) / spread
        assert found[gateway, 0] == pytest.approx(wanted, rel=1e-6, abs=1e-9)
        by_hand = earth_mover(own.tolist(), values.tolist()) / spread
        assert by_hand == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@given(st.integers(0, 999), st.integers(1, 50), st.sampled_from([1, 7, 300]))
def test_repeated_and_unused_vectors_count_as_the_flows_do(seed, flows, vectors):
    rng = np.random.default_rng(seed)
    table, vector = rng.normal(size=(vectors, 3)), rng.integers(0, vectors, flows).astype(np.int32)
    assignment = rng.integers(0, 4, flows).astype(np.int32)
    stored = distances(Features(("a", "b", "c"), table, vector), assignment, 4)
    every = Features(("a", "b", "c"), table[vector], np.arange(flows, dtype=np.int32))
    np.testing.assert_allclose(stored, distances(every, assignment, 4), atol=1e-12)


def test_many_gateways_many_values_and_heavy_tails():
    rng = np.random.default_rng(4)
    values = rng.lognormal(0, 3, 80_000)
    assignment = rng.integers(0, 300, 80_000).astype(np.int32)
    found = distances(one_feature(values), assignment, 300)[:, 0]
    for gateway in range(0, 300, 37):
        wanted = wasserstein_distance(values[assignment == gateway], values) / values.std()
        assert found[gateway] == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@given(st.integers(0, 999), st.floats(0.01, 1e4), st.floats(-1e4, 1e4))
def test_unit_and_origin_of_a_feature_do_not_matter(seed, unit, origin):
    rng = np.random.default_rng(seed)
    values, assignment = rng.normal(size=60), rng.integers(0, 3, 60).astype(np.int32)
    before = distances(one_feature(values), assignment, 3)
    after = distances(one_feature(values * unit + origin), assignment, 3)
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-7)


def test_a_gateway_beyond_all_others_is_off_by_the_shift():
    values = np.concatenate([np.zeros(900), np.ones(100)])
    assignment = (values > 0).astype(np.int32)
    found = distances(one_feature(values), assignment, 2)[:, 0]
    assert found == pytest.approx([0.1 / 0.3, 0.9 / 0.3])


def test_sorting_by_a_feature_moves_it_far_more_than_chance():
    rng = np.random.default_rng(5)
    values = rng.normal(size=(2000, 2))
    features = Features(("sorted", "other"), values, np.arange(2000, dtype=np.int32))
    assignment = np.empty(2000, np.int32)
    assignment[np.argsort(values[:, 0])] = np.arange(2000) // 200
    found = distances(features, assignment, 10).mean(axis=0)
    shuffled = [rng.permutation(assignment) for _ in range(20)]
    chance = feature_distances(features, shuffled, 10).mean(axis=1)
    assert found[0] > 5 * chance[:, 0].max()
    assert chance[:, 1].min() / 2 < found[1] < 2 * chance[:, 1].max()


def test_several_deals_of_the_same_sizes_are_measured_as_each_alone():
    rng = np.random.default_rng(6)
    features = one_feature(rng.normal(size=300))
    assignment = np.repeat(np.arange(4), [0, 10, 90, 200]).astype(np.int32)
    deals = [rng.permutation(assignment) for _ in range(3)]
    found = feature_distances(features, deals, 4)
    for each, deal in zip(found, deals, strict=True):
        np.testing.assert_array_equal(each, distances(features, deal, 4))
    assert found.shape == (3, 4, 1)
    assert np.isnan(found[:, 0]).all()


def test_a_constant_feature_differs_nowhere():
    features = Features(("x",), np.full((3, 1), 0.1), np.zeros(9, np.int32))
    assert (distances(features, np.arange(9, dtype=np.int32) % 3, 3) == 0).all()


def test_the_logarithmic_scale_is_odd_and_keeps_the_order():
    found = one_feature([-10.0, 0.0, 10.0, 1e9]).logarithmic().values[:, 0]
    assert found == pytest.approx([-np.log(11), 0, np.log(11), np.log1p(1e9)])


@pytest.mark.parametrize(
    ("values", "vector"),
    [
        (np.ones((3, 2)), np.zeros(4, np.int32)),
        (np.ones(3), np.zeros(4, np.int32)),
        (np.full((3, 1), np.nan), np.zeros(4, np.int32)),
        (np.ones((3, 1)), np.full(4, 3, np.int32)),
        (np.ones((3, 1)), np.full(4, -1, np.int32)),
        (np.ones((3, 1)), np.zeros(4)),
        (np.ones((3, 1)), np.zeros(0, np.int32)),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(values, vector):
    with pytest.raises(PartitionError) as caught:
        Features(("x",), values, vector)
    assert re.fullmatch(r"expected [^\n]+, found [^\n]+; [^\n]+", str(caught.value))


def test_features_of_other_flows_are_refused():
    features = one_feature([1.0, 2.0])
    with pytest.raises(PartitionError, match="expected features of the plan's 3 flows, found 2"):
        distances(features, np.zeros(3, np.int32), 1)
