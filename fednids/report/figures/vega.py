"""A chart of the page: Vega-Lite, words for it, its numbers as a table, what can be chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fednids.report.figures.style import CLASS_COLOURS
from fednids.report.tables import PageTable

INK, MUTED, LINE = "var(--ink)", "var(--muted)", "var(--line)"
SERIES = tuple(f"var(--c{k})" for k in range(len(CLASS_COLOURS)))
"""Colours of series and classes; the style sheet says which, for light, dark and print."""

DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [10, 3], [1, 3], [4, 1], [12, 2, 2, 2])
RAMP: Mapping[str, Any] = {"type": "quantize", "range": [f"var(--h{k})" for k in range(7)]}
"""Steps from low to high."""

FLAT: Mapping[str, Any] = {"labelAngle": 0, "labelOverlap": True}
"""Look of an axis with many names."""

_TYPES = {"Q": "quantitative", "N": "nominal", "O": "ordinal"}

CHART_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif",
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED, "titleColor": MUTED, "gridColor": LINE, "domainColor": LINE,
        "tickColor": LINE, "titleFontWeight": "normal", "labelFontSize": 12, "titleFontSize": 12,
    },
    "legend": {
        "labelColor": INK, "titleColor": MUTED, "titleFontWeight": "normal", "labelFontSize": 12,
        "labelLimit": 260, "orient": "top", "symbolStrokeWidth": 2, "symbolSize": 160,
    },
}  # fmt: skip
"""How all charts look. Their description stands on the page, in the figure that holds them."""


@dataclass(frozen=True)
class Choice:
    """Something to choose beside a chart, by mouse or keyboard.

    Attributes
    ----------
    param : str
        The chart's parameter, and the column that it chooses by; ``shown`` is about ``series``.
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

    @property
    def first(self) -> list[str] | str:
        """What is chosen at first."""
        return list(self.options) if self.several else next(iter(self.options))

    @property
    def filter(self) -> str:
        """Expression that the chosen rows meet."""
        if self.several:
            return f"indexof({self.param}, datum.series) >= 0"
        return f"datum.{self.param} == {self.param}"


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes
    ----------
    key : str
        Unlike all others of its run.
    title, alt : str
        What is seen, and what it shows for those who cannot see it.
    spec : Mapping
        Vega-Lite.
    columns, rows
        Its data; None for what is undefined.
    table : PageTable or None
        The same for reading.
    choices : tuple[Choice, ...]
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
    table: PageTable | None
    choices: tuple[Choice, ...] = ()
    note: str = ""

    def data(self) -> dict[str, Any]:
        """Return what the page's script needs."""
        rows = [[_plain(value) for value in row] for row in self.rows]
        return {"key": self.key, "spec": self.spec, "columns": self.columns, "rows": rows}


Layer = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A mark, and what it encodes beside what all layers do."""


STACKED: Layer = ({"type": "bar", "stroke": "var(--paper)", "strokeWidth": 0.5}, {})
"""Stacked bars."""


def spec_of(
    encoding: Mapping[str, Any],
    *layers: Layer,
    height: int,
    choices: Sequence[Choice] = (),
    params: Mapping[str, Any] | None = None,
    under: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the specification of a chart as wide as its place on the page.

    All layers share the encoding; later ones lie above earlier ones, and all above `under`, a
    layer with data of its own. `height` is in pixels. Only rows that are chosen are shown.
    `params` are first values by name of what the page's script sets itself.
    """
    rows = {
        "data": {"name": "rows"},
        "encoding": encoding,
        "layer": [{"mark": mark, "encoding": more} for mark, more in layers],
        "transform": [{"filter": choice.filter} for choice in choices],
    }
    found: dict[str, Any] = rows if under is None else {"layer": [under, rows]}
    first = {each.param: each.first for each in choices}
    named = [{"name": name, "value": value} for name, value in {**first, **(params or {})}.items()]
    return {**found, "params": named, "width": "container", "height": height}


def field(name: str, **more: Any) -> dict[str, Any]:
    """Encode a column, written as ``name:Q`` for numbers, ``:N`` for names, ``:O`` for ranks."""
    column, _, kind = name.partition(":")
    return {"field": column, "type": _TYPES[kind], **more}


def rounds_along(kind: str = "Q") -> dict[str, Any]:
    """Lay rounds along the bottom, as numbers or, for bars, as ranks."""
    if kind == "O":
        return field("round:O", title="round", axis=FLAT)
    scale = {"zero": False, "nice": False, "padding": 6}
    return field("round:Q", title="round", scale=scale, axis={"tickMinStep": 1, "grid": False})


def gateways_along() -> dict[str, Any]:
    """Lay gateways along the bottom, by their places."""
    axis = {**FLAT, "ticks": False}
    return field("gateway:N", sort={"field": "place"}, title="gateway", axis=axis)


def coloured(column: str, names: Sequence[str], **more: Any) -> dict[str, Any]:
    """Colour a column, a colour a name."""
    colours = [SERIES[k % len(SERIES)] for k in range(len(names))]
    return field(f"{column}:N", scale={"domain": list(names), "range": colours}, **more)


def lines_of(
    column: str, names: Sequence[str], *, legend: bool = True, mark: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], Layer]:
    """Return the colours of series, and their lines with dashes.

    No two series have both in common before 120.
    """
    shown = {"symbolType": "stroke", "symbolSize": 500, "title": None} if legend else None
    dashes = [DASHES[(k + k // len(SERIES)) % len(DASHES)] for k in range(len(names))]
    dash = field(f"{column}:N", scale={"domain": list(names), "range": dashes}, legend=shown)
    line = {"type": "line", "strokeWidth": 2, "clip": True, **(mark or {})}
    return {"color": coloured(column, names, legend=shown)}, (line, {"strokeDash": dash})


def toggles(names: Sequence[str]) -> Choice:
    """Return a choice of which lines are shown."""
    return Choice("shown", "Lines", {name: name for name in names}, several=True)


def thinned(size: int, most: int) -> list[int]:
    """Choose at most so many of some rounds: every nth, and the last."""
    step = max(1, math.ceil(size / most))
    kept = list(range(0, size, step))
    return kept if not size or kept[-1] == size - 1 else [*kept, size - 1]


def _plain(value: Any) -> Any:
    """A short number; null for an undefined one."""
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.5g}")
    return value
