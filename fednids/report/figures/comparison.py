"""Several ways to deal the same flows, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures.columns import arrange
from fednids.report.figures.shares import name_classes, stack_shares
from fednids.report.figures.style import COLOURS, GREY, SMALL, caption, headline, styled

_COLUMNS, _HEIGHT = 60, 0.78


@dataclass(frozen=True)
class Dealt:
    """One plan to compare.

    Attributes
    ----------
    name : str
        Of its scheme.
    owned : ndarray
        ``(K, C) int64``, flows of each class at each gateway.
    values : tuple of float
        Its measures, at least 0; NaN where one is undefined.
    iid : tuple of float
        What each measure is for an iid plan of the same sizes, NaN where that is not known;
        or nothing.
    """

    name: str
    owned: NDArray[np.int64]
    values: tuple[float, ...]
    iid: tuple[float, ...] = ()


@styled
def comparison(
    plans: Sequence[Dealt], names: Sequence[str], measures: Sequence[str], note: str = ""
) -> Figure:
    """Class mix and measures of each plan, one plan a row, in the order given.

    Parameters
    ----------
    plans : sequence of Dealt
        At least one, up to about 20.
    names : sequence of str
        Of the classes, 5 at most.
    measures : sequence of str
        Of the plans' values, about 4 at most.
    note : str
        Put behind the title.

    Returns
    -------
    Figure
        Axes: class mixes, then one a measure.
    """
    figure = Figure(figsize=(6.2 + 1.6 * len(measures), 1.5 + 0.48 * len(plans)))
    mixes, *bars = figure.subplots(
        1, 1 + len(measures), width_ratios=[2.6] + [1] * len(measures), sharey=True, squeeze=False
    )[0]
    _draw_mixes(mixes, plans)
    for place, (axes, measure) in enumerate(zip(bars, measures, strict=True)):
        known = [plan.iid[place] if plan.iid else np.nan for plan in plans]
        _draw_measure(axes, [plan.values[place] for plan in plans], known)
        caption(axes, measure)
    mixes.set_ylim(len(plans) - 0.45, -0.55)
    figure.supxlabel(_explain(plans), fontsize=9, color=GREY, x=0.01, ha="left")
    name_classes(figure, names)
    headline(figure, f"{len(plans)} way{'s' * (len(plans) != 1)} to deal the same flows{note}")
    return figure


def _draw_mixes(axes: Axes, plans: Sequence[Dealt]) -> None:
    """A band a plan, all of the same width."""
    for row, plan in enumerate(plans):
        columns = arrange(plan.owned, _COLUMNS)
        edges = columns.edges / len(columns.order)
        stack_shares(axes, edges, columns.shares, bottom=row + _HEIGHT / 2, height=-_HEIGHT)
    axes.set_yticks(range(len(plans)), [plan.name for plan in plans])
    axes.set(xlim=(0, 1), xticks=[])
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    counts = sorted({len(plan.owned) for plan in plans})
    many = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    caption(axes, f"class mix of {many} gateway{'s' * (counts != [1])}")


def _draw_measure(axes: Axes, values: Sequence[float], iid: Sequence[float]) -> None:
    """Bars with their numbers, and a line where an iid plan would end."""
    rows, given = np.arange(len(values)), np.array(values, dtype=float)
    axes.barh(rows, np.nan_to_num(given), height=0.5, color=COLOURS[0])
    axes.vlines(iid, rows - 0.36, rows + 0.36, color="black", lw=2)
    top = float(np.nanmax(np.append(given, iid), initial=0)) or 1.0
    for row, value in enumerate(given):
        undefined = np.isnan(value)
        axes.annotate(
            "undefined" if undefined else _write(value),
            (0 if undefined else max(value, 0 if np.isnan(iid[row]) else iid[row]), row),
            (4, 0), textcoords="offset points", va="center", fontsize=SMALL,
        )  # fmt: skip
    axes.set(xlim=(0, top * 1.5), xticks=[])
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines[:].set_visible(False)


def _write(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3f}"


def _explain(plans: Sequence[Dealt]) -> str:
    """What the marks mean, of those that are there."""
    parts = ["class mix: gateways from left to right, sorted by their commonest class"]
    if any((plan.owned.sum(axis=1) == 0).any() for plan in plans):
        parts.append("blank: no flows")
    if any(plan.iid for plan in plans):
        parts.append("black line: iid at the same sizes")
    return " · ".join(parts)
