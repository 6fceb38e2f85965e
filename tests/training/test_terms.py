"""Pull, shift and the mean gradient: against the plain network step by step, and in stacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detector_factory import BATCH, CLASSES, NETWORK, OTHER, PLAIN, START, gateway, make, run, same
from detector_oracles import by_steps

from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.objective import Objective, Proximal, Shift
from fednids.training.trainer import STEPS_PER_CALL

MEMBERS = 3
LOCAL = LocalTraining(2, 0.1, np.array([1.0, 0.5, 2.0, 3.0], np.float32))
PULL = 1.5
COUNTS = (9, STEPS_PER_CALL * BATCH + 11, 64, 270, 1)


def noise(seed):
    """Return a vector as large as a gradient."""
    return np.random.default_rng(seed).normal(0, 0.05, NETWORK.size).astype(np.float32)


def job(count=19, seed=5, *, pull=PULL, anchor=OTHER, shift=True, most_steps=None, start=START):
    """Return a job with an anchor and a shift of its own."""
    shift = noise(seed) if shift is True else shift
    objective = Objective((Proximal(pull, anchor), Shift(shift)), track_gradient=True)
    rng = np.random.default_rng(seed)
    return TrainingJob(start, gateway(count, seed), rng, objective, most_steps)


def reduced(made, *terms, **given):
    """Return a job with other terms."""
    return replace(made, objective=Objective(terms, **given))


NOTHING = np.zeros(NETWORK.size, np.float32)


@pytest.fixture(scope="module")
def full():
    return make("sgd", members=MEMBERS)


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
    terms = {"pull": PULL, "anchor": OTHER, "shift": noise(5)}
    batches = batches_of(orders)
    close(trained, by_steps(plain, "sgd", made.windows, batches, LOCAL, **terms))
    for left_out in ({"anchor": START}, {"shift": 0.0}):
        weights, *_ = by_steps(plain, "sgd", made.windows, batches, LOCAL, **terms | left_out)
        assert np.abs(weights - trained.weights).max() > 0.01
    assert trained.gradient.dtype == np.float32


def test_a_pull_alone_is_to_the_anchor(full, plain, orders):
    made = reduced(job(), Proximal(PULL, OTHER))
    trained = full.train(made, LOCAL)
    batches = batches_of(orders)
    twin = by_steps(plain, "sgd", made.windows, batches, LOCAL, pull=PULL, anchor=OTHER)
    close(trained, twin)
    assert trained.gradient is None


def test_a_shift_alone_is_added(full, plain, orders):
    made = reduced(job(), Shift(noise(5)))
    trained = full.train(made, LOCAL)
    twin = by_steps(plain, "sgd", made.windows, batches_of(orders), LOCAL, shift=noise(5))
    close(trained, twin)
    assert trained.gradient is None


def test_tracking_alone_gives_the_mean_gradient_and_changes_nothing(adam, plain, orders):
    windows, local = gateway(2 * BATCH), replace(PLAIN, learning_rate=0.003)
    tracking = Objective(track_gradient=True)
    trained = run(adam, windows=windows, local=local, objective=tracking)
    *_, gradient = by_steps(plain, "adam", windows, batches_of(orders), local)
    np.testing.assert_allclose(trained.gradient, gradient, atol=1e-4 * np.abs(gradient).max())
    without = run(adam, windows=windows, local=local)
    assert same(trained, without)
    assert without.gradient is None


def test_by_default_the_anchor_is_the_start(full):
    for pull in (PULL, 0.0):
        named = full.train(job(pull=pull, anchor=START), LOCAL)
        assert same(full.train(job(pull=pull, anchor=None), LOCAL), named)


def test_terms_of_no_strength_leave_plain_training(full, sgd):
    with_terms = full.train(job(300, pull=0.0, shift=NOTHING), LOCAL)
    without = sgd.train(reduced(job(300)), LOCAL)
    np.testing.assert_allclose(with_terms.weights, without.weights, atol=1e-6, rtol=0)
    assert with_terms.loss == pytest.approx(without.loss, abs=1e-6)


def test_the_mean_gradient_is_option_two_of_scaffold(full):
    """Karimireddy et al. 2020, eq. 4: c_i - c + (x - y) / (K * eta)."""
    server, own = noise(1), noise(2)
    trained = full.train(job(300, pull=0.0, shift=server - own), LOCAL)
    moved = (START.astype(np.float64) - trained.weights) / (trained.steps * LOCAL.learning_rate)
    assert trained.steps > STEPS_PER_CALL
    assert np.abs(moved - trained.gradient).max() > 0.05
    np.testing.assert_allclose(own - server + moved, trained.gradient, atol=2e-6, rtol=0)


def test_one_step_without_terms_is_down_the_tracked_gradient(full):
    local = LocalTraining(1, 1.0, np.ones(CLASSES, np.float32))
    trained = full.train(job(BATCH, pull=0.0, shift=NOTHING), local)
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
    terms = {"pull": PULL, "anchor": OTHER, "shift": noise(5)}
    close(trained, by_steps(plain, "sgd", made.windows, batches, LOCAL, **terms))
    assert same(trained, whole) == (most >= 6)


def test_dropout_before_an_early_end_is_that_of_the_whole(dropping):
    left = []
    for most in (None, 2):
        rng = np.random.default_rng(3)
        dropping.train(TrainingJob(START, gateway(19), rng, most_steps=most), LOCAL)
        left.append(rng.random())
    assert left[0] == left[1]


# --- in a stack ---------------------------------------------------------------------------------


def test_together_as_alone_with_terms_and_ends_of_their_own(full):
    caps = (None, STEPS_PER_CALL + 1, 3, None, None)
    local = replace(LOCAL, learning_rate=0.02)

    def jobs():
        small = [NETWORK.initial_weights(np.random.default_rng(seed)) for seed in range(10)]
        return [
            job(count, seed, anchor=small[seed + 5], most_steps=most, start=small[seed])
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
    local = replace(LOCAL, epochs=1, learning_rate=0.5)
    with np.errstate(all="ignore"):
        short, long = full.train_all([job(BATCH, pull=16.0), job(600, pull=16.0)], local)
    assert not np.isfinite(long.weights).all()
    alone = full.train(job(BATCH, pull=16.0), local)
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
    given = {"start": START.copy(), "anchor": OTHER.copy(), "shift": noise(5)}
    for array in given.values():
        array.setflags(write=False)
    trained = full.train(job(**given), LOCAL)
    kept = trained.gradient.copy()
    full.train(job(40, 9), LOCAL)
    for array, untouched in zip(given.values(), (START, OTHER, noise(5)), strict=True):
        np.testing.assert_array_equal(array, untouched)
    np.testing.assert_array_equal(trained.gradient, kept)
