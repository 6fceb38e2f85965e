"""From finished runs to what a report tells: rows, groups over seeds, comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from fednids.studies.cells import Cell
from fednids.studies.measures import METRICS
from fednids.studies.statistics import Interval, interval

ARM = "arm"
"""Axis of the comparison between arms."""

COMPARED = ("macro_f1", "novel_macro_f1", "worst_gateway")
"""Metrics whose differences are told."""


@dataclass(frozen=True)
class Row:
    """A cell and what was measured of it.

    Attributes
    ----------
    cell : Cell
        Which.
    skew : Mapping[str, float]
        Measures of its plan by the names of `partitions.Skew`; of the other arms' plan
        for the centralised arm, and NaN where there is none.
    metrics : Mapping[str, float]
        By the names of `METRICS`; empty where its run has not ended.
    """

    cell: Cell
    skew: Mapping[str, float]
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Group:
    """Runs that differ in the seed alone.

    Attributes
    ----------
    arm : str
        Way to train.
    place : Mapping[str, Any]
        What the study varies; None where the arm does not read it.
    skew : float
        Mean measured skew; NaN for the centralised arm.
    metrics : Mapping[str, Interval]
        Over seeds.
    """

    arm: str
    place: Mapping[str, Any]
    skew: float
    metrics: Mapping[str, Interval]

    @property
    def label(self) -> str:
        """Its settings for people."""
        known = {name: value for name, value in self.place.items() if value is not None}
        return ", ".join(
            f"{name.rpartition('.')[2]} {value}" if "." in name else str(value)
            for name, value in known.items()
        )


@dataclass(frozen=True)
class Comparison:
    """Two values of one axis over all pairs of runs that differ in it alone.

    Attributes
    ----------
    axis : str
        `ARM`, or a name that the study varies.
    scope : str
        The arm that both are of; empty for `ARM`.
    first, second : Any
        Values of the axis.
    metric : str
        What is compared.
    difference : Interval
        First minus second, over pairs of equal settings and seed.
    """

    axis: str
    scope: str
    first: Any
    second: Any
    metric: str
    difference: Interval


def group(rows: Iterable[Row], measure: str) -> tuple[Group, ...]:
    """Put runs that differ in the seed alone together, in the order of the study.

    Parameters
    ----------
    rows : iterable of Row
        Those without metrics are left out, and a run that answers for several cells counts
        once.
    measure : str
        Which skew to tell.
    """
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.metrics:
            found.setdefault(_without_seed(row.cell), {}).setdefault(row.cell.run.name, row)
    return tuple(_group(name, tuple(each.values()), measure) for name, each in found.items())


def compare(rows: Sequence[Row], axis: str) -> tuple[Comparison, ...]:
    """Compare every two values of an axis in pairs.

    Parameters
    ----------
    rows : sequence of Row
        Those without metrics are left out.
    axis : str
        `ARM`, or a name that the study varies.

    Returns
    -------
    tuple of Comparison
        One for every two values, metric of `COMPARED` and arm with at least one pair. Cells
        that are the same run are no pair, and the same two runs are one pair.
    """
    scopes: dict[str, list[Row]] = {}
    for row in rows:
        if row.metrics:
            scopes.setdefault("" if axis == ARM else row.cell.arm, []).append(row)
    return tuple(
        comparison
        for scope, inside in scopes.items()
        for first, second in combinations(_values(inside, axis), 2)
        for comparison in _differences(inside, axis, scope, (first, second))
    )


def _differences(
    rows: Sequence[Row], axis: str, scope: str, values: tuple[Any, Any]
) -> Iterable[Comparison]:
    pairs = _pairs(rows, axis, values)
    for metric in COMPARED:
        found = [one.metrics[metric] - other.metrics[metric] for one, other in pairs]
        name = f"{axis} {scope} {values} {metric}"
        difference = interval(found, name)
        if difference.count:
            yield Comparison(axis, scope, *values, metric, difference)


def _pairs(rows: Sequence[Row], axis: str, values: tuple[Any, Any]) -> list[tuple[Row, Row]]:
    """Find the rows that agree in all but the axis, each two runs once."""
    sides: list[dict[object, Row]] = [
        {_rest(row.cell, axis): row for row in rows if _value(row.cell, axis) == value}
        for value in values
    ]
    found: dict[tuple[str, str], tuple[Row, Row]] = {}
    for rest, one in sides[0].items():
        other = sides[1].get(rest)
        if other is not None and one.cell.run.name != other.cell.run.name:
            found.setdefault((one.cell.run.name, other.cell.run.name), (one, other))
    return list(found.values())


def _values(rows: Sequence[Row], axis: str) -> list[Any]:
    return list(dict.fromkeys(_value(row.cell, axis) for row in rows))


def _value(cell: Cell, axis: str) -> Any:
    return cell.arm if axis == ARM else dict(cell.place)[axis]


def _rest(cell: Cell, axis: str) -> object:
    """All that must agree within a pair."""
    return tuple((k, v) for k, v in cell.place if k != axis), cell.seed


def _without_seed(cell: Cell) -> str:
    config = cell.run.config
    run = config.run.model_copy(update={"seed": 0})
    return f"{cell.arm} {config.model_copy(update={'run': run}).model_dump_json()}"


def _group(name: str, rows: Sequence[Row], measure: str) -> Group:
    cell = rows[0].cell
    place = {k: None if k in cell.unread else v for k, v in cell.place}
    skews = [row.skew.get(measure, math.nan) for row in rows]
    defined = [skew for skew in skews if not math.isnan(skew)]
    skew = sum(defined) / len(defined) if defined and cell.arm != "centralised" else math.nan
    metrics = {m: interval([row.metrics[m] for row in rows], f"{name} {m}") for m in METRICS}
    return Group(cell.arm, place, skew, metrics)
