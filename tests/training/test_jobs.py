"""A job's batches are its windows, every epoch each of them once."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.flows.windows import Windows
from fednids.training.jobs import LocalTraining, TrainingJob, class_draws

LOCAL = LocalTraining(1, 0.1, np.ones(2, np.float32))


def job(count, seed=0):
    nothing = np.zeros(count, np.int32)
    return TrainingJob(
        np.zeros(3, np.float32), Windows(nothing, nothing), np.random.default_rng(seed)
    )


@given(st.integers(1, 50), st.integers(1, 12), st.integers(1, 4), st.booleans())
def test_every_window_once_an_epoch(count, size, epochs, shuffle):
    local = replace(LOCAL, epochs=epochs, shuffle=shuffle)
    batches = list(job(count).batches(local, size))
    assert job(count).steps(local, size) == len(batches)
    each = len(batches) // epochs
    for epoch in range(epochs):
        part = batches[epoch * each : (epoch + 1) * each]
        assert {len(batch) for batch in part[:-1]} <= {size}
        assert 1 <= len(part[-1]) <= size
        order = np.concatenate(part)
        np.testing.assert_array_equal(np.sort(order) if shuffle else order, np.arange(count))


def test_every_epoch_has_an_order_of_its_own():
    local = replace(LOCAL, epochs=4)
    epochs = list(job(30).batches(local, 30))
    assert len({epoch.tobytes() for epoch in epochs}) == 4


@pytest.mark.parametrize("shuffle", [True, False])
def test_the_generator_decides_the_order_if_anything_does(shuffle):
    local = replace(LOCAL, shuffle=shuffle)
    one, again, other = (next(job(30, seed).batches(local, 30)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.array_equal(one, other) != shuffle


@given(st.integers(1, 50), st.integers(1, 12), st.integers(1, 4), st.integers(1, 40))
def test_a_job_of_few_steps_has_the_first_batches_of_the_whole(count, size, epochs, most):
    local = replace(LOCAL, epochs=epochs)
    whole = list(job(count).batches(local, size))
    short = replace(job(count), most_steps=most)
    batches = list(short.batches(local, size))
    assert short.steps(local, size) == len(batches) == min(most, len(whole))
    assert [b.tolist() for b in batches] == [b.tolist() for b in whole[:most]]


@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 5), st.integers(1, 12))
def test_a_generator_is_drawn_from_as_if_no_step_were_missing(count, epochs, ahead, most):
    """What is drawn between two reads of `ahead` batches, as dropout is, stays the same."""
    local, drawn = replace(LOCAL, epochs=epochs), []
    whole, short = job(count), replace(job(count), most_steps=most)
    for each in (whole, short):
        feed = each.batches(local, 5, ahead)
        reads = iter(lambda feed=feed: list(islice(feed, ahead)), [])
        drawn.append([each.rng.random() for _ in reads])
    assert drawn[1] == drawn[0][: -(-most // ahead)]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_class_draws_are_places_and_repeat_with_the_generator(labels, seed):
    labels = np.array(labels, np.int32)
    one, again = (class_draws(labels, np.random.default_rng(seed)) for _ in range(2))
    assert one.shape == labels.shape
    assert ((one >= 0) & (one < len(labels))).all()
    np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_class_draws_are_by_a_power_of_the_counts_and_alike_within_each(power):
    labels = np.repeat([2, 0, 3], [1, 20, 979]).astype(np.int32)
    labels = np.random.default_rng(1).permutation(labels)
    rng = np.random.default_rng(2)
    drawn = np.concatenate([class_draws(labels, rng, power) for _ in range(200)])
    shares = np.bincount(labels[drawn], minlength=4) / len(drawn)
    expected = np.array([20, 0, 1, 979]) ** power * [1, 0, 1, 1]
    np.testing.assert_allclose(shares, expected / expected.sum(), atol=0.005)
    counts = np.bincount(drawn, minlength=len(labels))
    for name in (0, 2, 3):
        own = counts[labels == name]
        assert np.abs(own - own.mean()).max() < 6 * np.sqrt(own.mean())


def test_balanced_epochs_have_as_many_steps_and_every_one_draws_anew():
    local, each = replace(LOCAL, epochs=3), replace(job(30), sampling="balanced")
    batches = list(each.batches(local, 8))
    assert [len(batch) for batch in batches] == 3 * [8, 8, 8, 6]
    assert job(30).steps(local, 8) == len(batches)
    assert batches[0].tolist() != batches[4].tolist()
