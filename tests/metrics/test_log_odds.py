"""Log-odds are those of the softmax; bins are the half-open ones between the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.metrics.log_odds import BINS, EDGES, bins_of, log_odds, probability, usable_logits


@given(st.integers(2, 6), st.integers(0, 2**32))
def test_log_odds_are_those_of_the_softmax(classes: int, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(scale=3, size=(20, classes))
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(log_odds(logits), np.log(chances / (1 - chances)), atol=1e-7)


def test_far_logits_lose_nothing() -> None:
    found = log_odds(np.array([[100.0, 0.0, -50.0], [0.0, 400.0, 400.0]]))
    np.testing.assert_allclose(found[0], [100, -100, -150])
    np.testing.assert_allclose(found[1], [-400 - math.log(2), 0, 0], atol=1e-12)
    assert np.isposinf(log_odds(np.array([[2000.0, 0.0]]))[0, 0])


def test_two_classes_have_opposite_scores() -> None:
    found = log_odds(np.random.default_rng(1).normal(size=(50, 2)))
    np.testing.assert_allclose(found[:, 0], -found[:, 1], atol=1e-12)


@given(st.floats(-40, 40))
def test_a_bin_holds_its_lower_edge(score: float) -> None:
    (place,) = bins_of(np.array([score]))
    assert place == np.searchsorted(EDGES, score, side="right")


def test_edges_and_infinities_have_bins() -> None:
    assert len(EDGES) == BINS - 1
    np.testing.assert_array_equal(bins_of(EDGES), np.arange(1, BINS))
    assert bins_of(np.array([-np.inf, np.inf])).tolist() == [0, BINS - 1]


def test_broken_logits_say_nothing() -> None:
    logits = np.array([[np.nan, 1, 2], [1, 2, 3], [np.inf, 0, 0]], np.float32)
    found = usable_logits(logits)
    assert found.tolist() == [[0, 0, 0], [1, 2, 3], [0, 0, 0]]
    assert found.dtype == np.float32
    np.testing.assert_allclose(log_odds(found)[0], -math.log(2))


@pytest.mark.parametrize("score", [-math.inf, -800.0, -2.0, 0.0, 3.0, 800.0, math.inf])
def test_probabilities(score: float) -> None:
    expected = 1.0 if score > 700 else 0.0 if score < -700 else 1 / (1 + math.exp(-score))
    assert probability(score) == pytest.approx(expected, abs=1e-15)
