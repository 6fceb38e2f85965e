"""Gathered rows are the neighbours of each step, and batches are laid out as one by one."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_factory import cnn_bilstm

from fednids.flows.windows import Windows
from fednids.training.jobs import WindowReader, fill, fill_evaluation

ZERO_ROW = 11
CLASSES = 5


def build(window, kernel, pool):
    return cnn_bilstm(3, window, CLASSES, (4,), kernel, (pool,), 4, 0, 0.0, "last")


def taps_of(architecture):
    return WindowReader(architecture.network.gathered(), architecture.window, ZERO_ROW)


def flows(count, seed):
    rng = np.random.default_rng(seed)
    order = rng.integers(ZERO_ROW, size=count).astype(np.int32)
    return Windows(order, rng.integers(CLASSES, size=count).astype(np.int32))


@given(
    st.integers(1, 12),
    st.sampled_from([1, 3, 5]),
    st.integers(1, 4),
    st.integers(1, 20),
    st.integers(0, 99),
)
def test_rows_are_the_neighbours_of_each_step(window, kernel, pool, count, seed):
    if pool > window:
        pool = window
    windows, taps = flows(count, seed), taps_of(build(window, kernel, pool))
    ends = np.random.default_rng(seed).permutation(count)[: 1 + count // 2]
    rows = taps.rows(windows, ends)
    assert rows.dtype == np.int32
    assert rows.shape == (pool * (window // pool), len(ends), kernel)
    assert taps.per_window == rows[:, 0].size
    expected = oracles.rows_by_loop(build(window, kernel, pool), windows, ends, ZERO_ROW)
    np.testing.assert_array_equal(rows, expected)


@st.composite
def feeds(draw):
    """Members of a graph call, some with nothing left, and its shape."""
    steps, size = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    members = []
    for busy in draw(st.lists(st.booleans(), min_size=1, max_size=4).filter(any)):
        windows = flows(draw(st.integers(1, 20)), draw(st.integers(0, 99)))
        counts = draw(st.lists(st.integers(1, size), min_size=steps, max_size=steps))
        batches = [rng.integers(len(windows), size=count) for count in counts]
        members.append((windows, batches if busy else []))
    shape = (steps + draw(st.integers(0, 2)), len(members) + draw(st.integers(0, 2)), size)
    return members, shape


def matches(laid_out, expected):
    """Whether all that is defined is as expected, and the rest a place that exists."""
    anything = np.isnan(expected)
    np.testing.assert_array_equal(laid_out[~anything], expected[~anything])
    most = ZERO_ROW if expected.ndim > 3 else CLASSES - 1
    return laid_out.dtype == np.int32 and 0 <= laid_out.min() <= laid_out.max() <= most


@given(feeds(), st.sampled_from([(5, 3, 2), (4, 1, 1), (7, 3, 3)]))
def test_batches_are_those_laid_out_one_by_one(given_feeds, sizes):
    (members, shape), architecture = given_feeds, build(*sizes)
    taps = taps_of(architecture)
    class_weights = np.array([0.5, 1, 2, 3, 4], np.float32)
    filled = fill(members, taps, class_weights, shape)
    expected = oracles.batches_by_loops(architecture, members, class_weights, shape, ZERO_ROW)
    steps = len(expected[0])
    assert {len(each) for each in filled} == {shape[0]}
    rows, labels, weights = (
        each[:steps].reshape(wanted.shape) for each, wanted in zip(filled, expected, strict=True)
    )
    assert matches(rows, expected[0])
    assert matches(labels, expected[1])
    assert weights.dtype == np.float32
    np.testing.assert_array_equal(weights, expected[2])


def test_weights_of_a_short_batch_are_the_mean_over_its_own_examples():
    windows, taps = flows(11, 1), taps_of(build(5, 3, 2))
    batches = [np.arange(4), np.arange(4, 8), np.arange(8, 11)]
    _, _, weights = fill([(windows, batches)], taps, np.ones(5, np.float32), (32, 2, 4))
    assert weights[:3].sum(axis=1) == pytest.approx(1)
    assert weights[2].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0, 0, 0, 0])


@given(
    st.lists(st.one_of(st.just(0), st.integers(0, 9)), min_size=1, max_size=6),
    st.integers(1, 8),
    st.sampled_from([(5, 3, 2), (4, 1, 1), (7, 3, 3)]),
)
def test_gateways_are_evaluated_end_to_end(counts, size, sizes):
    architecture = build(*sizes)
    taps = taps_of(architecture)
    gateways = [flows(count, seed) for seed, count in enumerate(counts)]
    bounds = np.cumsum([0, *counts])
    for start in range(0, sum(counts), size):
        rows, labels = fill_evaluation(gateways, bounds, start, taps, size)
        expected = oracles.evaluation_by_loops(architecture, gateways, start, size, ZERO_ROW)
        assert rows.shape == (expected[0].size,)
        by_loops = (expected[0][None], expected[1])  # as one member's, to tell rows from labels
        assert matches(rows.reshape(by_loops[0].shape), by_loops[0])
        assert matches(labels, by_loops[1])


def test_a_pool_without_a_rest_reads_the_window_in_order():
    windows = Windows(np.arange(9, dtype=np.int32), np.zeros(9, np.int32))
    taps = taps_of(build(4, 3, 2))
    rows = taps.rows(windows, np.array([8]))[:, 0]
    # window 5 6 7 8, pools (5, 6) and (7, 8): first steps 5 and 7, then second steps 6 and 8
    assert rows.tolist() == [[ZERO_ROW, 5, 6], [6, 7, 8], [5, 6, 7], [7, 8, ZERO_ROW]]


def test_flows_before_the_first_repeat_it():
    windows = Windows(np.array([4, 7, 2], np.int32), np.zeros(3, np.int32))
    taps = taps_of(build(4, 1, 1))
    rows = taps.rows(windows, np.array([0, 1, 2]))[:, :, 0].T
    assert rows.tolist() == [[4, 4, 4, 4], [4, 4, 4, 7], [4, 4, 7, 2]]
