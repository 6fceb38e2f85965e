"""Lies about flows, flow by flow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.flows.windows import Windows
from fednids.simulation.adversaries.attacks import ATTACKS
from fednids.simulation.adversaries.poisoning import PoisonContext, with_trigger

VECTORS = 11
POISONS = [name for name, attack in ATTACKS.items() if attack.poison]


def draw(seed: int, classes: int) -> tuple[Windows, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 60))
    order = rng.integers(VECTORS, size=n).astype(np.int32)
    windows = Windows(order, rng.integers(classes, size=n).astype(np.int32))
    return windows, rng.random(n) < 0.5


@pytest.mark.parametrize("name", POISONS)
@given(seed=st.integers(0, 10**6), classes=st.sampled_from([2, 5]))
def test_falsifies_the_chosen_flows_and_those_alone(name: str, seed: int, classes: int) -> None:
    windows, chosen = draw(seed, classes)
    order, labels = windows.order.copy(), windows.labels.copy()
    poison = ATTACKS[name].poison
    assert poison is not None
    found = poison(windows, chosen, PoisonContext(classes, VECTORS))
    for i, pick in enumerate(chosen):
        true = int(labels[i])
        said = {"label-flip": classes - 1 - true}.get(name, 0) if pick else true
        marked = VECTORS if name == "backdoor" and pick and true else 0
        assert found.labels[i] == said
        assert found.order[i] == order[i] + marked
    assert (found.order.dtype, found.labels.dtype) == (np.int32, np.int32)
    np.testing.assert_array_equal(windows.order, order)
    np.testing.assert_array_equal(windows.labels, labels)


def test_turning_labels_twice_is_honest() -> None:
    windows, _ = draw(3, 5)
    everything = np.ones(len(windows), bool)
    poison = ATTACKS["label-flip"].poison
    assert poison is not None
    twice = poison(poison(windows, everything, PoisonContext(5)), everything, PoisonContext(5))
    np.testing.assert_array_equal(twice.labels, windows.labels)


def test_a_triggered_flow_is_one_in_the_windows_after_it_too() -> None:
    windows = Windows(np.array([0, 1, 2, 3], np.int32), np.array([0, 4, 0, 1], np.int32))
    poison = ATTACKS["backdoor"].poison
    assert poison is not None
    found = poison(windows, np.array([True, True, True, False]), PoisonContext(5, 10))
    window = found.vectors(np.array([3]), np.array([-3, -2, -1, 0]))
    assert window.tolist() == [0, 11, 2, 3]
    assert found.labels.tolist() == [0, 0, 0, 1]


def test_a_backdoor_is_tested_on_attacks_that_all_have_the_trigger() -> None:
    windows = Windows(np.array([0, 1, 2, 3], np.int32), np.array([0, 4, 0, 1], np.int32))
    found = with_trigger(windows, PoisonContext(5, 10))
    assert found.order.tolist() == [0, 11, 2, 13]
    assert found.labels.tolist() == [0, 4, 0, 1]


def test_a_table_without_the_trigger_is_a_mistake() -> None:
    windows, _ = draw(3, 5)
    with pytest.raises(ValueError, match="with the trigger"):
        with_trigger(windows, PoisonContext(5))
