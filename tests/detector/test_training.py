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
START = 3 * NETWORK.initial_weights(np.random.default_rng(6))
OTHER = 3 * NETWORK.initial_weights(np.random.default_rng(2))
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


def split(orders):
    """Cut the examples of every graph call into batches."""
    return [o[at : at + BATCH] for o in orders for at in range(0, len(o), BATCH)]


def by_steps(plain, optimiser, windows, batches, task, start=START):
    """Train one batch after another on the plain network.

    Give the weights, each batch's loss, and which weights ever had a gradient so faint that
    its rounding decides about a step of Adam.
    """
    inputs = oracles.windows_by_loop(VECTORS, windows.order, NETWORK.window)
    weights, losses, faint = start.astype(np.float64), [], np.zeros(len(start), bool)
    definition = DEFINITIONS[optimiser]()
    for batch in batches:
        labels = windows.labels[batch]
        coefficients = task.class_weights[labels] / len(batch)
        loss, _, gradient = plain.gradient(
            weights.astype(np.float32), inputs[batch], labels, coefficients
        )
        if task.proximal_mu:
            gradient = gradient + oracles.gradient_by_differences(
                lambda w: task.proximal_mu / 2 * np.sum((w - start) ** 2), weights
            )
        weights = definition.step(weights, gradient.astype(np.float64), task.learning_rate)
        losses.append(loss)
        faint |= (gradient != 0) & (np.abs(gradient) < 1e-5)
    return weights, losses, faint


def losses_by_loops(weights, windows):
    """Cross-entropy of each window, in NumPy."""
    plain = oracles.plain_parameters(NETWORK, weights, np.random.default_rng(4))
    inputs = oracles.windows_by_loop(VECTORS, windows.order, NETWORK.window)
    logits = oracles.logits_by_loops(NETWORK, plain, inputs)
    return oracles.cross_entropy_by_loop(logits, windows.labels), logits


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


def test_scores_are_of_new_weights_after_training(adam):
    windows = gateway(40)
    trained = run(adam, START, windows, replace(PLAIN, epochs=6))
    assert adam.score(trained.weights, windows).loss < adam.score(START, windows).loss
    assert adam.score(trained.weights, windows).loss == pytest.approx(
        losses_by_loops(trained.weights, windows)[0].sum(), rel=1e-5
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


@pytest.mark.parametrize("count", [1, 19])
@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_graph_of_steps_is_the_steps_one_by_one(name, count, plain, orders, request):
    trainer, windows = request.getfixturevalue(name), gateway(count, seed=1)
    task = LocalTraining(2, 0.03, np.array([1.0, 0.5, 2.0, 3.0], np.float32))
    trained = run(trainer, windows=windows, task=task)
    batches = split(orders)
    assert [len(batch) for batch in batches] == 2 * {1: [1], 19: [8, 8, 3]}[count]
    weights, losses, faint = by_steps(plain, name, windows, batches, task)
    assert trained.steps == len(batches)
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    assert faint.mean() < 0.25
    sure = ~faint if name == "adam" else slice(None)
    np.testing.assert_allclose(trained.weights[sure], weights[sure], atol=5e-5, rtol=0)
    assert np.abs(weights - START).max() > 0.01


@pytest.mark.parametrize("start", [START, OTHER], ids=["start", "other"])
def test_two_steps_of_fedprox_pull_to_the_start_of_the_round(start, fedprox, plain, orders):
    windows = gateway(13, seed=2)
    task = replace(PLAIN, learning_rate=0.3, proximal_mu=1.5)
    trained = run(fedprox, start, windows, task)
    batches = split(orders)
    assert len(batches) == 2
    weights, losses, _ = by_steps(plain, "sgd", windows, batches, task, start)
    np.testing.assert_allclose(trained.weights, weights, atol=1e-5, rtol=0)
    # the reported loss is without the proximal term
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    # at the start the penalty is flat: the pull is that of the second step, mu * lr * distance
    free = run(fedprox, start, windows, replace(task, proximal_mu=0.0))
    one, _, _ = by_steps(plain, "sgd", windows, batches[:1], task, start)
    pull = -0.3 * 1.5 * (one - start)
    assert np.abs(pull).max() > 1e-3
    np.testing.assert_allclose(trained.weights - free.weights, pull, atol=1e-5, rtol=0)


def test_more_mu_stays_closer(fedprox):
    far = [
        np.linalg.norm(run(fedprox, task=replace(PLAIN, epochs=5, proximal_mu=mu)).weights - START)
        for mu in (0.0, 0.5, 2.0, 8.0)
    ]
    assert far == sorted(far, reverse=True)
    assert far[3] < 0.5 * far[0]


def test_fedprox_without_mu_is_plain(fedprox, sgd):
    windows, task = gateway(50, seed=4), replace(PLAIN, epochs=3)
    with_pull, without = (
        run(fedprox, windows=windows, task=task),
        run(sgd, windows=windows, task=task),
    )
    np.testing.assert_allclose(with_pull.weights, without.weights, atol=1e-6, rtol=0)
    assert with_pull.loss == pytest.approx(without.loss, abs=1e-6)


@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, STEPS_PER_CALL * BATCH, 300, 700])
def test_every_example_once_an_epoch(count, adam, orders):
    trained = run(adam, windows=gateway(count), task=replace(PLAIN, epochs=3, learning_rate=1e-4))
    shuffled = np.concatenate(orders).reshape(3, count)
    for epoch in shuffled:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(count))
    if count > 2:
        assert len({epoch.tobytes() for epoch in shuffled}) == 3
    assert trained.steps == 3 * -(-count // BATCH)
    assert all(len(ends) <= STEPS_PER_CALL * BATCH for ends in orders)


def test_no_call_of_many_is_lost(sgd, plain, orders):
    windows = gateway(STEPS_PER_CALL * BATCH + 11, seed=6)
    trained = run(sgd, windows=windows)
    batches = split(orders)
    assert [len(ends) for ends in orders] == [STEPS_PER_CALL * BATCH, 11]
    weights, losses, _ = by_steps(plain, "sgd", windows, batches, PLAIN)
    assert trained.steps == len(batches) == STEPS_PER_CALL + 2
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    np.testing.assert_allclose(trained.weights, weights, atol=2e-5, rtol=0)


@pytest.mark.parametrize("count", [5, 19])
def test_class_weights_scale_the_loss(count, sgd, orders):
    windows, still = gateway(count, seed=7), replace(PLAIN, learning_rate=0.0)
    class_weights = np.array([0.25, 1.0, 2.0, 5.0], np.float32)
    losses, _ = losses_by_loops(START, windows)
    trained = run(sgd, windows=windows, task=replace(still, class_weights=class_weights))
    weighted = losses * class_weights[windows.labels]
    expected = np.mean([weighted[batch].mean() for batch in split(orders)])
    assert trained.loss == pytest.approx(expected, rel=1e-5)
    assert trained.weights.tobytes() == START.tobytes()
    one = run(sgd, windows=windows, task=still)
    twice = run(sgd, windows=windows, task=replace(still, class_weights=2 * still.class_weights))
    assert twice.loss == pytest.approx(2 * one.loss, rel=1e-6)


def test_class_weights_scale_the_step(sgd):
    windows, twice = gateway(BATCH), replace(PLAIN, class_weights=2 * PLAIN.class_weights)
    one, other = run(sgd, windows=windows), run(sgd, windows=windows, task=twice)
    np.testing.assert_allclose(other.weights - START, 2 * (one.weights - START), atol=1e-6, rtol=0)


# --- what must not leak -------------------------------------------------------------------------


def test_a_gateway_before_leaves_no_trace(adam):
    alone = run(make("adam"), windows=gateway(43, seed=8))
    run(adam, OTHER, gateway(150, seed=9), replace(PLAIN, epochs=2, learning_rate=0.5), seed=1)
    adam.score(OTHER, gateway(10))
    assert same(run(adam, windows=gateway(43, seed=8)), alone)


def test_the_seed_decides(adam):
    assert same(run(adam, seed=1), run(adam, seed=1))
    assert not same(run(adam, seed=1), run(adam, seed=2))


def test_one_graph_for_gateways_of_any_size(adam):
    run(adam)
    adam.score(START, gateway(4))
    compiled, graphs = adam.compile_seconds, compiled_graphs(adam)
    assert compiled > 0
    assert graphs == 2
    for count in (1, 7, BATCH, 200, STEPS_PER_CALL * BATCH + 1):
        task = LocalTraining(2, 0.001 * count, np.full(CLASSES, count, np.float32), 0.1)
        run(adam, OTHER, gateway(count), task, seed=count)
        adam.score(OTHER, gateway(count))
    adam.show(VECTORS[::-1].copy())
    run(adam)
    adam.score(START, gateway(4))
    adam.show(VECTORS)
    assert adam.compile_seconds == compiled
    assert compiled_graphs(adam) == graphs


def compiled_graphs(trainer):
    """How many graphs MindSpore has compiled for a trainer, whoever measured the time."""
    return len(trainer._steps.compile_cache) + len(trainer._scores.compile_cache)


def test_showing_other_vectors(adam):
    windows = gateway(30)
    before = adam.score(START, windows)
    mirrored = Windows((len(VECTORS) - 1 - windows.order).astype(np.int32), windows.labels)
    adam.show(VECTORS[::-1].copy())
    try:
        after = adam.score(START, mirrored)
    finally:
        adam.show(VECTORS)
    assert after.loss == before.loss
    np.testing.assert_array_equal(after.predicted, before.predicted)


# --- dropout ------------------------------------------------------------------------------------


def test_dropout_follows_the_seed(dropping):
    one, again, other = (run(dropping, windows=gateway(BATCH), seed=s) for s in (1, 1, 2))
    assert same(one, again)
    # one batch, in which order hardly matters: the masks differ
    assert np.abs(one.weights - other.weights).max() > 1e-4


def test_scoring_drops_nothing(dropping, sgd):
    windows = gateway(50)
    run(dropping)
    one, again, whole = (t.score(START, windows) for t in (dropping, dropping, sgd))
    assert one.loss == again.loss == whole.loss
    np.testing.assert_array_equal(one.predicted, whole.predicted)


@pytest.mark.parametrize("drop", [0.1, 0.5, 0.9])
def test_masks_have_mean_one(drop):
    network = replace(NETWORK, dropout=drop, channels=(16,))
    drawn = make("sgd", network)._dropout(np.random.default_rng(6))
    masks, draws = (tensor.asnumpy() for tensor in drawn)
    assert draws.shape == (STEPS_PER_CALL, NETWORK.steps[-1] * BATCH)
    assert set(np.unique(masks)) == {0.0, np.float32(1) / np.float32(1 - drop)}
    spread = np.sqrt(drop / (1 - drop) / masks.size)
    assert abs(masks.mean(dtype=np.float64) - 1) < 4 * spread
    assert 0 <= draws.min() <= draws.max() < len(masks)
    assert len(np.unique(draws)) > 0.6 * min(draws.size, len(masks))


# --- scoring ------------------------------------------------------------------------------------


def test_scores_are_those_of_the_plain_network(adam):
    windows = gateway(77, seed=10)
    losses, logits = losses_by_loops(START, windows)
    scored = adam.score(START, windows)
    np.testing.assert_array_equal(scored.predicted, logits.argmax(axis=1))
    assert len(np.unique(scored.predicted)) >= 3
    assert scored.predicted.dtype == np.int32
    assert scored.loss == pytest.approx(losses.sum(), rel=1e-6)


def test_scores_do_not_depend_on_the_padding(adam):
    whole = gateway(EVALUATION_BATCH + 300, seed=11)
    scored = adam.score(START, whole)
    losses, _ = losses_by_loops(START, whole)
    assert scored.loss == pytest.approx(losses.sum(), rel=1e-6)
    for count in (1, 2, EVALUATION_BATCH - 1, EVALUATION_BATCH, EVALUATION_BATCH + 1):
        # a window looks back only, so the first flows are scored alike whatever follows
        part = adam.score(START, Windows(whole.order[:count], whole.labels[:count]))
        np.testing.assert_array_equal(part.predicted, scored.predicted[:count])
        assert part.loss == pytest.approx(losses[:count].sum(), rel=1e-6)


def test_no_windows_no_answers(adam):
    scored = adam.score(START, gateway(0))
    assert scored.predicted.shape == (0,)
    assert scored.predicted.dtype == np.int32
    assert scored.loss == 0.0
