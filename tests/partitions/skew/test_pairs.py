"""Distances between class mixes, and between those of every two gateways."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial import distance as scipy_distance
from skew_oracles import BETWEEN_MIXES, mix

from partitions.skew import DISTANCES, label_pairs

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
