"""The trainer against a plain reference, and everything that must not leak between calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_factory import (
    BATCH,
    NETWORK,
    OTHER,
    PLAIN,
    START,
    VECTORS,
    gateway,
    losses_by_loops,
    make,
    pulled,
    run,
    same,
)
from detector_oracles import by_steps
from network_factory import changed

from fednids.flows.windows import Windows
from fednids.training.jobs import LocalTraining
from fednids.training.objective import Objective
from fednids.training.trainer import STEPS_PER_CALL


def split(orders):
    """Return the examples of every step."""
    return [batch for batches in orders for batch in batches]


# --- weights go in and out ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adam", "sgd", "fedprox", "dropping"])
def test_loading_the_same_weights_again_trains_them_again(name, request):
    """The trap: after a step, ``set_data`` leaves the compiled graph with its old memory.

    The second training then moves hidden weights and gives back what was loaded.
    """
    trainer = request.getfixturevalue(name)
    objective = pulled(0.5) if name == "fedprox" else None
    first, second, third = (run(trainer, objective=objective) for _ in range(3))
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
    run(trainer, OTHER, local=replace(PLAIN, learning_rate=1.0))
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
    local = LocalTraining(2, 0.03, np.array([1.0, 0.5, 2.0, 3.0], np.float32))
    trained = run(trainer, windows=windows, local=local)
    batches = split(orders)
    assert [len(batch) for batch in batches] == 2 * {1: [1], 19: [8, 8, 3]}[count]
    weights, losses, faint, _ = by_steps(plain, name, windows, batches, local)
    assert trained.steps == len(batches)
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    assert faint.mean() < 0.25
    sure = ~faint if name == "adam" else slice(None)
    np.testing.assert_allclose(trained.weights[sure], weights[sure], atol=5e-5, rtol=0)
    assert np.abs(weights - START).max() > 0.01


@pytest.mark.parametrize("start", [START, OTHER], ids=["start", "other"])
def test_two_steps_of_fedprox_pull_to_the_start_of_the_round(start, fedprox, plain, orders):
    windows = gateway(13, seed=2)
    local = replace(PLAIN, learning_rate=0.3)
    trained = run(fedprox, start, windows, local, objective=pulled(1.5))
    batches = split(orders)
    assert len(batches) == 2
    weights, losses, *_ = by_steps(plain, "sgd", windows, batches, local, start=start, pull=1.5)
    np.testing.assert_allclose(trained.weights, weights, atol=1e-5, rtol=0)
    # the reported loss is without the proximal term
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    # at the start the penalty is flat: the pull is that of the second step, mu * lr * distance
    free = run(fedprox, start, windows, local, objective=pulled(0.0))
    one, *_ = by_steps(plain, "sgd", windows, batches[:1], local, start=start, pull=1.5)
    pull = -0.3 * 1.5 * (one - start)
    assert np.abs(pull).max() > 1e-3
    np.testing.assert_allclose(trained.weights - free.weights, pull, atol=1e-5, rtol=0)


def test_more_mu_stays_closer(fedprox):
    far = [
        np.linalg.norm(
            run(fedprox, local=replace(PLAIN, epochs=5), objective=pulled(mu)).weights - START
        )
        for mu in (0.0, 0.5, 2.0, 8.0)
    ]
    assert far == sorted(far, reverse=True)
    assert far[3] < 0.5 * far[0]


def test_fedprox_without_mu_is_plain(fedprox, sgd):
    windows, local = gateway(50, seed=4), replace(PLAIN, epochs=3)
    with_pull, without = (
        run(fedprox, windows=windows, local=local, objective=pulled(0.0)),
        run(sgd, windows=windows, local=local),
    )
    np.testing.assert_allclose(with_pull.weights, without.weights, atol=1e-6, rtol=0)
    assert with_pull.loss == pytest.approx(without.loss, abs=1e-6)


@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1, STEPS_PER_CALL * BATCH, 300, 700])
def test_every_example_once_an_epoch(count, adam, orders):
    trained = run(adam, windows=gateway(count), local=replace(PLAIN, epochs=3, learning_rate=1e-4))
    shuffled = np.concatenate(split(orders)).reshape(3, count)
    for epoch in shuffled:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(count))
    if count > 2:
        assert len({epoch.tobytes() for epoch in shuffled}) == 3
    assert trained.steps == 3 * -(-count // BATCH)
    assert all(len(batches) <= STEPS_PER_CALL for batches in orders)
    assert all(len(batch) <= BATCH for batch in split(orders))


def test_without_shuffling_every_epoch_is_in_the_order_of_the_flows(sgd, plain, orders):
    windows, local = gateway(13), replace(PLAIN, epochs=2, shuffle=False)
    one, other = (run(sgd, windows=windows, local=local, seed=s) for s in (1, 2))
    assert same(one, other)
    batches = [np.arange(8), np.arange(8, 13)] * 2
    assert [b.tolist() for b in split(orders)] == [b.tolist() for b in 2 * batches]
    weights, losses, *_ = by_steps(plain, "sgd", windows, batches, local)
    np.testing.assert_allclose(one.weights, weights, atol=1e-5, rtol=0)
    assert one.loss == pytest.approx(np.mean(losses), abs=1e-5)
    assert not same(one, run(sgd, windows=windows, local=replace(local, shuffle=True)))


def test_no_call_of_many_is_lost(sgd, plain, orders):
    windows = gateway(STEPS_PER_CALL * BATCH + 11, seed=6)
    trained = run(sgd, windows=windows)
    batches = split(orders)
    assert [len(batches) for batches in orders] == [STEPS_PER_CALL, 2]
    weights, losses, *_ = by_steps(plain, "sgd", windows, batches, PLAIN)
    assert trained.steps == len(batches) == STEPS_PER_CALL + 2
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    np.testing.assert_allclose(trained.weights, weights, atol=2e-5, rtol=0)


@pytest.mark.parametrize("count", [5, 19])
def test_class_weights_scale_the_loss(count, sgd, orders):
    windows, still = gateway(count, seed=7), replace(PLAIN, learning_rate=0.0)
    class_weights = np.array([0.25, 1.0, 2.0, 5.0], np.float32)
    losses, _ = losses_by_loops(START, windows)
    trained = run(sgd, windows=windows, local=replace(still, class_weights=class_weights))
    weighted = losses * class_weights[windows.labels]
    expected = np.mean([weighted[batch].mean() for batch in split(orders)])
    assert trained.loss == pytest.approx(expected, rel=1e-5)
    assert trained.weights.tobytes() == START.tobytes()
    one = run(sgd, windows=windows, local=still)
    twice = run(sgd, windows=windows, local=replace(still, class_weights=2 * still.class_weights))
    assert twice.loss == pytest.approx(2 * one.loss, rel=1e-6)


def test_class_weights_scale_the_step(sgd):
    windows, twice = gateway(BATCH), replace(PLAIN, class_weights=2 * PLAIN.class_weights)
    one, other = run(sgd, windows=windows), run(sgd, windows=windows, local=twice)
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
    network = changed(NETWORK, dropout=drop, channels=(16,))
    drawn = (
        make("sgd", network)._loop(Objective(), stacked=False)._dropout(np.random.default_rng(6))
    )
    masks, draws = (tensor.asnumpy() for tensor in drawn)
    assert draws.shape == (STEPS_PER_CALL, NETWORK.network.steps[-1] * BATCH)
    assert set(np.unique(masks)) == {0.0, np.float32(1) / np.float32(1 - drop)}
    spread = np.sqrt(drop / (1 - drop) / masks.size)
    assert abs(masks.mean(dtype=np.float64) - 1) < 4 * spread
    assert 0 <= draws.min() <= draws.max() < len(masks)
    assert len(np.unique(draws)) > 0.6 * min(draws.size, len(masks))


def test_an_optimiser_that_is_not_fresh_goes_on_where_it_stopped(request):
    """Two epochs are one epoch and another; a fresh optimiser begins otherwise."""
    windows, rates = gateway(3 * BATCH), {"shuffle": False}
    for name in ("adam", "sgd"):
        trainer = request.getfixturevalue(name)
        local = replace(PLAIN, **rates)
        whole = run(trainer, windows=windows, local=replace(local, epochs=2))
        first = run(trainer, windows=windows, local=local)
        second = run(trainer, first.weights, windows=windows, local=replace(local, fresh=False))
        np.testing.assert_array_equal(second.weights, whole.weights)
        assert (first.loss + second.loss) / 2 == pytest.approx(whole.loss, rel=1e-6)
        restarted = run(trainer, first.weights, windows=windows, local=local)
        assert np.array_equal(restarted.weights, whole.weights) == (name == "sgd")
