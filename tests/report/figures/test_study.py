"""The figure of a study: points, whiskers and lines where the numbers are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_checks import NOTE, check_readable, check_repeats, title

from fednids.report.figures.study import MAJORITY, Level, Panel, Series, against_skew


def series(name: str, points: int = 4, *, intervals: bool = True) -> Series:
    rng = np.random.default_rng(len(name))
    skew, mean = rng.uniform(0, 0.8, points), rng.uniform(0.2, 0.9, points)
    nothing = np.full(points, np.nan)
    if not intervals:
        return Series(name, skew, mean, nothing, nothing)
    return Series(name, skew, mean, mean - 0.1, mean + 0.05)


def panels(names: tuple[str, ...] = ("local", "federated")) -> list[Panel]:
    levels = [Level("centralised", 0.8, 0.75, 0.82), Level(MAJORITY, 0.18)]
    drawn = [series(name) for name in names]
    return [Panel("macro-F1", drawn, levels), Panel("macro-F1, novel flows", drawn)]


@pytest.mark.parametrize("many", [1, 2, 6])
def test_texts_can_be_read(many: int) -> None:
    names = tuple(f"federated, fedprox {n}" for n in range(many))
    figure = against_skew(panels(names), "measured skew: hellinger", "Skew", NOTE)
    check_readable(figure)
    assert title(figure) == f"Skew{NOTE}"


def test_points_stand_at_their_skew_in_its_order() -> None:
    given = series("local")
    figure = against_skew([Panel("macro-F1", [given])], "skew", "t")
    line = figure.axes[0].containers[0].lines[0]
    order = np.argsort(given.skew)
    np.testing.assert_array_equal(line.get_xdata(), given.skew[order])
    np.testing.assert_array_equal(line.get_ydata(), given.mean[order])


def test_whiskers_are_the_interval_and_none_where_there_is_none() -> None:
    for intervals, reach in ((True, (0.1, 0.05)), (False, (0.0, 0.0))):
        given = series("local", intervals=intervals)
        figure = against_skew([Panel("macro-F1", [given])], "skew", "t")
        bars = figure.axes[0].containers[0].lines[2][0].get_segments()
        means = given.mean[np.argsort(given.skew)]
        for bar, mean in zip(bars, means, strict=True):
            low, high = bar[:, 1]
            assert (mean - low, high - mean) == pytest.approx(reach)


def test_levels_are_lines_and_bands() -> None:
    figure = against_skew(panels(), "skew", "t")
    heights = {
        round(line.get_ydata()[0], 3)
        for line in figure.axes[0].lines
        if len(set(line.get_ydata())) == 1
    }
    assert {0.8, 0.18} <= heights
    assert len(figure.axes[0].patches) == 1
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(shown) == sorted(["centralised", MAJORITY, "local", "federated"])


def test_the_same_study_gives_the_same_picture(tmp_path: Path) -> None:
    check_repeats(lambda: against_skew(panels(), "skew", "t"), tmp_path)
