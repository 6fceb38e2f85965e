"""Windows by index: the same as copying T flows for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fednids.flows.windows import Windows

VECTORS = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)


def windows_of(order: list[int]) -> Windows:
    return Windows(np.array(order, dtype=np.int32), np.zeros(len(order), dtype=np.int32))


def look_up(windows: Windows, ends: NDArray[Any], length: int) -> NDArray[Any]:
    return VECTORS[windows.vectors(ends[:, None], np.arange(1 - length, 1))]


@given(order=st.lists(st.integers(0, 8), min_size=1, max_size=30), length=st.integers(1, 40))
def test_equal_copied_windows(order: list[int], length: int) -> None:
    n = len(order)
    copied = oracles.windows_by_copying(VECTORS[order], [0] * n, [False] * n, length)
    found = look_up(windows_of(order), np.arange(len(order)), length)
    np.testing.assert_array_equal(found, np.array(copied, dtype=np.float32), strict=True)


@given(
    order=st.lists(st.integers(0, 8), min_size=1, max_size=30),
    length=st.integers(1, 12),
    data=st.data(),
)
def test_any_ends_in_any_order(order: list[int], length: int, data: st.DataObject) -> None:
    ends = np.array(data.draw(st.lists(st.integers(0, len(order) - 1), min_size=1)))
    every = look_up(windows_of(order), np.arange(len(order)), length)
    np.testing.assert_array_equal(look_up(windows_of(order), ends, length), every[ends])


def test_a_short_past_repeats_the_first_flow() -> None:
    places = windows_of([5, 2, 7]).vectors(np.arange(3)[:, None], np.arange(-3, 1))
    assert places.tolist() == [[5, 5, 5, 5], [5, 5, 5, 2], [5, 5, 2, 7]]
    assert places.dtype == np.int32


def test_a_window_of_one_is_the_flow() -> None:
    assert windows_of([5, 2]).vectors(np.arange(2), np.array(0)).tolist() == [5, 2]


def test_one_for_every_flow() -> None:
    assert len(windows_of([4, 4, 1])) == 3
    assert len(windows_of([])) == 0


def test_a_flow_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError):
        windows_of([5, 2]).vectors(np.array([2]), np.array([0]))
