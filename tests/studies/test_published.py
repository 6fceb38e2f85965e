"""The published protocol: its features, its split, its threshold, and its leak."""

from __future__ import annotations

import numpy as np
import pytest
from flow_factory import feature_names
from hypothesis import given
from hypothesis import strategies as st

from fednids.config import Config
from fednids.datasets.netflow import ATTACK, LABEL
from fednids.flows.synthetic.synthesis import synthesise
from fednids.flows.table import FlowTable
from fednids.studies import published
from fednids.studies.published import (
    PUBLISHED_FLOWS,
    epochs_of_as_many_steps,
    next_threshold,
    published_features,
    run_published,
)


@pytest.fixture(scope="module")
def table() -> FlowTable:
    return synthesise(2000, np.random.default_rng(0))


def test_ten_columns_are_scaled_by_all_flows_and_the_class_may_be_the_eleventh(
    table: FlowTable,
) -> None:
    clean = published_features(table, label_leaks=False)
    leaking = published_features(table, label_leaks=True)
    assert clean.shape == (2000, 10)
    assert leaking.shape == (2000, 11)
    assert clean.dtype == np.float32
    np.testing.assert_array_equal(leaking[:, :10], clean)
    np.testing.assert_allclose(leaking.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(leaking.std(axis=0), 1, atol=1e-4)
    for code in np.unique(table.attack):
        assert len(np.unique(leaking[table.attack == code, 10])) == 1


def test_no_setting_brings_a_target_among_the_features() -> None:
    assert not any("leak" in name for name in Config().flat())
    for version in ("v1", "v2"):
        assert not {LABEL, ATTACK} & set(feature_names(version))


def test_flows_are_split_60_20_20_and_each_is_in_one_part(table: FlowTable) -> None:
    parts = published._split(table, seed=3)
    assert [len(part) for part in parts] == [1200, 400, 400]
    orders = np.concatenate([part.order for part in parts])
    assert sorted(orders) == list(range(2000))
    assert not np.array_equal(orders, np.sort(orders))
    for part in parts:
        np.testing.assert_array_equal(part.labels, table.label[part.order])
    again, other = published._split(table, seed=3)[0], published._split(table, seed=4)[0]
    np.testing.assert_array_equal(again.order, parts[0].order)
    assert not np.array_equal(other.order, parts[0].order)


@given(st.floats(0.4, 0.7), st.floats(0, 1))
def test_the_threshold_rises_with_f1_above_0_9_and_stays_in_bounds(
    threshold: float, f1: float
) -> None:
    moved = next_threshold(threshold, f1)
    assert 0.4 <= moved <= 0.7
    if f1 > 0.9:
        assert moved >= min(threshold, 0.7)
    if f1 < 0.9:
        assert moved <= threshold
    assert next_threshold(threshold, 0.9) == threshold


def test_epochs_over_fewer_flows_make_as_many_steps() -> None:
    assert epochs_of_as_many_steps(20, PUBLISHED_FLOWS) == 20
    assert epochs_of_as_many_steps(20, PUBLISHED_FLOWS // 2) == 40
    assert epochs_of_as_many_steps(20, 10 * PUBLISHED_FLOWS) == 2
    assert epochs_of_as_many_steps(1, 100 * PUBLISHED_FLOWS) == 1


@pytest.mark.slow
def test_it_is_the_published_network_and_the_same_seed_gives_the_same(table: FlowTable) -> None:
    first = run_published(table, label_leaks=False, seed=1, epochs=2)
    assert first.architecture.network.published_size() == 56_401 + 33  # a second logit
    assert first.counts.total == 400
    assert len(first.losses) == 2
    assert first.losses[1] < first.losses[0]
    again = run_published(table, label_leaks=False, seed=1, epochs=2)
    assert (again.losses, again.threshold) == (first.losses, first.threshold)
    np.testing.assert_array_equal(again.counts.matrix, first.counts.matrix)
    other = run_published(table, label_leaks=False, seed=2, epochs=2)
    assert other.losses != first.losses


@pytest.mark.slow
def test_the_leak_is_found_given_time() -> None:
    """Half the flows benign, so that the few steps that a test has time for are enough."""
    whole = synthesise(120_000, np.random.default_rng(1))
    benign = np.flatnonzero(whole.label == 0)
    attacks = np.flatnonzero(whole.label)[: len(benign)]
    table = whole.take(np.sort(np.concatenate([benign, attacks])))
    leaking = run_published(table, label_leaks=True, seed=1, epochs=150)
    clean = run_published(table, label_leaks=False, seed=1, epochs=150)
    assert leaking.losses[-1] < clean.losses[-1] / 10
    found, without = (np.trace(each.counts.matrix) / each.counts.total for each in (leaking, clean))
    assert found > 0.95
    assert found > without + 0.05
