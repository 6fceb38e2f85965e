"""What a study found, against the skew that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures.style import COLOURS, GREY, SMALL, headline, styled

_MARKERS = ("o", "s", "^", "D", "v")
_DASHES = ("--", "-.", (0, (5, 1, 1, 1, 1, 1)))


@dataclass(frozen=True)
class Series:
    """Points of one arm or strategy.

    Attributes
    ----------
    name : str
        Of the series; the same name has the same colour in all panels.
    skew, mean, low, high : ndarray
        ``(n,) float64``: measured skew, mean score, and the ends of its interval, NaN where
        there is none.
    """

    name: str
    skew: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """A score that no skew changes: a line, with its interval as a band where it has one."""

    name: str
    mean: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class Panel:
    """One score.

    Attributes
    ----------
    title : str
        What stands on its vertical axis.
    series : Sequence[Series]
        At most 10.
    levels : Sequence[Level]
        Lines to compare with; the majority baseline is dotted and grey.
    """

    title: str
    series: Sequence[Series]
    levels: Sequence[Level] = ()


MAJORITY = "majority baseline"
"""Name of the level that is always drawn in grey."""


@styled
def against_skew(panels: Sequence[Panel], measure: str, title: str, note: str = "") -> Figure:
    """Scores over measured skew with intervals, one panel a score.

    Parameters
    ----------
    panels : sequence of Panel
        1 to 3.
    measure : str
        What the horizontal axis is.
    title, note : str
        What stands above, and what is put behind it.

    Returns
    -------
    Figure
        Axes in the order of the panels, and one legend below all of them.
    """
    figure = Figure(figsize=(1.0 + 4.6 * len(panels), 4.6))
    names = list(dict.fromkeys(s.name for panel in panels for s in panel.series))
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_levels(axes, panel.levels)
        for series in panel.series:
            _draw_series(axes, series, names.index(series.name))
        axes.set(xlabel=measure, ylabel=panel.title)
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]), top=max(1.02, axes.get_ylim()[1]))
    _explain(figure)
    headline(figure, f"{title}{note}")
    return figure


def _draw_series(axes: Axes, series: Series, place: int) -> None:
    """Points from low to high skew; whiskers where there is an interval."""
    order = np.argsort(series.skew, kind="stable")
    skew, mean = series.skew[order], series.mean[order]
    reach = np.vstack([mean - series.low[order], series.high[order] - mean])
    axes.errorbar(
        skew, mean, yerr=np.nan_to_num(np.maximum(reach, 0)),
        color=COLOURS[place % len(COLOURS)], marker=_MARKERS[place % len(_MARKERS)],
        ms=5, lw=1, ls="-" if place < len(COLOURS) else ":", capsize=2, label=series.name,
    )  # fmt: skip


def _draw_levels(axes: Axes, levels: Sequence[Level]) -> None:
    for place, level in enumerate(levels):
        if np.isnan(level.mean):
            continue
        plain = level.name == MAJORITY
        colour, style = (GREY, ":") if plain else ("black", _DASHES[place % len(_DASHES)])
        axes.axhline(level.mean, color=colour, ls=style, lw=1.2, label=level.name)
        if not np.isnan(level.low):
            axes.axhspan(level.low, level.high, color=colour, alpha=0.12, lw=0)


def _explain(figure: Figure) -> None:
    """One legend of all panels below them, two or three names a line."""
    shown = {}
    for axes in figure.axes:
        shown.update(dict(zip(*axes.get_legend_handles_labels()[::-1], strict=True)))
    if shown:
        figure.legend(
            list(shown.values()), list(shown), loc="outside lower left",
            ncols=2 * len(figure.axes), frameon=False, fontsize=SMALL,
        )  # fmt: skip
