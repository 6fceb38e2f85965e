"""The trainer against a plain reference, and everything that must not leak between calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracles
import pytest
from detector_oracles import PlainDetector

from fednids.detector import training
from fednids.detector.architecture import Architecture
from fednids.detector.training import EVALUATION_BATCH, STEPS_PER_CALL, LocalTraining, Trainer
from fednids.flows.windows import Windows

BATCH = 8
CLASSES = 4
NETWORK = Architecture(3, 5, CLASSES, (4,), 3, (2,), 4, 0, 0.0, "last")
VECTORS = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
START = 2 * NETWORK.initial_weights(np.random.default_rng(1))
OTHER = 2 * NETWORK.initial_weights(np.random.default_rng(2))
PLAIN = LocalTraining(1, 0.05, np.ones(CLASSES, np.float32))
DEFINITIONS = {"adam": oracles.AdamByDefinition, "sgd": oracles.SgdByDefinition}


def gateway(count, seed=0):
    rng = np.random.default_rng(100 + seed)
    order = rng.integers(len(VECTORS), size=count).astype(np.int32)
    return Windows(order, rng.integers(CLASSES, size=count).astype(np.int32))


def make(optimiser, network=NETWORK, **settings):
    return Trainer(network, VECTORS, batch_size=BATCH, optimiser=optimiser, **settings)


@pytest.fixture(scope="module")
def adam():
    return make("adam")


@pytest.fixture(scope="module")
def sgd():
    return make("sgd")


@pytest.fixture(scope="module")
def fedprox():
    return make("sgd", proximal=True)


@pytest.fixture(scope="module")
def dropping():
    return make("sgd", replace(NETWORK, dropout=0.5))


@pytest.fixture(scope="module")
def plain():
    return PlainDetector(NETWORK, np.random.default_rng(3))


@pytest.fixture
def orders(monkeypatch):
    """The examples of every graph call, in the order of training."""
    recorded, fill = [], training.fill

    def record(windows, ends, *arguments, **settings):
        recorded.append(ends.copy())
        return fill(windows, ends, *arguments, **settings)

    monkeypatch.setattr(training, "fill", record)
    return recorded


def run(trainer, start=START, windows=None, task=PLAIN, seed=5):
    windows = gateway(27) if windows is None else windows
    return trainer.train(start, windows, task, np.random.default_rng(seed))


def same(one, other):
    """Whether two results of training are the same, bit for bit."""
    return (
        one.weights.tobytes() == other.weights.tobytes()
        and one.loss == other.loss
        and one.steps == other.steps
    )


def by_steps(plain, optimiser, windows, order, task, start=START):
    """Train one batch after another on the plain network; give weights and each batch's loss."""
    inputs = oracles.windows_by_loop(VECTORS, windows.order, NETWORK.window)
    weights, losses = start.astype(np.float64), []
    definition = DEFINITIONS[optimiser]()
    while len(order):
        batch, order = order[:BATCH], order[BATCH:]
        labels = windows.labels[batch]
        loss, _, gradient = plain.gradient(
            weights.astype(np.float32),
            inputs[batch],
            labels,
            task.class_weights[labels] / len(batch),
        )
        if task.proximal_mu:
            gradient = gradient + oracles.gradient_by_differences(
                lambda w: task.proximal_mu / 2 * np.sum((w - start) ** 2), weights
            )
        weights = definition.step(weights, gradient.astype(np.float64), task.learning_rate)
        losses.append(loss)
    return weights, losses


# --- weights go in and out ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adam", "sgd", "fedprox", "dropping"])
def test_loading_the_same_weights_again_trains_them_again(name, request):
    """The trap: after a step, ``set_data`` leaves the compiled graph with its old memory.

    The second training then moves hidden weights and gives back what was loaded.
    """
    trainer = request.getfixturevalue(name)
    first, second, third = run(trainer), run(trainer), run(trainer)
    assert same(first, second)
    assert same(first, third)
    assert np.abs(first.weights - START).max() > 1e-3


def test_what_is_loaded_is_what_is_trained_and_scored(adam):
    windows = gateway(60)
    before = {w.tobytes(): adam.score(w, windows).loss for w in (START, OTHER)}
    assert len(set(before.values())) == 2
    trained = run(adam, OTHER)
    for weights in (START, OTHER, START):
        assert adam.score(weights, windows).loss == before[weights.tobytes()]
    run(adam, START)
    assert adam.score(OTHER, windows).loss == before[OTHER.tobytes()]
    assert same(run(adam, OTHER), trained)
    assert not same(run(adam, START), trained)


def test_scores_are_of_new_weights_after_training(adam, plain):
    windows = gateway(40)
    trained = run(adam, START, windows, replace(PLAIN, epochs=6))
    assert adam.score(trained.weights, windows).loss < adam.score(START, windows).loss
    assert adam.score(trained.weights, windows).loss == pytest.approx(
        loss_by_loops(plain, trained.weights, windows), rel=1e-5
    )


@pytest.mark.parametrize("name", ["adam", "sgd", "fedprox"])
def test_arrays_given_and_taken_are_left_as_they_are(name, request):
    trainer, start = request.getfixturevalue(name), START.copy()
    trained = run(trainer, start)
    np.testing.assert_array_equal(start, START)
    kept = trained.weights.copy()
    run(trainer, OTHER, task=replace(PLAIN, learning_rate=1.0))
    trainer.score(START, gateway(3))
    np.testing.assert_array_equal(trained.weights, kept)
    start[:] = np.nan
    trained.weights[:] = np.nan
    assert np.isfinite(run(trainer, OTHER).weights).all()
    assert trained.weights.dtype == np.float32
    assert trained.weights.shape == (NETWORK.size,)


def test_start_may_be_read_only(adam):
    start = START.copy()
    start.setflags(write=False)
    assert same(run(adam, start), run(adam, START))


# --- steps --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 8, 19])
@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_graph_of_steps_is_the_steps_one_by_one(name, count, plain, orders, request):
    trainer, windows = request.getfixturevalue(name), gateway(count, seed=1)
    task = LocalTraining(2, 0.03, np.array([1.0, 0.5, 2.0, 3.0], np.float32))
    trained = run(trainer, windows=windows, task=task)
    weights, losses = START, []
    # each epoch's short batch counts as the mean over its own examples
    for_each = [batch for order in orders for batch in np.split(order, range(8, count, 8))]
    assert [len(batch) for batch in for_each] == 2 * ([8] * (count // 8) + [count % 8] * (count % 8 > 0))
    weights, losses = by_batches(plain, name, windows, for_each, task)
    assert trained.steps == len(for_each)
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    np.testing.assert_allclose(trained.weights, weights, atol=5e-5, rtol=0)
    assert np.abs(weights - START).max() > 0.01
