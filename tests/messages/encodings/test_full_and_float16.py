"""The two encodings without a parameter and without chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from messages.encodings.oracles import slow_float16
from messages.encodings.vectors import ALL, finite, generator, vectors

FULL, HALF = ALL["full"], ALL["float16"]
bits = arrays(np.uint32, st.integers(0, 50))


@given(bits)
def test_full_keeps_every_bit(pattern: np.ndarray) -> None:
    vector = pattern.view(np.float32)
    read = FULL.decode(FULL.encode(vector, generator()), len(vector))
    np.testing.assert_array_equal(read.view(np.uint32), pattern)


@given(finite)
@example(65_519.996)
@example(65_520.0)
@example(-3.4028234663852886e38)
@example(2.0**-25)
@example(1.5 * 2.0**-24)
@example(1 + 2.0**-11)
def test_float16_rounds_to_the_nearest_half(number: float) -> None:
    vector = np.array([number], np.float32)
    read = HALF.decode(HALF.encode(vector, generator()), 1)
    assert float(read[0]) == slow_float16(number)


@given(vectors)
def test_float16_errs_by_half_a_unit(vector: np.ndarray) -> None:
    inside = np.clip(vector, -65_504, 65_504).astype(float)
    error = np.abs(HALF.decode(HALF.encode(vector, generator()), len(vector)) - inside)
    assert (error <= np.maximum(2.0**-11 * np.abs(inside), 2.0**-25)).all()


@pytest.mark.parametrize("number", [1e5, 3e38, -1e5])
def test_float16_saturates(number: float) -> None:
    sent = HALF.encode(np.array([number], np.float32), generator())
    assert sent["values"][0] == np.copysign(np.float16(65_504), np.float16(np.sign(number)))
