"""An update on its way: weights as they are, or their change; and what is left out is not lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from messages.encodings.vectors import ALL, LOSSY, generator, normal

from fednids.messages.codec import decode_update, encode_update
from fednids.messages.encodings import Encoding
from fednids.messages.encodings.topk import TopK

LARGEST = np.finfo(np.float32).max
lossy = pytest.mark.parametrize("encoding", LOSSY.values(), ids=LOSSY)
whole_numbers = arrays(
    np.int64, st.tuples(st.integers(1, 12), st.integers(1, 20)), elements=st.integers(-500, 500)
)


def sent_and_read(
    encoding: Encoding, start: np.ndarray, new: np.ndarray, residual: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | None]:
    arrays_sent, left = encode_update(encoding, start, new, residual, generator())
    return decode_update(encoding, start, arrays_sent), left


@given(arrays(np.uint32, (2, 30)))
def test_full_sends_the_weights_themselves(pattern: np.ndarray) -> None:
    start, new = pattern.view(np.float32)
    read, left = sent_and_read(ALL["full"], start, new)
    np.testing.assert_array_equal(read.view(np.uint32), pattern[1])
    assert left is None


@lossy
def test_lossy_encodings_send_the_change(encoding: Encoding) -> None:
    start, change = 1000 * normal(600), 1e-3 * normal(600, 1)
    start = start.astype(np.float32)
    new = (start + change).astype(np.float32)
    for array in (start, new):
        array.flags.writeable = False
    read, _ = sent_and_read(encoding, start, new)
    expected = start + encoding.decode(encoding.encode(new - start, generator()), 600)
    np.testing.assert_array_equal(read, expected)
    assert np.abs(read - new).max() <= np.abs(new - start).max()
    assert not np.array_equal(read, start)


@lossy
def test_nothing_learnt_changes_nothing(encoding: Encoding) -> None:
    read, left = sent_and_read(encoding, normal(600), normal(600))
    np.testing.assert_array_equal(read, normal(600))
    assert (left is None) != encoding.feedback


@pytest.mark.parametrize("name", [name for name in ALL if not ALL[name].feedback])
def test_only_feedback_keeps_something(name: str) -> None:
    _, left = sent_and_read(ALL[name], normal(9), normal(9, 1))
    assert left is None


@given(whole_numbers, st.floats(0.01, 1))
def test_what_was_sent_and_what_is_left_make_the_changes(changes: np.ndarray, keep: float) -> None:
    chosen = TopK(keep)
    total, residual = np.zeros(changes.shape[1]), None
    start = np.zeros(changes.shape[1], np.float32)
    for place, change in enumerate(changes):
        new = start + change.astype(np.float32)
        read, residual = sent_and_read(chosen, start, new, residual)
        total += read - start
        assert residual is not None
        np.testing.assert_array_equal(total + residual, changes[: place + 1].sum(axis=0))
        start = read


def test_sums_of_any_numbers_are_kept_to_float32s_rounding() -> None:
    chosen, rounds, size = TopK(0.05), 200, 400
    start, residual = np.zeros(size, np.float32), None
    sent, changed = np.zeros(size), np.zeros(size)
    rng = generator(2)
    for _ in range(rounds):
        change = 0.01 * rng.standard_normal(size, np.float32)
        sent_arrays, residual = encode_update(chosen, start, start + change, residual, rng)
        sent += chosen.decode(sent_arrays, size)
        changed += change
    assert residual is not None
    np.testing.assert_allclose(sent + residual, changed, atol=1e-5)
    assert np.count_nonzero(sent) == size


def test_without_what_was_left_small_changes_would_never_arrive() -> None:
    change = np.linspace(0.1, 1, 40, dtype=np.float32)
    start, chosen = np.zeros(40, np.float32), TopK(0.1)
    totals = {}
    for feedback in (True, False):
        residual, total = None, np.zeros(40)
        for _ in range(200):
            read, left = sent_and_read(chosen, start, change, residual)
            residual = left if feedback else None
            total += read
        totals[feedback] = total / 200
    np.testing.assert_allclose(totals[True], change, atol=0.15)
    assert (totals[True] > 0).all()
    assert (totals[False][:36] == 0).all()


def test_a_residual_stays_as_it_is() -> None:
    residual = normal(50, 3)
    before = residual.copy()
    _, left = sent_and_read(ALL["topk"], normal(50), normal(50, 1), residual)
    np.testing.assert_array_equal(residual, before)
    assert left is not residual


class TestRefusals:
    @lossy
    @pytest.mark.filterwarnings("error")
    @pytest.mark.parametrize("spoilt", [np.nan, np.inf])
    def test_weights_that_are_not_finite(self, encoding: Encoding, spoilt: float) -> None:
        new = normal(300)
        new[5] = spoilt
        with pytest.raises(ValueError, match="expected finite"):
            encode_update(encoding, normal(300), new, None, generator())

    @lossy
    @pytest.mark.filterwarnings("error")
    def test_a_change_too_large_for_float32(self, encoding: Encoding) -> None:
        start = np.full(3, -LARGEST, np.float32)
        with pytest.raises(ValueError, match="expected finite"):
            encode_update(encoding, start, -start, None, generator())

    @pytest.mark.filterwarnings("error")
    def test_new_weights_too_large_for_float32(self) -> None:
        chosen, start = TopK(1), np.full(3, LARGEST, np.float32)
        sent = TopK(1).encode(start, generator())
        with pytest.raises(ValueError, match="expected finite weights"):
            decode_update(chosen, start, sent)

    @pytest.mark.parametrize(
        "residual",
        [
            np.zeros(1, np.float32),
            np.zeros((50, 1), np.float32),
            np.zeros(50),
            np.full(50, np.nan, np.float32),
        ],
        ids=["size", "shape", "type", "NaN"],
    )
    def test_a_residual_of_something_else(self, residual: np.ndarray) -> None:
        with pytest.raises(ValueError, match=r"^expected .*residual.*, got .*$"):
            encode_update(ALL["topk"], normal(50), normal(50, 1), residual, generator())

    @pytest.mark.parametrize("name", ALL)
    def test_an_update_of_another_size(self, name: str) -> None:
        chosen = ALL[name]
        sent, _ = encode_update(chosen, normal(600), normal(600, 1), None, generator())
        with pytest.raises(ValueError, match=r"^expected .*, got .*$"):
            decode_update(chosen, normal(200_000), sent)
