"""Scores of a study: points, whiskers and lines stand where the numbers are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_checks import NOTE, check_readable, check_repeats, title

from fednids.report.figures.scores import Level, Panel, Series, against_skew, along_axis

TICKS = ("0 %", "10 %", "20 %", "30 %", "40 %")
STRATEGIES = (
    "fedavg", "fedmedian", "fedtrimmedavg", "krum", "multikrum", "bulyan", "rfa", "normclip",
    "fltrust",
)  # fmt: skip


def course(name: str, ticks: int = len(TICKS), *, missing: int = 0) -> Series:
    rng = np.random.default_rng(len(name))
    mean = rng.uniform(0.2, 0.9, ticks)
    if missing:
        mean[-missing:] = np.nan
    return Series(name, np.arange(ticks, dtype=float), mean, mean - 0.1, mean + 0.05)


def places(names: tuple[str, ...], count: int = 2, ticks: int = len(TICKS)) -> list[Panel]:
    kinds = ("kind label-flip-benign", "kind sign-flip", "kind alie", "kind ipm")
    return [Panel(kind, [course(name, ticks) for name in names]) for kind in kinds[:count]]


@pytest.mark.parametrize(("many", "count"), [(1, 1), (3, 2), (9, 2), (9, 1), (4, 4)])
def test_texts_along_an_axis_can_be_read(many: int, count: int) -> None:
    figure = along_axis(places(STRATEGIES[:many], count), TICKS, "adversaries", "macro-F1", NOTE)
    check_readable(figure)
    assert title(figure) == f"macro-F1 along adversaries{NOTE}"
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == list(TICKS)


def test_long_ticks_can_be_read() -> None:
    ticks = ("dirichlet 10", "dirichlet 0.3", "dirichlet 0.05", "2 classes")
    check_readable(along_axis(places(STRATEGIES[:6], 1, 4), ticks, "deal", "macro-F1"))


def test_points_along_an_axis_stand_where_the_numbers_are() -> None:
    given = course("bulyan", missing=2)
    figure = along_axis([Panel("", [given])], TICKS, "adversaries", "macro-F1")
    bars = figure.axes[0].containers[0]
    np.testing.assert_allclose(bars.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_allclose(bars.lines[0].get_ydata(), given.mean[:3])
    for segment, low, high in zip(
        bars.lines[2][0].get_segments(), given.low, given.high, strict=False
    ):
        np.testing.assert_allclose(segment[:, 1], [low, high])


def test_no_two_courses_look_alike_or_hide_each_other() -> None:
    figure = along_axis(places(STRATEGIES, 1), TICKS, "adversaries", "macro-F1")
    lines = [bars.lines[0] for bars in figure.axes[0].containers]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}
    assert len(looks) == len(STRATEGIES)
    first = [float(line.get_xdata()[0]) for line in lines]
    assert len(set(first)) == len(STRATEGIES)
    assert max(first) < 0.5 < 1 + min(first)


def test_a_name_has_one_look_in_all_panels() -> None:
    given = [Panel("a", [course("krum")]), Panel("b", [course("rfa"), course("krum")])]
    figure = along_axis(given, TICKS, "adversaries", "macro-F1")
    colours = {
        bars.get_label(): bars.lines[0].get_color()
        for axes in figure.axes
        for bars in axes.containers
    }
    assert len(set(colours.values())) == 2
    assert len(figure.legends[0].get_texts()) == 2


def test_scores_below_zero_are_shown() -> None:
    low = Series("krum", np.arange(5.0), *(np.full(5, value) for value in (-0.4, -0.5, -0.3)))
    figure = along_axis([Panel("", [low])], TICKS, "adversaries", "beyond clean")
    assert figure.axes[0].get_ylim()[0] <= -0.5


def series(name: str, points: int = 4, *, intervals: bool = True) -> Series:
    rng = np.random.default_rng(len(name))
    skew, mean = rng.uniform(0, 0.8, points), rng.uniform(0.2, 0.9, points)
    nothing = np.full(points, np.nan)
    if not intervals:
        return Series(name, skew, mean, nothing, nothing)
    return Series(name, skew, mean, mean - 0.1, mean + 0.05)


def panels(names: tuple[str, ...] = ("local", "federated")) -> list[Panel]:
    levels = [Level("centralised", 0.8, 0.75, 0.82)]
    drawn = [series(name) for name in names]
    return [Panel("macro-F1", drawn, levels, 0.18), Panel("macro-F1, novel flows", drawn)]


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
    order = np.argsort(given.at)
    np.testing.assert_array_equal(line.get_xdata(), given.at[order])
    np.testing.assert_array_equal(line.get_ydata(), given.mean[order])


def test_whiskers_are_the_interval_and_none_where_there_is_none() -> None:
    for intervals, reach in ((True, (0.1, 0.05)), (False, (0.0, 0.0))):
        given = series("local", intervals=intervals)
        figure = against_skew([Panel("macro-F1", [given])], "skew", "t")
        bars = figure.axes[0].containers[0].lines[2][0].get_segments()
        means = given.mean[np.argsort(given.at)]
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
    assert sorted(shown) == sorted(["centralised", "majority baseline", "local", "federated"])


def test_the_same_study_gives_the_same_pictures(tmp_path: Path) -> None:
    check_repeats(lambda: against_skew(panels(), "skew", "t"), tmp_path)
    check_repeats(
        lambda: along_axis(places(STRATEGIES), TICKS, "adversaries", "macro-F1"), tmp_path
    )
