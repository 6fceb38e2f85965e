"""Distances between class mixes and between gateways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import distance as scipy_distance
from scipy.stats import wasserstein_distance
from skew_oracles import BETWEEN_MIXES, mix

from fednids.errors import PartitionError
from partitions import PartitionPlan
from partitions.skew import DISTANCES, Features, compare_gateways, feature_pairs, label_pairs

every_distance = pytest.mark.parametrize("name", DISTANCES)
tables = arrays(
    np.int64, st.tuples(st.integers(1, 70), st.integers(1, 5)), elements=st.integers(0, 9)
)


def test_the_oracle_knows_every_distance():
    assert set(BETWEEN_MIXES) == set(DISTANCES)


@every_distance
@given(table=tables)
def test_pairs_are_the_literal_distances(name, table):
    found = label_pairs(table, DISTANCES[name])
    dealt = table.sum(axis=1) > 0
    assert np.isnan(found[~dealt]).all()
    assert np.isnan(found[:, ~dealt]).all()
    found, rows = found[dealt][:, dealt], [mix(row) for row in table[dealt].tolist()]
    assert (found == found.T).all()
    assert (np.diag(found) == 0).all()
    assert ((found >= 0) & (found <= 1)).all()
    for one, other in zip(found[:3], rows[:3], strict=True):
        wanted = [BETWEEN_MIXES[name](other, row) for row in rows]
        np.testing.assert_allclose(one, wanted, atol=1e-7)


def test_jensen_shannon_is_the_square_of_scipys_to_base_two():
    mixes = np.random.default_rng(1).dirichlet(np.full(5, 0.5), 30)
    found = DISTANCES["jensen_shannon"](mixes[:, None], mixes[None])
    wanted = scipy_distance.cdist(mixes, mixes, scipy_distance.jensenshannon) ** 2 / np.log(2)
    np.testing.assert_allclose(found, wanted, atol=1e-12)
    assert DISTANCES["jensen_shannon"](np.array([1.0, 0]), np.array([0, 1.0])) == 1


@every_distance
def test_nothing_in_common_is_one(name):
    assert DISTANCES[name](np.array([0.3, 0.7, 0]), np.array([0, 0, 1.0])) == pytest.approx(1)


def flows_of(seed, flows, gateways, vectors, features=2):
    rng = np.random.default_rng(seed)
    values = rng.choice([0.0, 1.0, 2.5, -7.0, 100.0, 3e5], (vectors, features))
    values += rng.normal(size=values.shape) * (rng.random(features) < 0.5)
    names = tuple(f"f{place}" for place in range(features))
    vector = rng.integers(0, vectors, flows).astype(np.int32)
    return Features(names, values, vector), rng.integers(0, gateways, flows).astype(np.int32)


@given(
    st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 6), st.sampled_from([1, 3, 40, 2000])
)
def test_feature_pairs_are_scipys(seed, flows, gateways, vectors):
    features, assignment = flows_of(seed, flows, gateways, vectors)
    found = feature_pairs(features, assignment, range(gateways))
    whole = features.values[features.vector]
    spread = whole.std(axis=0)
    scaled = whole / np.where(np.ptp(whole, axis=0) == 0, 1, spread)
    for one in range(gateways):
        for other in range(gateways):
            mine, theirs = scaled[assignment == one], scaled[assignment == other]
            if not (len(mine) and len(theirs)):
                assert np.isnan(found[one, other])
                continue
            pairs = zip(mine.T, theirs.T, strict=True)
            wanted = np.mean([wasserstein_distance(*pair) for pair in pairs])
            assert found[one, other] == pytest.approx(wanted, abs=1e-8)


def test_many_values_and_a_choice_of_gateways_give_the_same():
    rng = np.random.default_rng(2)
    features = Features(("x",), rng.normal(size=(5000, 1)), np.arange(5000, dtype=np.int32))
    assignment = rng.integers(0, 40, 5000).astype(np.int32)
    whole = feature_pairs(features, assignment, np.arange(40))
    some = feature_pairs(features, assignment, [3, 17, 39])
    np.testing.assert_allclose(some, whole[np.ix_([3, 17, 39], [3, 17, 39])], atol=1e-12)
    scaled = features.values[:, 0] / features.values.std()
    wanted = wasserstein_distance(scaled[assignment == 3], scaled[assignment == 17])
    assert some[0, 1] == pytest.approx(wanted, abs=1e-9)


def test_at_most_so_many_gateways_with_flows_are_drawn():
    features, assignment = flows_of(3, 400, 50, 60)
    assignment[assignment == 7] = 8
    plan = PartitionPlan("x", assignment, 50)
    labels = (assignment % 3).astype(np.uint8)

    def compare(most):
        rng = np.random.default_rng(1)
        return compare_gateways(plan, labels, classes=3, features=features, most=most, rng=rng)

    drawn, again, everyone = compare(20), compare(20), compare(99)
    assert len(set(drawn.partition_ids.tolist())) == 20
    assert (np.diff(drawn.partition_ids) > 0).all()
    assert (drawn.partition_ids == again.partition_ids).all()
    assert set(everyone.partition_ids.tolist()) == set(range(50)) - {7}
    assert set(drawn.matrices) == {*DISTANCES, "wasserstein"}
    places = np.searchsorted(everyone.partition_ids, drawn.partition_ids)
    for name, matrix in drawn.matrices.items():
        wanted = everyone.matrices[name][np.ix_(places, places)]
        np.testing.assert_allclose(matrix, wanted, atol=1e-12)
        assert (np.diag(matrix) == 0).all()
        assert (matrix == matrix.T).all()


def test_no_gateway_to_compare_is_refused():
    plan = PartitionPlan("x", np.zeros(2, np.int32), 1)
    with pytest.raises(PartitionError, match="expected at least 1 gateway to compare, found 0"):
        compare_gateways(
            plan, np.zeros(2, np.uint8), classes=1, most=0, rng=np.random.default_rng(1)
        )
