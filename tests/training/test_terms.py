"""Pull, shift and the mean gradient: against the plain network step by step, and in stacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_factory import BATCH, CLASSES, NETWORK, OTHER, PLAIN, START, gateway, make, run, same
from detector_oracles import by_steps

from fednids.training.jobs import Job, LocalTraining, Terms
from fednids.training.trainer import STEPS_PER_CALL

MEMBERS = 3
LOCAL = LocalTraining(2, 0.1, np.array([1.0, 0.5, 2.0, 3.0], np.float32), pull=1.5)
COUNTS = (9, STEPS_PER_CALL * BATCH + 11, 64, 270, 1)


def noise(seed):
    """Give a vector as large as a gradient."""
    return np.random.default_rng(seed).normal(0, 0.05, NETWORK.size).astype(np.float32)


def job(count=19, seed=5, **given):
    """Give a job with an anchor and a shift of its own."""
    given = {"anchor": OTHER, "shift": noise(seed)} | given
    return Job(START, gateway(count, seed), np.random.default_rng(seed), **given)


@pytest.fixture(scope="module")
def full():
    return make("sgd", terms=Terms(pull=True, shift=True, tracked=True), members=MEMBERS)


def close(trained, twin):
    weights, losses, _, gradient = twin
    assert trained.steps == len(losses)
    assert trained.loss == pytest.approx(np.mean(losses), abs=1e-5)
    np.testing.assert_allclose(trained.weights, weights, atol=2e-5, rtol=0)
    if trained.gradient is not None:
        np.testing.assert_allclose(trained.gradient, gradient, atol=1e-5, rtol=0)


def batches_of(orders):
    """Take the recorded examples of every step."""
    batches = [batch for call in orders for batch in call]
    orders.clear()
    return batches


# --- alone --------------------------------------------------------------------------------------


def test_all_terms_are_the_steps_one_by_one(full, plain, orders):
    made = job()
    trained = full.train(made, LOCAL)
    terms = {"anchor": made.anchor, "shift": made.shift}
    batches = batches_of(orders)
    close(trained, by_steps(plain, "sgd", made.windows, batches, LOCAL, **terms))
    for left_out in ({"anchor": START}, {"shift": 0.0}):
        weights, *_ = by_steps(plain, "sgd", made.windows, batches, LOCAL, **terms | left_out)
        assert np.abs(weights - trained.weights).max() > 0.01
    assert trained.gradient.dtype == np.float32


def test_a_pull_alone_is_to_the_anchor(fedprox, plain, orders):
    made = job()
    trained = fedprox.train(made, LOCAL)
    twin = by_steps(plain, "sgd", made.windows, batches_of(orders), LOCAL, anchor=OTHER)
    close(trained, twin)
    assert trained.gradient is None


def test_a_shift_alone_is_added(plain, orders):
    made, local = job(), replace(LOCAL, pull=0.0)
    trained = make("sgd", terms=Terms(shift=True)).train(made, LOCAL)  # whose pull has no effect
    twin = by_steps(plain, "sgd", made.windows, batches_of(orders), local, shift=made.shift)
    close(trained, twin)
    assert trained.gradient is None


def test_tracking_alone_gives_the_mean_gradient_and_changes_nothing(adam, plain, orders):
    windows, local = gateway(2 * BATCH), replace(PLAIN, learning_rate=0.003)
    trained = run(make("adam", terms=Terms(tracked=True)), windows=windows, local=local)
    *_, gradient = by_steps(plain, "adam", windows, batches_of(orders), local)
    np.testing.assert_allclose(trained.gradient, gradient, atol=1e-4 * np.abs(gradient).max())
    without = run(adam, windows=windows, local=local)
    assert same(trained, without)
    assert without.gradient is None


def test_by_default_the_anchor_is_the_start_and_the_shift_nothing(full, fedprox):
    for trainer, local in ((fedprox, LOCAL), (full, LOCAL), (full, replace(LOCAL, pull=0.0))):
        named = trainer.train(job(anchor=START, shift=np.zeros_like(START)), local)
        assert same(trainer.train(job(anchor=None, shift=None), local), named)


def test_terms_of_no_strength_leave_plain_training(full, sgd):
    local = replace(LOCAL, pull=0.0)
    with_terms, without = full.train(job(300, shift=None), local), sgd.train(job(300), local)
    np.testing.assert_allclose(with_terms.weights, without.weights, atol=1e-6, rtol=0)
    assert with_terms.loss == pytest.approx(without.loss, abs=1e-6)


def test_the_mean_gradient_is_option_two_of_scaffold(full):
    """Karimireddy et al. 2020, eq. 4: c_i - c + (x - y) / (K * eta)."""
    server, own, local = noise(1), noise(2), replace(LOCAL, pull=0.0)
    trained = full.train(job(300, shift=server - own), local)
    moved = (START.astype(np.float64) - trained.weights) / (trained.steps * local.learning_rate)
    assert trained.steps > STEPS_PER_CALL
    assert np.abs(moved - trained.gradient).max() > 0.05
    np.testing.assert_allclose(own - server + moved, trained.gradient, atol=2e-6, rtol=0)


def test_one_step_without_terms_is_down_the_tracked_gradient(full):
    local = LocalTraining(1, 1.0, np.ones(CLASSES, np.float32))
    trained = full.train(job(BATCH, shift=None), local)
    np.testing.assert_allclose(START - trained.weights, trained.gradient, atol=1e-6, rtol=0)


# --- few steps ----------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1, 3, 4, 6, 100])
def test_most_steps_ends_training_early(most, full, plain, orders):
    made = job(most_steps=most)
    whole = full.train(job(), LOCAL)
    batches = batches_of(orders)[:most]
    trained = full.train(made, LOCAL)
    assert [b.tolist() for b in batches_of(orders)] == [b.tolist() for b in batches]
    assert trained.steps == min(most, 6)
    terms = {"anchor": made.anchor, "shift": made.shift}
    close(trained, by_steps(plain, "sgd", made.windows, batches, LOCAL, **terms))
    assert same(trained, whole) == (most >= 6)


def test_dropout_before_an_early_end_is_that_of_the_whole(dropping):
    left = []
    for most in (None, 2):
        rng = np.random.default_rng(3)
        dropping.train(Job(START, gateway(19), rng, most_steps=most), LOCAL)
        left.append(rng.random())
    assert left[0] == left[1]


# --- in a stack ---------------------------------------------------------------------------------


def test_together_as_alone_with_terms_and_ends_of_their_own(full):
    caps = (None, STEPS_PER_CALL + 1, 3, None, None)
    local = replace(LOCAL, learning_rate=0.02)

    def jobs():
        small = [NETWORK.initial_weights(np.random.default_rng(seed)) for seed in range(10)]
        return [
            replace(job(count, seed, anchor=small[seed + 5], most_steps=most), start=small[seed])
            for seed, (count, most) in enumerate(zip(COUNTS, caps, strict=True))
        ]

    together, alone = full.train_all(jobs(), local), [full.train(each, local) for each in jobs()]
    assert [one.steps for one in together] == [4, STEPS_PER_CALL + 1, 3, 68, 2]
    for one, other in zip(together, alone, strict=True):
        assert one.steps == other.steps
        assert one.loss == pytest.approx(other.loss, abs=1e-5)
        np.testing.assert_allclose(one.weights, other.weights, atol=1e-5, rtol=0)
        np.testing.assert_allclose(one.gradient, other.gradient, atol=1e-5, rtol=0)
        assert np.abs(one.gradient).max() > 1e-2


def test_what_runs_away_after_its_end_spoils_no_result(full):
    """Pulled too strongly, weights explode: of the long job, and of the short one's place."""
    local = replace(LOCAL, epochs=1, learning_rate=0.5, pull=16.0)
    with np.errstate(all="ignore"):
        short, long = full.train_all([job(BATCH), job(600)], local)
    assert not np.isfinite(long.weights).all()
    alone = full.train(job(BATCH), local)
    assert short.loss == pytest.approx(alone.loss, abs=1e-5)
    np.testing.assert_allclose(short.weights, alone.weights, atol=1e-4, rtol=0)
    np.testing.assert_allclose(short.gradient, alone.gradient, atol=1e-5, rtol=0)


# --- what must not leak -------------------------------------------------------------------------


def test_the_same_jobs_give_the_same_bits_whatever_came_between(full):
    def found():
        one, other = full.train_all([job(19), job(40, 8)], LOCAL)
        return [full.train(job(), LOCAL), one, other]

    first = found()
    full.train_all([job(50, 1), job(60, 2, anchor=START), job(70, 3)], LOCAL)
    full.train(job(9, 4, shift=1 + noise(7)), LOCAL)
    for before, after in zip(first, found(), strict=True):
        assert same(before, after)
        assert before.gradient.tobytes() == after.gradient.tobytes()


def test_what_was_given_and_taken_is_left_as_it_is(full):
    made, untouched = replace(job(anchor=OTHER.copy()), start=START.copy()), job()
    for array in (made.start, made.anchor, made.shift):
        array.setflags(write=False)
    trained = full.train(made, LOCAL)
    kept = trained.gradient.copy()
    full.train(job(40, 9), LOCAL)
    for name in ("start", "anchor", "shift"):
        np.testing.assert_array_equal(getattr(made, name), getattr(untouched, name))
    np.testing.assert_array_equal(trained.gradient, kept)
