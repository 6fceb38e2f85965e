"""Scores of a study: over measured skew, along an axis that it varies, or row by row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from fednids.report.figures.style import COLOURS, GREY, PALE, SMALL, caption, headline, styled

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
_DASHES = ("-", "--", ":")
_LEVELS = ("--", "-.", (0, (5, 1, 1, 1, 1, 1)))
_SPREAD = 0.24


@dataclass(frozen=True)
class Series:
    """Scores of one arm or strategy.

    Attributes
    ----------
    name : str
        The same name has the same colour in all panels.
    at : ndarray
        ``(n,) float64``: measured skew, or the places of the axis' ticks.
    mean, low, high : ndarray
        ``(n,) float64``: mean score, and the ends of its interval, NaN where there is none.
    """

    name: str
    at: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """A score that no skew changes: a line, with its interval as a band where it has one."""

    name: str
    mean: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Panel:
    """One score, or one place of all that is not varied.

    Attributes
    ----------
    title : str
        What it shows.
    series : Sequence[Series]
        At most 15, which is how many looks there are.
    levels : Sequence[Level]
        Lines to compare with, at most 3.
    majority : float
        Score of the majority baseline, a dotted grey line; NaN where it is not to be shown.
    """

    title: str
    series: Sequence[Series]
    levels: Sequence[Level] = ()
    majority: float = math.nan


@styled
def against_skew(panels: Sequence[Panel], measure: str, title: str, note: str = "") -> Figure:
    """Draw scores over measured skew with intervals, one panel a score.

    Parameters
    ----------
    panels : sequence of Panel
        1 to 3; their titles stand on the vertical axes.
    measure, title : str
        What the horizontal axis is, and what stands above.
    """
    figure = Figure(figsize=(1.0 + 4.6 * len(panels), 4.6))
    names = _names(panels)
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_levels(axes, panel)
        for series in panel.series:
            order = np.argsort(series.at, kind="stable")
            _draw_series(axes, series, order, names.index(series.name))
        axes.set(xlabel=measure, ylabel=panel.title)
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        _show_rates(axes, 0.0)
    _explain(figure)
    headline(figure, f"{title}{note}")
    return figure


@styled
def along_axis(
    panels: Sequence[Panel], ticks: Sequence[str], axis: str, score: str, note: str = ""
) -> Figure:
    """Draw scores over the values of an axis, equally far apart, with intervals.

    Series stand a little beside each other, so that no interval hides another.

    Parameters
    ----------
    panels : sequence of Panel
        1 to 4; they share the vertical axis, and their titles stand above them.
    ticks : sequence of str
        The axis' values; series stand at their places from 0.
    axis, score : str
        What the two axes are; the score starts the title.
    """
    names = _names(panels)
    width = max(1.2 + len(panels) * max(3.6, 0.9 * len(ticks)), 6.5)
    figure = Figure(figsize=(width, 4.0 + 0.24 * -(-len(names) // _fitting(names, width))))
    shift = np.linspace(-_SPREAD, _SPREAD, len(names)) if len(names) > 1 else np.zeros(1)
    for axes, panel in zip(
        figure.subplots(1, len(panels), squeeze=False, sharey=True)[0], panels, strict=True
    ):
        for series in panel.series:
            place = names.index(series.name)
            _draw_series(axes, series, np.flatnonzero(~np.isnan(series.mean)), place, shift[place])
        axes.set_xticks(np.arange(len(ticks)), list(ticks))
        axes.set(xlabel=axis, xlim=(-0.5, len(ticks) - 0.5))
        caption(axes, panel.title)
    _show_rates(figure.axes[0], -0.02)
    figure.axes[0].set_ylabel(score)
    _explain(figure)
    headline(figure, f"{score} along {axis}{note}")
    return figure


@styled
def macro_f1_of_rows(rows: Sequence[tuple[str, str, float, Sequence[float]]]) -> Figure:
    """Draw macro-F1 of each row, a dot a seed and a bar to the mean.

    A row is heading, title, mean, and the value of each seed; rows of a heading come together.
    """
    figure = Figure(figsize=(9, 1.2 + 0.27 * len(rows)))
    axes = figure.subplots()
    headings = list(dict.fromkeys(heading for heading, *_ in rows))
    for place, (heading, _, mean, values) in enumerate(rows):
        colour = COLOURS[headings.index(heading) % len(COLOURS)]
        axes.barh(place, mean, color=PALE, height=0.7)
        axes.plot(values, [place] * len(values), "o", color=colour, ms=4, label=heading)
    axes.set_yticks(range(len(rows)), [title for _, title, *_ in rows], fontsize=SMALL)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set(xlim=(0, 1.01), title="macro-F1 on all test flows", xlabel="macro-F1")
    _explain(figure, 2)
    return figure


@styled
def losses_of_rows(rows: Mapping[str, Sequence[float]], paper: tuple[float, float]) -> Figure:
    """Draw training losses by title, epoch after epoch, beside the paper's.

    `paper` is its loss after the first and after the last of 20 rounds.
    """
    figure = Figure(figsize=(9, 4.2))
    axes = figure.subplots()
    for place, (title, losses) in enumerate(rows.items()):
        numbers = range(1, len(losses) + 1)
        line = "o-" if place < len(COLOURS) else "s--"
        axes.plot(numbers, losses, line, color=COLOURS[place % len(COLOURS)], ms=3, label=title)
    axes.plot([1, 20], paper, "x:", color=GREY, label="the paper, first and last")
    axes.set(title="Training loss", xlabel="epoch", yscale="log")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _explain(figure, 2)
    return figure


def _names(panels: Sequence[Panel]) -> list[str]:
    return list(dict.fromkeys(series.name for panel in panels for series in panel.series))


def _draw_series(
    axes: Axes, series: Series, order: NDArray[np.int64], place: int, shift: float = 0.0
) -> None:
    """Points in an order; whiskers where there is an interval."""
    mean = series.mean[order]
    reach = np.vstack([mean - series.low[order], series.high[order] - mean])
    axes.errorbar(
        series.at[order] + shift, mean, yerr=np.nan_to_num(np.maximum(reach, 0)),
        color=COLOURS[place % len(COLOURS)], marker=_MARKERS[place % len(_MARKERS)],
        ls=_DASHES[place // len(COLOURS) % len(_DASHES)],
        ms=4.5, lw=1, capsize=2, label=series.name,
    )  # fmt: skip


def _draw_levels(axes: Axes, panel: Panel) -> None:
    for place, level in enumerate(panel.levels):
        dashes = _LEVELS[place % len(_LEVELS)]
        axes.axhline(level.mean, color="black", ls=dashes, lw=1.2, label=level.name)
        if not np.isnan(level.low):
            axes.axhspan(level.low, level.high, color="black", alpha=0.12, lw=0)
    if not np.isnan(panel.majority):
        axes.axhline(panel.majority, color=GREY, ls=":", lw=1.2, label="majority baseline")


def _show_rates(axes: Axes, bottom: float) -> None:
    """Show the whole range of rates from 0 to 1, and more where scores leave it."""
    low, high = axes.get_ylim()
    axes.set_ylim(min(bottom, low), max(1.02, high))


def _fitting(names: Sequence[str], width: float) -> int:
    """How many names fit beside each other, at about 13 letters an inch."""
    longest = max(map(len, names), default=0) + 6
    return max(1, min(len(names), int(width * 13 / longest)))


def _explain(figure: Figure, columns: int = 0) -> None:
    """One legend of all panels below them, each name once."""
    shown = {}
    for axes in figure.axes:
        shown.update(dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True)))
    if shown:
        figure.legend(
            list(shown.values()), list(shown), frameon=False, fontsize=SMALL,
            ncols=columns or _fitting(list(shown), figure.get_figwidth()),
            loc="outside lower center" if columns else "outside lower left",
        )  # fmt: skip
