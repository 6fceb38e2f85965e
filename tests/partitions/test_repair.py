"""The minimum is reached by moving as few flows as need be, from the largest, at random."""

from __future__ import annotations

import numpy as np
import oracles
from hypothesis import given
from hypothesis import strategies as st

from partitions.tables import raise_to_minimum, skim

SIZES = st.lists(st.integers(0, 30), min_size=1, max_size=12)


@given(SIZES, st.data())
def test_skim_equals_taking_one_at_a_time(sizes, data):
    amount = data.draw(st.integers(0, sum(sizes)))
    assert skim(np.array(sizes), amount).tolist() == oracles.skim_one_by_one(sizes, amount)


@given(
    st.lists(st.lists(st.integers(0, 20), min_size=3, max_size=3), min_size=1, max_size=10),
    st.data(),
)
def test_repair_by_its_definition(rows, data):
    counts = np.array(rows)
    minimum = data.draw(st.integers(0, int(counts.sum()) // len(counts)))
    repaired = raise_to_minimum(counts, minimum, np.random.default_rng(0))
    sizes, after = counts.sum(axis=1), repaired.sum(axis=1)
    missing = sum(max(0, minimum - size) for size in sizes.tolist())
    gives = oracles.skim_one_by_one([max(0, size - minimum) for size in sizes.tolist()], missing)
    assert after.tolist() == (np.maximum(sizes, minimum) - gives).tolist()
    assert repaired.sum(axis=0).tolist() == counts.sum(axis=0).tolist()
    assert repaired.min() >= 0
    assert (repaired[sizes < minimum] >= counts[sizes < minimum]).all()
    assert (repaired[sizes >= minimum] <= counts[sizes >= minimum]).all()


def test_nothing_moves_or_is_drawn_when_all_are_large_enough():
    counts = np.array([[5, 5], [10, 0]])
    rng, untouched = np.random.default_rng(4), np.random.default_rng(4)
    assert raise_to_minimum(counts, 10, rng).tolist() == counts.tolist()
    assert rng.random() == untouched.random()


def test_the_flows_that_move_follow_the_mix_of_the_giver():
    counts = np.array([[600, 300, 100], [0, 0, 0]])
    draws = 500
    rng = np.random.default_rng(5)
    got = sum(raise_to_minimum(counts, 30, rng)[1] for _ in range(draws)) / draws
    np.testing.assert_allclose(got, [18, 9, 3], atol=0.6)
