"""Sharpness-aware steps: against two plain steps, one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_factory import BATCH, NETWORK, PLAIN, START, gateway, make, run, same

from fednids.training.objective import Objective, Shift
from fednids.training.trainer import STEPS_PER_CALL, Trainer

RADIUS = 0.3
WINDOWS = gateway(BATCH)


@pytest.fixture(scope="module")
def sgd() -> Trainer:
    return make("sgd")


def step(trainer: Trainer, weights: np.ndarray) -> np.ndarray:
    """One plain step of the one batch, as what it changes."""
    return run(trainer, start=weights, windows=WINDOWS).weights - weights


@pytest.mark.parametrize("epochs", [1, 2, STEPS_PER_CALL + 3])
def test_each_step_takes_the_gradient_where_the_loss_is_higher(epochs: int, sgd: Trainer) -> None:
    """Qu et al. 2022, algorithm 1, one batch an epoch."""
    expected = START.copy()
    for _ in range(epochs):
        down = step(sgd, expected)
        above = expected - np.float32(RADIUS) * down / np.linalg.norm(down)
        expected = expected + step(sgd, above)
    local = replace(PLAIN, epochs=epochs)
    found = run(sgd, windows=WINDOWS, local=local, objective=Objective(sharpness=RADIUS))
    assert found.steps == epochs
    np.testing.assert_allclose(found.weights, expected, atol=2e-5 * epochs**0.5)
    plain = run(sgd, windows=WINDOWS, local=local)
    assert np.abs(found.weights - plain.weights).max() > 20 * 2e-5


def test_its_loss_is_that_of_the_weights_themselves(sgd: Trainer) -> None:
    sharp = run(sgd, windows=WINDOWS, objective=Objective(sharpness=RADIUS))
    assert sharp.loss == pytest.approx(run(sgd, windows=WINDOWS).loss, rel=1e-6)


def test_other_terms_change_the_gradient_that_is_taken(sgd: Trainer) -> None:
    vector = np.random.default_rng(3).normal(0, 0.05, NETWORK.size).astype(np.float32)
    terms = (Shift(vector),)
    alone = run(sgd, windows=WINDOWS, objective=Objective(sharpness=RADIUS))
    both = run(sgd, windows=WINDOWS, objective=Objective(terms, sharpness=RADIUS))
    moved = np.float32(PLAIN.learning_rate) * vector
    np.testing.assert_allclose(both.weights, alone.weights - moved, atol=2e-6)


def test_without_a_radius_it_is_plain_to_the_bit(sgd: Trainer) -> None:
    assert same(run(sgd, objective=Objective(sharpness=0.0)), run(sgd))


def test_a_batch_without_a_slope_stays_where_it_is(sgd: Trainer) -> None:
    """Its gradient is nothing: there is no direction, and no NaN."""
    weightless = replace(PLAIN, class_weights=np.zeros_like(PLAIN.class_weights))
    found = run(sgd, windows=WINDOWS, local=weightless, objective=Objective(sharpness=RADIUS))
    np.testing.assert_array_equal(found.weights, START)
