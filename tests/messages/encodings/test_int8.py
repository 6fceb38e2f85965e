"""Stochastic rounding: right on average, and never wrong by a level."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from messages.encodings.oracles import BLOCK, slow_int8
from messages.encodings.vectors import ALL, generator, moderate, normal, vectors

from fednids.messages.encodings import int8

INT8 = ALL["int8"]
LARGEST_SCALE = np.finfo(np.float32).max


def read(vector: np.ndarray, seed: int = 0) -> np.ndarray:
    return INT8.decode(INT8.encode(vector, generator(seed)), len(vector))


def scales_of(vector: np.ndarray) -> np.ndarray:
    scales = INT8.encode(vector, generator())["scales"]
    return np.repeat(scales, BLOCK)[: len(vector)].astype(float)


@given(vectors.filter(lambda vector: np.abs(vector).max(initial=0) < 1e38), st.integers(0, 99))
@example(np.array([1e-45], np.float32), 0)
@example(np.array([1e-43, -1e-45], np.float32), 1)
def test_against_the_slow_loop(vector: np.ndarray, seed: int) -> None:
    levels, scales = slow_int8(vector, generator(seed).random(len(vector), np.float32))
    sent = INT8.encode(vector, generator(seed))
    np.testing.assert_array_equal(sent["scales"], np.array(scales, np.float32))
    np.testing.assert_array_equal(sent["levels"], levels)


def test_normal_changes_against_the_slow_loop() -> None:
    vector = normal(1000) * np.float32(1e-3)
    levels, scales = slow_int8(vector, generator(5).random(1000, np.float32))
    sent = INT8.encode(vector, generator(5))
    assert sent["levels"].tolist() == levels
    assert sent["scales"].tolist() == scales


@given(vectors)
def test_no_number_is_wrong_by_a_level(vector: np.ndarray) -> None:
    scales = scales_of(vector)
    error = np.abs(read(vector).astype(float) - vector)
    slack = 1e-4 * scales * (np.abs(vector) > 1e38)
    assert (error <= scales * (1 + 1e-5) + slack).all()


@given(moderate)
def test_scales_are_as_small_as_they_can_be(vector: np.ndarray) -> None:
    for first in range(0, len(vector), BLOCK):
        peak = float(np.abs(vector[first : first + BLOCK]).max())
        scale = scales_of(vector)[first]
        assert 127 * scale >= peak * (1 - 1e-7)
        assert 127 * scale <= peak * (1 + 2.0**-15) + 127 * 2.0**-141


def test_decoding_rounds_nothing() -> None:
    sent = INT8.encode(normal(5000), generator())
    exact = sent["levels"] * np.repeat(sent["scales"].astype(float), BLOCK)[:5000]
    np.testing.assert_array_equal(INT8.decode(sent, 5000), exact)


def test_it_is_right_on_average_and_spreads_as_it_should() -> None:
    vector, times = normal(600), 4000
    vector[:3] = 0, 1e-4, -1e-4
    rng = generator(7)
    errors = np.zeros(600)
    squares = np.zeros(600)
    for _ in range(times):
        error = INT8.decode(INT8.encode(vector, rng), 600).astype(float) - vector
        errors += error
        squares += error**2
    scales = scales_of(vector)
    part = np.mod(vector / scales, 1)
    variance = scales**2 * part * (1 - part)
    certain = variance < 1e-4 * scales**2
    score = errors[~certain] / np.sqrt(times * variance[~certain])
    assert np.abs(score).max() < 5
    assert abs((score**2).mean() - 1) < 6 * np.sqrt(2 / len(score))
    assert abs(score.mean()) < 5 / np.sqrt(len(score))
    np.testing.assert_allclose(squares.sum() / times, variance.sum(), rtol=0.02)
    assert np.abs(errors[certain] / times).max() < 1e-3 * scales.max()


def test_numbers_are_rounded_by_draws_of_their_own() -> None:
    vector = np.full(10_000, 0.5, np.float32)
    vector[::BLOCK] = 127
    levels = INT8.encode(vector, generator(3))["levels"]
    free = levels[vector == 0.5]
    assert set(free.tolist()) == {0, 1}
    assert abs(free.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(free))
    assert abs(np.corrcoef(free[1:], free[:-1])[0, 1]) < 5 / np.sqrt(len(free))


def test_a_small_block_is_not_drowned_by_a_large_one() -> None:
    small, large = 1e-6 * normal(BLOCK), 1e3 * normal(BLOCK, 1)
    vector = np.concatenate([large, small]).astype(np.float32)
    error = np.abs(read(vector) - vector)[BLOCK:]
    assert error.max() < np.abs(small).max() / 100
    np.testing.assert_array_equal(read(vector)[:BLOCK], read(vector[:BLOCK]))


@pytest.mark.parametrize("number", [LARGEST_SCALE, -LARGEST_SCALE, 1e38, 1e-45, 1e-38, 0])
def test_the_ends_of_float32(number: float) -> None:
    vector = np.full(3, number, np.float32)
    assert np.isfinite(read(vector)).all()
    np.testing.assert_allclose(read(vector), vector, rtol=0.01, atol=2e-43)


def test_the_largest_scale_is_the_last_that_keeps_numbers_finite() -> None:
    with np.errstate(over="ignore"):
        assert np.isfinite(np.float32(127) * int8.LARGEST_SCALE)
        after = (int8.LARGEST_SCALE.view(np.uint32) + np.uint32(128)).view(np.float32)
        assert np.isinf(np.float32(127) * after)


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("scales", -1.0, "scales from 0"),
        ("scales", 1e37, "scales from 0"),
        ("levels", -128, "got -128"),
    ],
)
def test_what_it_never_writes_is_refused(part: str, value: float, words: str) -> None:
    sent = dict(INT8.encode(normal(600), generator()))
    sent[part] = sent[part].copy()
    sent[part][1] = value
    with pytest.raises(ValueError, match=words):
        INT8.decode(sent, 600)


def test_fewer_blocks_would_err_more(monkeypatch: pytest.MonkeyPatch) -> None:
    layers = [normal(2000, seed) * 10.0**-seed for seed in range(4)]
    vector = np.concatenate(layers).astype(np.float32)
    worst = {}
    for block in (int8.BLOCK, 8000):
        monkeypatch.setattr(int8, "BLOCK", block)
        error = np.split(read(vector) - vector, 4)
        worst[block] = max((e @ e) / (v @ v) for e, v in zip(error, layers, strict=True))
    assert worst[BLOCK] < 1e-3
    assert worst[8000] > 1e-1
