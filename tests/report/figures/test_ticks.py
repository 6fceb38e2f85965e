"""Ticks are round, within the scale, and few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from fednids.report.figures.style import choose_ticks, powers_around, scale_flows, shorten


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1e4, [0, 1, 10, 100, 1000, 10_000]),
        (-2, 5, [-2, -1, 0, 1, 2, 5]),
        (28, 900, [50, 100, 200, 500]),
        (-150, 20, [-100, -10, -1, 0, 1, 10]),
    ],
)
def test_powers_of_ten_or_their_parts(low: float, high: float, ticks: list[float]) -> None:
    assert choose_ticks(low, high) == ticks


@given(st.floats(-1e9, 1e9), st.floats(1e-2, 1e9))
def test_ticks_rise_within_the_scale(low: float, span: float) -> None:
    ticks = choose_ticks(low, low + span)
    assert ticks == sorted(set(ticks))
    assert 2 <= len(ticks) <= 21
    assert low <= ticks[0] < ticks[-1] <= low + span


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (5.85, "5.85"), (500, "500"), (-1000, "-1k"), (2e6, "2M"), (1e10, "10G")],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert shorten(value) == text


@given(st.floats(1e-3, 1e6), st.floats(1, 1e6))
def test_powers_lie_around_the_values(low: float, factor: float) -> None:
    below, above = powers_around(low, low * factor)
    assert below <= low * (1 + 1e-12)
    assert low * factor <= above * (1 + 1e-12)
    assert above >= 10 * below * (1 - 1e-12)


@given(st.integers(1, 10**6), st.floats(1, 1e4))
def test_a_scale_of_flows_has_two_numbers_and_holds_all_sizes(smallest: int, span: float) -> None:
    axes, sizes = Figure().subplots(), np.array([0, smallest, int(smallest * span)])
    scale_flows(axes, sizes)
    bottom, top = axes.get_ylim()
    assert bottom < smallest
    assert top > sizes.max()
    assert sum(bottom <= tick <= top for tick in axes.get_yticks()) >= 2
