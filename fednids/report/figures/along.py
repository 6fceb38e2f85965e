"""Scores along an axis that a study varies: a share of liars, schemes, a setting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures.style import COLOURS, SMALL, caption, headline, styled

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
_DASHES = ("-", "--", ":")
_SPREAD = 0.24


@dataclass(frozen=True)
class Course:
    """Scores of one strategy, say, along the axis.

    Attributes
    ----------
    name : str
        The same name has the same colour in all panels.
    mean, low, high : ndarray
        ``(n,) float64``: at each tick; NaN where there is none.
    """

    name: str
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class CoursePanel:
    """Courses at one place of all else.

    Attributes
    ----------
    title : str
        Stands above it.
    courses : Sequence[Course]
        At most 15, which is how many looks there are.
    """

    title: str
    courses: Sequence[Course]


@styled
def along_axis(
    panels: Sequence[CoursePanel], ticks: Sequence[str], axis: str, score: str, note: str = ""
) -> Figure:
    """Scores over the values of an axis, equally far apart, with intervals.

    Parameters
    ----------
    panels : sequence of CoursePanel
        1 to 4; they share the vertical axis.
    ticks : sequence of str
        The axis' values, one for each number of a course.
    axis, score : str
        What the two axes are; the score starts the title.
    note : str
        Put behind the title.

    Returns
    -------
    Figure
        Axes in the order of the panels, and one legend below all of them. Courses stand a
        little beside each other, so that no interval hides another.
    """
    names = list(dict.fromkeys(c.name for panel in panels for c in panel.courses))
    width = max(1.2 + len(panels) * max(3.6, 0.9 * len(ticks)), 6.5)
    figure = Figure(figsize=(width, 4.0 + 0.24 * _lines(names, width)))
    places = np.arange(len(ticks), dtype=np.float64)
    shift = np.linspace(-_SPREAD, _SPREAD, len(names)) if len(names) > 1 else np.zeros(1)
    for axes, panel in zip(
        figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels, strict=True
    ):
        for course in panel.courses:
            place = names.index(course.name)
            _draw(axes, places + shift[place], course, place)
        axes.set_xticks(places, list(ticks))
        axes.set(xlabel=axis, xlim=(-0.5, len(ticks) - 0.5))
        caption(axes, panel.title)
    _set_heights(figure)
    figure.axes[0].set_ylabel(score)
    looks = _looks(figure)
    figure.legend(
        list(looks.values()), list(looks), loc="outside lower left", ncols=_columns(names, width),
        frameon=False, fontsize=SMALL,
    )  # fmt: skip
    headline(figure, f"{score} along {axis}{note}")
    return figure


def _draw(axes: Axes, x: NDArray[np.float64], course: Course, place: int) -> None:
    """Points joined over gaps; whiskers where there is an interval."""
    known = ~np.isnan(course.mean)
    mean = course.mean[known]
    reach = np.vstack([mean - course.low[known], course.high[known] - mean])
    axes.errorbar(
        x[known], mean, yerr=np.nan_to_num(np.maximum(reach, 0)),
        color=COLOURS[place % len(COLOURS)], marker=_MARKERS[place % len(_MARKERS)],
        ls=_DASHES[place // len(COLOURS) % len(_DASHES)],
        ms=4.5, lw=1, capsize=2, label=course.name,
    )  # fmt: skip


def _set_heights(figure: Figure) -> None:
    """Show the whole range of rates from 0 to 1, and more where scores leave it."""
    low, high = figure.axes[0].get_ylim()
    figure.axes[0].set_ylim(min(-0.02, low), max(1.02, high))


def _looks(figure: Figure) -> dict[str, Artist]:
    shown: dict[str, Artist] = {}
    for axes in figure.axes:
        shown.update(dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True)))
    return shown


def _columns(names: Sequence[str], width: float) -> int:
    """Say how many names fit beside each other, at about 13 letters an inch."""
    longest = max(len(name) for name in names) + 6
    return max(1, min(len(names), int(width * 13 / longest)))


def _lines(names: Sequence[str], width: float) -> int:
    return -(-len(names) // _columns(names, width))
