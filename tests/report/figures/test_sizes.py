"""The size curve and its Gini coefficient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from picture_checks import NOTE, check_readable, check_repeats, deal, steps, title

from fednids.report.figures.sizes import gini, lorenz, size_curve

some_sizes = st.lists(st.integers(0, 1000), min_size=1, max_size=30).filter(any)


@pytest.mark.parametrize("gateways", [1, 10, 30, 1000])
def test_readable_at_any_size(gateways: int) -> None:
    check_readable(size_curve(deal(gateways).sum(axis=1), NOTE))


@given(some_sizes)
def test_gini_is_half_the_mean_difference_over_the_mean(sizes: list[int]) -> None:
    values = np.array(sizes)
    difference = np.abs(values[:, None] - values).mean()
    assert gini(values) == pytest.approx(difference / (2 * values.mean()), abs=1e-12)


@given(some_sizes)
def test_the_lorenz_curve_rises_ever_steeper_from_0_to_1(sizes: list[int]) -> None:
    curve = lorenz(np.array(sizes))
    assert (curve[0], curve[-1], len(curve)) == (0, 1, len(sizes) + 1)
    assert (np.diff(curve, 2) >= -1e-12).all()


def test_gateways_stand_by_rank_and_none_is_lost() -> None:
    sizes = np.array([5, 1, 9])
    figure = size_curve(sizes)
    assert list(steps(figure.axes[0])[0].get_data().values) == [9, 5, 1]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["2", "0", "1"]
    many = deal(1000).sum(axis=1)
    assert list(steps(size_curve(many).axes[0])[0].get_data().values) == sorted(many)[::-1]


@pytest.mark.parametrize(
    ("sizes", "scale"),
    [([10, 200], "linear"), ([10, 201], "log"), ([0, 7], "linear"), ([0, 1, 50], "log")],
)
def test_wide_spans_are_drawn_by_powers_of_ten(sizes: list[int], scale: str) -> None:
    assert size_curve(np.array(sizes)).axes[0].get_yscale() == scale


def test_the_picture_names_gini_and_both_ends() -> None:
    figure = size_curve(np.array([300, 1100, 100]), NOTE)
    assert title(figure) == "Sizes of 3 gateways: 100 to 1,100 flows · synthetic flows"
    left, right = (axes.get_title("left") for axes in figure.axes)
    assert left == "largest: gateway 1 with 1,100 · smallest: gateway 2 with 100"
    assert right == "Lorenz curve · Gini coefficient 0.44"
    assert "2 gateways have none" in size_curve(np.array([0, 4, 0])).axes[0].get_title("left")


def test_the_same_bytes_again(tmp_path: Path) -> None:
    check_repeats(lambda: size_curve(np.array([5, 1, 9])), tmp_path)
