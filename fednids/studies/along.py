"""One axis of a study along another: what tables and pictures of such studies show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fednids.studies.findings import Row
from fednids.studies.statistics import Interval, interval


@dataclass(frozen=True)
class Line:
    """One value of the compared axis.

    Attributes
    ----------
    name : str
        The value, and the arm where there are several.
    values : tuple of Interval
        Over seeds, at each value of the other axis; empty ones where nothing was run.
    """

    name: str
    values: tuple[Interval, ...]


@dataclass(frozen=True)
class Sheet:
    """All lines at one place of the axes that are left.

    Attributes
    ----------
    place : str
        The other axes' values, for people; empty where there are none.
    along : tuple
        Values of the axis that the lines run along.
    lines : tuple of Line
        In the order of the study.
    """

    place: str
    along: tuple[Any, ...]
    lines: tuple[Line, ...]


def sheets(rows: Sequence[Row], axes: tuple[str, str], metric: str) -> tuple[Sheet, ...]:
    """Lay a metric out by two axes.

    Parameters
    ----------
    rows : sequence of Row
        Those without metrics are left out.
    axes : tuple of str
        The axis whose values are lines, or an empty text, and the one that they run along.
    metric : str
        A name of `fednids.studies.measures.METRICS`.

    Returns
    -------
    tuple of Sheet
        One for each combination of the axes left, without those that have no value at all. A
        run that answers for several cells stands at each of them.
    """
    compared, along = axes
    found: dict[str, list[Row]] = {}
    for row in rows:
        rest = ", ".join(_name(k, v) for k, v in row.cell.place if k not in axes)
        found.setdefault(rest, []).append(row)
    ticks = tuple(dict.fromkeys(dict(row.cell.place)[along] for row in rows))
    several = len({row.cell.arm for row in rows}) > 1
    laid = []
    for place, inside in found.items():
        names = dict.fromkeys(_line(row, compared, several=several) for row in inside)
        lines = []
        for name in names:
            ours = [r for r in inside if _line(r, compared, several=several) == name]
            values = tuple(_over_seeds(ours, along, tick, metric) for tick in ticks)
            if any(value.count for value in values):
                lines.append(Line(name, values))
        if lines:
            laid.append(Sheet(place, ticks, tuple(lines)))
    return tuple(laid)


def _over_seeds(rows: Sequence[Row], along: str, tick: Any, metric: str) -> Interval:
    """Take each run once, however many cells it answers for."""
    here = {row.cell.run.name: row for row in rows if dict(row.cell.place)[along] == tick}
    found = [row.metrics[metric] for row in here.values() if row.metrics]
    return interval(found, f"{' '.join(here)} {metric}")


def _line(row: Row, compared: str, *, several: bool) -> str:
    """Name the line of a row; an arm that does not read the axis has one for all values."""
    value = dict(row.cell.place).get(compared)
    parts = [row.cell.arm] if several or not compared else []
    if compared and not (several and compared in row.cell.unread):
        parts.append(_name(compared, value))
    return ", ".join(parts)


def _name(axis: str, value: Any) -> str:
    """A number needs the setting's name beside it, a text does not."""
    return str(value) if isinstance(value, str) else f"{axis.rpartition('.')[2]} {value}"
