"""A chart with what belongs to it: words for it, its numbers as a table, its controls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from fednids.report.tables import Table

ROWS = "rows"
"""Name of the data in every chart; the page's script fills it in."""

FONT = "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif"
INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
SERIES = tuple(f"var(--c{k})" for k in range(8))
"""Colours of series and classes; the style sheet says which, for light, dark and print."""

DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 3], [1, 3], [4, 1], [12, 2, 2, 2])
RAMP = tuple(f"var(--h{k})" for k in range(7))
"""Steps from low to high."""

CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": FONT,
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "gridColor": LINE,
        "domainColor": LINE,
        "tickColor": LINE,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "labelLimit": 260,
        "orient": "top",
        "symbolStrokeWidth": 2,
        "symbolSize": 160,
    },
}
"""How all charts look. Their description stands on the page, in the figure that holds them."""


@dataclass(frozen=True)
class Control:
    """Something to choose beside a chart, by mouse or keyboard.

    Attributes
    ----------
    param : str
        The chart's parameter.
    label : str
        What is chosen.
    options : Mapping[str, str]
        Values, and what they are called.
    several : bool
        Any number of them, all at first; or exactly one, the first at first.
    """

    param: str
    label: str
    options: Mapping[str, str]
    several: bool = False


@dataclass(frozen=True)
class Figure:
    """One chart.

    Attributes
    ----------
    key : str
        Unlike all others of its run.
    title : str
        What is seen.
    alt : str
        What it shows, for those who cannot see it.
    spec : Mapping
        Vega-Lite.
    columns, rows
        Its data; None for what is undefined.
    table : Table or None
        The same for reading.
    controls : tuple[Control, ...]
        What can be chosen.
    note : str
        What was left out.
    """

    key: str
    title: str
    alt: str
    spec: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    table: Table | None
    controls: tuple[Control, ...] = ()
    note: str = ""

    def data(self) -> dict[str, Any]:
        """Give what the page's script needs."""
        rows = [[plain(value) for value in row] for row in self.rows]
        return {"key": self.key, "spec": self.spec, "columns": self.columns, "rows": rows}


def compiled(chart: alt.Chart | alt.LayerChart | alt.FacetChart, *, height: int) -> dict[str, Any]:
    """Check a chart and give its Vega-Lite, as wide as its place on the page."""
    found: dict[str, Any] = chart.properties(width="container", height=height).to_dict()
    for name in ("config", "$schema"):
        found.pop(name, None)
    return found


def empty_chart() -> alt.Chart:
    """Begin a chart whose data the page fills in."""
    return alt.Chart(alt.NamedData(name=ROWS))


def round_axis() -> alt.X:
    """Lay rounds along the bottom."""
    scale = alt.Scale(zero=False, nice=False, padding=6)
    return alt.X("round:Q", title="round", scale=scale, axis=alt.Axis(tickMinStep=1, grid=False))


def plain(value: Any) -> Any:
    """Make a number short, and an undefined one null."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.5g}")
    return value


def styled(names: Sequence[str]) -> tuple[alt.Scale, alt.Scale]:
    """Give colours and dashes for series, so that no two have both in common before 64."""
    colours = [SERIES[k % len(SERIES)] for k in range(len(names))]
    dashes = [DASHES[(k + k // len(SERIES)) % len(DASHES)] for k in range(len(names))]
    domain = list(names)
    return alt.Scale(domain=domain, range=colours), alt.Scale(domain=domain, range=dashes)


def thinned(size: int, most: int) -> list[int]:
    """Choose at most so many of some rounds: every nth, and the last."""
    step = max(1, math.ceil(size / most))
    kept = list(range(0, size, step))
    return kept if not size or kept[-1] == size - 1 else [*kept, size - 1]
