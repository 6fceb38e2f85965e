"""The largest few numbers, exactly, and their places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from messages.encodings.oracles import slow_topk
from messages.encodings.vectors import generator, normal, vectors

from fednids.messages.encodings import sent_bytes
from fednids.messages.encodings.topk import TopK, pack_places, place_parts, unpack_places

shares = st.floats(1e-4, 1)
levels = st.integers(1, 60).flatmap(
    lambda size: arrays(np.float32, size, elements=st.sampled_from([0, 1, -1, 2, -2]))
)


def read(vector: np.ndarray, keep: float) -> np.ndarray:
    encoding = TopK(keep)
    return encoding.decode(encoding.encode(vector, generator()), len(vector))


@given(vectors | levels, shares)
def test_against_the_slow_loop(vector: np.ndarray, keep: float) -> None:
    expected = slow_topk(vector, TopK(keep).kept(len(vector)))
    np.testing.assert_array_equal(read(vector, keep), np.array(expected, np.float32))


def test_of_equal_numbers_the_first_are_sent() -> None:
    vector = np.array([1, -3, 3, -1, 3, 0], np.float32)
    assert read(vector, 0.5).tolist() == [0, -3, 3, 0, 3, 0]
    assert read(vector, 0.34).tolist() == [0, -3, 3, 0, 0, 0]


@given(levels, shares)
def test_it_is_a_contraction(vector: np.ndarray, keep: float) -> None:
    left = vector - read(vector, keep)
    share = TopK(keep).kept(len(vector)) / len(vector)
    assert left @ left <= (1 - share) * (vector @ vector) + 1e-4


@pytest.mark.parametrize(
    ("keep", "size", "kept"),
    [(0.05, 0, 0), (0.05, 1, 1), (1e-9, 10, 1), (0.05, 100, 5), (0.07, 100, 7), (1, 9, 9)],
)
def test_how_many_are_kept(keep: float, size: int, kept: int) -> None:
    assert TopK(keep).kept(size) == kept


def test_everything_may_be_kept() -> None:
    vector = normal(700)
    np.testing.assert_array_equal(read(vector, 1.0), vector)


@pytest.mark.parametrize("keep", [1e-4, 0.001, 0.01, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("size", [10, 5000, 100_000, 1_000_000])
def test_places_take_less_than_four_bytes_each(keep: float, size: int) -> None:
    encoding = TopK(keep)
    plain = 8 * encoding.kept(size)
    assert sent_bytes(encoding, size) <= plain + 2
    if keep == 0.05 and size >= 5000:
        assert sent_bytes(encoding, size) < 0.66 * plain


class TestPlaces:
    @given(st.data(), st.sampled_from([1, 255, 256, 257, 5000, 65_536, 70_000, 200_000]))
    def test_are_read_as_they_were_written(self, data: st.DataObject, size: int) -> None:
        chosen = data.draw(st.sets(st.integers(0, size - 1), max_size=60))
        places = np.array(sorted(chosen), np.intp)
        np.testing.assert_array_equal(
            unpack_places(pack_places(places, size), size, len(places)), places
        )

    @pytest.mark.parametrize("size", [256, 65_536, 100_000])
    def test_all_of_them(self, size: int) -> None:
        places = np.arange(size)
        np.testing.assert_array_equal(unpack_places(pack_places(places, size), size, size), places)

    @pytest.mark.parametrize(("size", "kept"), [(700, 30), (100_000, 40)])
    def test_both_kinds_of_page_are_tried(self, size: int, kept: int) -> None:
        pages, offsets = place_parts(size, kept)
        expected = (np.uint16, np.uint8) if size == 700 else (np.uint32, np.uint16)
        assert (pages.dtype, offsets.dtype) == expected

    @pytest.mark.parametrize("size", [700, 100_000])
    def test_a_place_twice_is_refused(self, size: int) -> None:
        sent = pack_places(np.arange(40), size)
        sent["offsets"][7] = sent["offsets"][6]
        with pytest.raises(ValueError, match="expected places that rise"):
            unpack_places(sent, size, 40)

    @pytest.mark.parametrize("size", [700, 100_000])
    def test_falling_places_are_refused(self, size: int) -> None:
        sent = pack_places(np.arange(40), size)
        sent["offsets"][:] = sent["offsets"][::-1].copy()
        with pytest.raises(ValueError, match="expected places that rise"):
            unpack_places(sent, size, 40)

    @pytest.mark.parametrize("size", [700, 100_000])
    def test_a_place_outside_is_refused(self, size: int) -> None:
        sent = pack_places(np.arange(size - 40, size), size)
        sent["offsets"][-1] += 1
        with pytest.raises(ValueError, match=f"expected places below {size}, got {size}"):
            unpack_places(sent, size, 40)

    @pytest.mark.parametrize("change", [1, -1, 200])
    def test_other_counts_are_refused(self, change: int) -> None:
        sent = pack_places(np.arange(40), 700)
        sent["pages"][0] += change
        with pytest.raises(ValueError, match=f"expected 40 places, got {40 + change}"):
            unpack_places(sent, 700, 40)
