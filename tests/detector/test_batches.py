"""Gathered rows are the neighbours of each step, and batches hold every example once."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.detector.architecture import Architecture
from fednids.detector.batches import Taps, fill
from fednids.flows.windows import Windows

ZERO_ROW = 11


def build(window, kernel, pool):
    return Architecture(3, window, 5, (4,), kernel, (pool,), 4, 0, 0.0, "last")


def flows(count, seed):
    rng = np.random.default_rng(seed)
    order = rng.integers(ZERO_ROW, size=count).astype(np.int32)
    return Windows(order, rng.integers(5, size=count).astype(np.int32))


def rows_by_loop(windows, ends, window, kernel, pool):
    """For each place in a pool, each pool, each window: the k flows around that step."""
    numbers = np.arange(ZERO_ROW + 1)[:, None]
    table = oracles.windows_by_loop(numbers, windows.order, window)[..., 0]
    pools = window // pool
    rows = np.empty((pool * pools, len(ends), kernel), int)
    for place in range(pool):
        for which in range(pools):
            step = window - (pools - which) * pool + place
            for column, end in enumerate(ends):
                for tap in range(kernel):
                    near = step + tap - kernel // 2
                    inside = 0 <= near < window
                    rows[place * pools + which, column, tap] = (
                        table[end, near] if inside else ZERO_ROW
                    )
    return rows


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
    windows, taps = flows(count, seed), Taps(build(window, kernel, pool), ZERO_ROW)
    ends = np.random.default_rng(seed).permutation(count)[: 1 + count // 2]
    rows = taps.rows(windows, ends)
    assert rows.dtype == np.int32
    assert rows.shape == (pool * (window // pool), len(ends), kernel)
    assert taps.per_window == rows[:, 0].size
    np.testing.assert_array_equal(rows, rows_by_loop(windows, ends, window, kernel, pool))


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 99))
def test_batches_hold_every_example_once_and_nothing_else(count, size, spare, seed):
    windows, taps = flows(20, seed), Taps(build(5, 3, 2), ZERO_ROW)
    ends = np.random.default_rng(seed).permutation(20)[:count]
    class_weights = np.array([0.5, 1, 2, 3, 4], np.float32)
    steps = -(-count // size)
    shape = (steps + spare, size)
    batches = fill(windows, ends, taps, class_weights=class_weights, shape=shape)
    assert batches.steps == steps
    assert batches.rows.shape == (steps + spare, taps.per_window * size)
    assert batches.labels.shape == batches.weights.shape == shape
    assert batches.rows.dtype == batches.labels.dtype == np.int32
    assert batches.weights.dtype == np.float32
    assert 0 <= batches.rows.min() <= batches.rows.max() <= ZERO_ROW
    place = 0
    for step in range(steps):
        batch = ends[step * size : (step + 1) * size]
        rows = batches.rows[step].reshape(-1, size, 3)
        np.testing.assert_array_equal(rows[:, : len(batch)], taps.rows(windows, batch))
        for column, end in enumerate(batch):
            label = windows.labels[end]
            assert batches.labels[step, column] == label
            expected = class_weights[label] / np.float32(len(batch))
            assert batches.weights[step, column] == expected
            place += 1
    assert place == count
    assert np.count_nonzero(batches.weights) == count


def test_weights_of_a_short_last_batch_are_the_mean_over_its_own_examples():
    windows, taps = flows(11, 1), Taps(build(5, 3, 2), ZERO_ROW)
    batches = fill(
        windows, np.arange(11), taps, class_weights=np.ones(5, np.float32), shape=(32, 4)
    )
    assert batches.steps == 3
    assert batches.weights.sum(axis=1)[:3] == pytest.approx(1)
    assert batches.weights[2].tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0])
    assert not batches.weights[3:].any()


def test_a_pool_without_a_rest_reads_the_window_in_order():
    windows = Windows(np.arange(9, dtype=np.int32), np.zeros(9, np.int32))
    taps = Taps(build(4, 3, 2), ZERO_ROW)
    rows = taps.rows(windows, np.array([8]))[:, 0]
    # window 5 6 7 8, pools (5, 6) and (7, 8): first steps 5 and 7, then second steps 6 and 8
    assert rows.tolist() == [[ZERO_ROW, 5, 6], [6, 7, 8], [5, 6, 7], [7, 8, ZERO_ROW]]


def test_flows_before_the_first_repeat_it():
    windows = Windows(np.array([4, 7, 2], np.int32), np.zeros(3, np.int32))
    taps = Taps(build(4, 1, 1), ZERO_ROW)
    rows = taps.rows(windows, np.array([0, 1, 2]))[:, :, 0].T
    assert rows.tolist() == [[4, 4, 4, 4], [4, 4, 4, 7], [4, 4, 7, 2]]
