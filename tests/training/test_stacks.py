"""Jobs trained together end as if each had been trained alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracles
import pytest
from detector_factory import BATCH, CLASSES, NETWORK, PLAIN, VECTORS, gateway, make, pulled, same

from fednids.flows.windows import Windows
from fednids.networks.cnn_bilstm.stacked import stacked_places
from fednids.networks.interface import NOWHERE
from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.objective import Objective
from fednids.training.trainer import STEPS_PER_CALL

MEMBERS = 3
LOCAL = LocalTraining(2, 1e-3, np.array([1.0, 0.5, 2.0, 3.0], np.float32))
GROUPS = {
    "fewer than a stack": (19, 300),
    "a full stack": (BATCH, 41, 1),
    "one more": (19, 300, 1, 8),
    "some stop in the middle of a call, one goes on": (9, 33, 270, 64, 270, 250, 100),
    "all alike": (40, 40, 40),
}
ORDINARY = (19, 300, 1, 8, 64)


@pytest.fixture(scope="module")
def wide():
    """Adam, with batches so large that hardly any gradient vanishes."""
    return make("adam", batch_size=32, members=MEMBERS)


def jobs(counts, seed=0, objective=None):
    """Jobs that start from weights of their own.

    Weights are so small that no gate saturates: MindSpore's Tanh is off by 1e-4 at 5.
    """
    return [
        TrainingJob(
            NETWORK.initial_weights(np.random.default_rng(seed + place)),
            gateway(count, seed + place),
            np.random.default_rng([seed, place]),
            objective or Objective(),
        )
        for place, count in enumerate(counts)
    ]


def compare(trainer, made, local, *, weights):
    """Train jobs together and alone; give what came of both."""
    together = trainer.train_all(made(), local)
    alone = [trainer.train(job, local) for job in made()]
    assert len(together) == len(alone)
    for job, one, other in zip(made(), together, alone, strict=True):
        assert one.steps == other.steps == job.steps(local, trainer._batch_size)
        assert isinstance(one.steps, int)
        assert one.weights.dtype == np.float32
        assert one.loss == pytest.approx(other.loss, abs=1e-6)
        np.testing.assert_allclose(one.weights, other.weights, atol=weights, rtol=0)
        assert np.abs(one.weights - job.start).max() > 10 * weights
    return together, alone


@pytest.mark.parametrize("mu", [0.0, 1.5])
@pytest.mark.parametrize("name", GROUPS)
def test_together_as_alone_with_sgd(name, mu, fedprox):
    local = replace(LOCAL, learning_rate=0.01)
    compare(fedprox, lambda: jobs(GROUPS[name], objective=pulled(mu)), local, weights=1e-6)


@pytest.mark.parametrize(
    "name",
    [n if n.startswith("some") else pytest.param(n, marks=pytest.mark.slow) for n in GROUPS],
)
def test_together_as_alone_with_adam(name, wide):
    counts = [31 + 4 * count for count in GROUPS[name]]
    compare(wide, lambda: jobs(counts), LOCAL, weights=1e-5)


def test_the_pull_of_fedprox_is_to_each_start(fedprox):
    local = replace(LOCAL, learning_rate=0.01, epochs=3)
    free, held = (
        fedprox.train_all(jobs((64, 80), objective=pulled(mu)), local) for mu in (0.0, 20.0)
    )
    for job, one, other in zip(jobs((64, 80)), free, held, strict=True):
        far, near = (np.linalg.norm(t.weights - job.start) for t in (one, other))
        assert near < 0.6 * far


def test_one_step_is_down_the_gradient_of_the_plain_network(fedprox, plain):
    """A step of learning rate 1 gives every detector's gradient, of short batches as well."""
    local = replace(LOCAL, epochs=1, learning_rate=1.0)
    made = jobs((BATCH, 1, 5))
    for job, trained in zip(made, fedprox.train_all(made, local), strict=True):
        labels = job.windows.labels
        loss, _, gradient = plain.gradient(
            job.start,
            oracles.windows_by_loop(VECTORS, job.windows.order, NETWORK.window),
            labels,
            local.class_weights[labels] / len(labels),
        )
        assert trained.loss == pytest.approx(loss, abs=1e-5)
        np.testing.assert_allclose(job.start - trained.weights, gradient, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_job_has_the_order_that_its_own_generator_draws(shuffle, fedprox):
    local = replace(LOCAL, learning_rate=0.01, shuffle=shuffle)
    compare(fedprox, lambda: jobs((40, 70, 30)), local, weights=1e-6)
    made = jobs((40, 70, 30))
    swapped = [replace(job, rng=np.random.default_rng(9)) for job in made]
    one, other = fedprox.train_all(made, local), fedprox.train_all(swapped, local)
    assert all(same(*pair) for pair in zip(one, other, strict=True)) != shuffle


# --- what must not leak -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["adam", "fedprox"])
def test_the_same_jobs_give_the_same_bits_whatever_came_between(name, request):
    trainer, local = request.getfixturevalue(name), LOCAL
    objective = pulled(0.5) if name == "fedprox" else None
    first = trainer.train_all(jobs(ORDINARY, objective=objective), local)
    second = trainer.train_all(jobs(ORDINARY, objective=objective), local)
    strong = replace(local, learning_rate=0.5, epochs=1)
    trainer.train_all(jobs((50, 60, 70, 300), seed=50), strong)
    trainer.train(jobs((20,), seed=70)[0], strong)
    trainer.score(jobs((20,), seed=70)[0].start, gateway(10))
    third = trainer.train_all(jobs(ORDINARY, objective=objective), local)
    for one, *others in zip(first, second, third, strict=True):
        assert all(same(one, other) for other in others)


def test_the_first_stack_of_a_process_gives_the_same_bits(adam):
    adam.train_all(jobs((50, 60, 70), seed=50), replace(LOCAL, learning_rate=0.5))
    later = adam.train_all(jobs(ORDINARY), LOCAL)
    first = make("adam", members=MEMBERS).train_all(jobs(ORDINARY), LOCAL)
    assert all(same(*pair) for pair in zip(first, later, strict=True))


def test_the_bits_do_not_depend_on_the_other_jobs_of_a_stack(adam):
    one, other = adam.train_all(jobs((19, 64)), LOCAL)
    first, last = jobs((19, 64))
    found = adam.train_all([last, jobs((40,), seed=60)[0], first], LOCAL)
    assert found[0].weights.tobytes() == other.weights.tobytes()
    assert found[2].weights.tobytes() == one.weights.tobytes()


def diverging():
    return replace(jobs((64,))[0], start=np.full(NETWORK.size, np.nan, np.float32))


def test_a_detector_that_diverges_spoils_no_other(adam):
    clean = adam.train_all(jobs((19, 40)), LOCAL)
    first, last = jobs((19, 40))
    one, broken, other = adam.train_all([first, diverging(), last], LOCAL)
    assert np.isnan(broken.weights).all()
    assert np.isnan(broken.loss)
    for beside, without in zip((one, other), clean, strict=True):
        # MindSpore's kernels round otherwise where one of their numbers is no number
        np.testing.assert_allclose(beside.weights, without.weights, atol=1e-6, rtol=0)
        assert beside.loss == pytest.approx(without.loss, abs=1e-6)


def test_a_detector_that_diverged_is_forgotten_once_its_place_is_taken(adam):
    clean = adam.train_all(jobs((19, 40, 64)), LOCAL)
    adam.train_all([*jobs((19, 40)), diverging()], LOCAL)
    again = adam.train_all(jobs((19, 40, 64)), LOCAL)
    assert all(same(*pair) for pair in zip(clean, again, strict=True))


def test_a_detector_that_diverged_is_forgotten_where_its_place_is_empty(adam):
    clean = adam.train_all(jobs((19, 40)), LOCAL)
    adam.train_all([*jobs((19, 40)), diverging()], LOCAL)
    again = adam.train_all(jobs((19, 40)), LOCAL)
    adam.train_all(jobs((19, 40, 64)), LOCAL)
    assert all(same(*pair) for pair in zip(clean, again, strict=True))


def test_starts_and_answers_are_left_as_they_are(adam):
    made, untouched = jobs(ORDINARY), jobs(ORDINARY)
    for job in made:
        job.start.setflags(write=False)
    trained = adam.train_all(made, LOCAL)
    kept = [one.weights.copy() for one in trained]
    adam.train_all(jobs(ORDINARY, seed=30), replace(LOCAL, learning_rate=0.5))
    for job, twin, one, copy in zip(made, untouched, trained, kept, strict=True):
        np.testing.assert_array_equal(job.start, twin.start)
        np.testing.assert_array_equal(one.weights, copy)


@pytest.mark.parametrize("name", ["adam", "fedprox"])
def test_what_must_be_zero_stays_zero(name, request):
    trainer = request.getfixturevalue(name)
    objective = pulled(0.5) if name == "fedprox" else Objective()
    trainer.train_all(jobs(ORDINARY, objective=objective), replace(LOCAL, learning_rate=0.05))
    stack = trainer._loop(objective, stacked=True)._detectors
    memory = stack.cell.first.weight.asnumpy()
    nowhere = stacked_places(NETWORK.network)["conv1"] == NOWHERE
    assert nowhere.any()
    assert not memory[:, nowhere].any()
    assert memory[0, ~nowhere].all()


def test_a_stack_sees_other_vectors_when_shown(fedprox):
    made = jobs((19, 40))
    before = fedprox.train_all(made, LOCAL)
    last = len(VECTORS) - 1
    mirrored = [
        replace(job, windows=Windows((last - w.order).astype(np.int32), w.labels))
        for job, w in ((job, job.windows) for job in jobs((19, 40)))
    ]
    fedprox.show(VECTORS[::-1].copy())
    try:
        after = fedprox.train_all(mirrored, LOCAL)
    finally:
        fedprox.show(VECTORS)
    assert all(same(*pair) for pair in zip(before, after, strict=True))


# --- stacks and what they report ----------------------------------------------------------------


def test_what_cannot_be_stacked_is_trained_alone_to_the_bit(dropping):
    local = replace(LOCAL, learning_rate=0.05)
    together = dropping.train_all(jobs((40, 9, 20, 30)), local)
    alone = [dropping.train(job, local) for job in jobs((40, 9, 20, 30))]
    assert all(same(*pair) for pair in zip(together, alone, strict=True))


def test_a_single_job_is_trained_alone_to_the_bit(adam):
    (together,) = adam.train_all(jobs((40,)), LOCAL)
    assert same(together, adam.train(jobs((40,))[0], LOCAL))


def test_the_seconds_of_a_stack_are_shared_by_steps(adam):
    trained = adam.train_all(jobs((19, 300, 64)), LOCAL)
    each = [one.seconds / one.steps for one in trained]
    assert min(each) > 0
    assert each == pytest.approx([each[0]] * 3)


def test_losses_are_means_over_the_steps_of_each_job(fedprox):
    """Without learning, the loss of an epoch does not depend on the order of whole batches."""
    still = LocalTraining(1, 0.0, np.ones(CLASSES, np.float32), shuffle=False)
    counts = (BATCH, 2 * BATCH, (STEPS_PER_CALL + 3) * BATCH)
    for job, trained in zip(jobs(counts), fedprox.train_all(jobs(counts), still), strict=True):
        scored = fedprox.score(job.start, job.windows)
        assert trained.loss == pytest.approx(scored.loss / len(job.windows), rel=1e-5)
        assert trained.weights.tobytes() == job.start.tobytes()


def test_plain_training_of_a_stack_learns(adam):
    local = replace(PLAIN, epochs=8)
    for job, trained in zip(jobs((60, 90)), adam.train_all(jobs((60, 90)), local), strict=True):
        before, after = (adam.score(w, job.windows).loss for w in (job.start, trained.weights))
        assert after < 0.95 * before
