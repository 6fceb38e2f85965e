"""Courses along an axis: points and whiskers where the numbers are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_checks import NOTE, check_readable, check_repeats, title

from fednids.report.figures.along import Course, CoursePanel, along_axis

TICKS = ("0 %", "10 %", "20 %", "30 %", "40 %")
STRATEGIES = (
    "fedavg", "fedmedian", "fedtrimmedavg", "krum", "multikrum", "bulyan", "rfa", "normclip",
    "fltrust",
)  # fmt: skip


def course(name: str, ticks: int = len(TICKS), *, missing: int = 0) -> Course:
    rng = np.random.default_rng(len(name))
    mean = rng.uniform(0.2, 0.9, ticks)
    if missing:
        mean[-missing:] = np.nan
    return Course(name, mean, mean - 0.1, mean + 0.05)


def panels(names: tuple[str, ...], count: int = 2, ticks: int = len(TICKS)) -> list[CoursePanel]:
    kinds = ("kind label-flip-benign", "kind sign-flip", "kind alie", "kind ipm")
    return [CoursePanel(kind, [course(name, ticks) for name in names]) for kind in kinds[:count]]


@pytest.mark.parametrize(("many", "count"), [(1, 1), (3, 2), (9, 2), (9, 1), (4, 4)])
def test_texts_can_be_read(many: int, count: int) -> None:
    figure = along_axis(panels(STRATEGIES[:many], count), TICKS, "liars", "macro-F1", NOTE)
    check_readable(figure)
    assert title(figure) == f"macro-F1 along liars{NOTE}"
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == list(TICKS)


def test_long_ticks_can_be_read() -> None:
    ticks = ("dirichlet 10", "dirichlet 0.3", "dirichlet 0.05", "2 classes")
    check_readable(along_axis(panels(STRATEGIES[:6], 1, 4), ticks, "deal", "macro-F1"))


def test_points_and_whiskers_stand_where_the_numbers_are() -> None:
    given = course("bulyan", missing=2)
    figure = along_axis([CoursePanel("", [given])], TICKS, "liars", "macro-F1")
    bars = figure.axes[0].containers[0]
    np.testing.assert_allclose(bars.lines[0].get_xdata(), [0, 1, 2])
    np.testing.assert_allclose(bars.lines[0].get_ydata(), given.mean[:3])
    for segment, low, high in zip(
        bars.lines[2][0].get_segments(), given.low, given.high, strict=False
    ):
        np.testing.assert_allclose(segment[:, 1], [low, high])


def test_no_two_courses_look_alike_or_hide_each_other() -> None:
    figure = along_axis(panels(STRATEGIES, 1), TICKS, "liars", "macro-F1")
    lines = [bars.lines[0] for bars in figure.axes[0].containers]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}
    assert len(looks) == len(STRATEGIES)
    first = [float(line.get_xdata()[0]) for line in lines]
    assert len(set(first)) == len(STRATEGIES)
    assert max(first) < 0.5 < 1 + min(first)


def test_a_name_has_one_look_in_all_panels() -> None:
    given = [CoursePanel("a", [course("krum")]), CoursePanel("b", [course("rfa"), course("krum")])]
    figure = along_axis(given, TICKS, "liars", "macro-F1")
    colours = {
        bars.get_label(): bars.lines[0].get_color()
        for axes in figure.axes
        for bars in axes.containers
    }
    assert len(set(colours.values())) == 2
    assert len(figure.legends[0].get_texts()) == 2


def test_scores_below_zero_are_shown() -> None:
    low = Course("krum", *(np.full(5, value) for value in (-0.4, -0.5, -0.3)))
    figure = along_axis([CoursePanel("", [low])], TICKS, "liars", "beyond clean")
    assert figure.axes[0].get_ylim()[0] <= -0.5


def test_the_same_figure_gives_the_same_bytes(tmp_path: Path) -> None:
    check_repeats(lambda: along_axis(panels(STRATEGIES), TICKS, "liars", "macro-F1"), tmp_path)
