"""The report of a sweep, as plain values and as files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fednids import __version__
from fednids.files import write_atomically
from fednids.studies.cells import Cell
from fednids.studies.findings import ARM, Comparison, Group, Row, compare, group
from fednids.studies.folder import CROSS, SweepFolder, read_json
from fednids.studies.measures import METRICS, Beside, measure_run
from fednids.studies.statistics import best_mean, number
from fednids.studies.study import Study
from fednids.studies.twins import clean_twins

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Failed:
    """A step that did not end well.

    Attributes
    ----------
    name : str
        Of the run, or of the cross-gateway matrix.
    reason : str
        Why, in one line.
    log : str
        File with all that it printed, in the folder of the sweep.
    """

    name: str
    reason: str
    log: str


@dataclass(frozen=True)
class Report:
    """What a sweep found.

    Attributes
    ----------
    study : Study
        What was asked.
    rows : tuple of Row
        One a cell.
    groups : tuple of Group
        Over seeds.
    comparisons : tuple of Comparison
        Between arms, then between the values of ``report.compare``.
    failed : tuple of Failed
        What is missing, and why.
    data : tuple of (str, int, bool)
        Path, number of flows, and whether they are synthetic, of every data set used.
    target : float
        Macro-F1 that the way to is told of; NaN where it is a share of a best that is not
        there yet.
    """

    study: Study
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]
    failed: tuple[Failed, ...]
    data: tuple[tuple[str, int, bool], ...]
    target: float

    @property
    def synthetic(self) -> bool:
        """Whether any of the flows are."""
        return any(synthetic for _, _, synthetic in self.data)

    @property
    def note(self) -> str:
        """What every title carries."""
        return " · synthetic flows" if self.synthetic else ""

    def to_json(self) -> dict[str, Any]:
        """Give plain dicts, lists and numbers, with NaN as None."""
        return {
            "schema_version": SCHEMA_VERSION,
            "title": self.study.title,
            "fednids": __version__,
            "synthetic": self.synthetic,
            "data": [dict(zip(("path", "flows", "synthetic"), d, strict=True)) for d in self.data],
            "skew": self.study.report.skew,
            "target": _plain(self.target),
            "cells": [flat_row(row) for row in self.rows],
            "groups": [_group_json(found) for found in self.groups],
            "comparisons": [_comparison_json(found) for found in self.comparisons],
            "failed": [asdict(found) for found in self.failed],
        }


def build_report(
    study: Study, cells: Sequence[Cell], folder: SweepFolder, failed: Sequence[Failed] = ()
) -> Report:
    """Read all finished runs of a study.

    Parameters
    ----------
    study, cells
        What was asked.
    folder : SweepFolder
        Where the runs are; others in it are not told of.
    failed : Sequence[Failed]
        What did not end well.
    """
    results = {cell.run.name: folder.result(cell.run) for cell in cells}
    crossed = {name: read_json(folder.cross(name) / CROSS) for name in cross_pairs(cells)}
    skews: dict[object, Mapping[str, float]] = {}
    for cell in cells:
        result = results[cell.run.name]
        if result and cell.arm != "centralised":
            found = result["partition"]["skew"]
            skews[cell.place, cell.seed] = {k: number(v) for k, v in found.items()}
    target = _target(study, cells, results)
    twins = clean_twins({cell.run.name: (cell.arm, cell.run.config) for cell in cells})
    rows = []
    for cell in cells:
        result, metrics = results[cell.run.name], dict[str, float]()
        if result:
            clean = results.get(twins.get(cell.run.name, ""))
            beside = Beside(target, _cross_of(cell, cells, crossed), clean)
            metrics = measure_run(folder.run(cell.run), result, beside)
        rows.append(Row(cell, skews.get((cell.place, cell.seed), {}), metrics))
    axes = (ARM, *((study.report.compare,) if study.report.compare else ()))
    return Report(
        study,
        tuple(rows),
        group(rows, study.report.skew),
        tuple(found for axis in axes for found in compare(rows, axis)),
        tuple(failed),
        _data(results.values()),
        target,
    )


def cross_pairs(cells: Sequence[Cell]) -> dict[str, tuple[Cell, Cell]]:
    """Give the federated and the local cell of each matrix, by the federated run's name.

    A federated run that stands beside several local ones has one matrix.
    """
    local = {(cell.place, cell.seed): cell for cell in cells if cell.arm == "local"}
    found: dict[str, tuple[Cell, Cell]] = {}
    for cell in cells:
        other = local.get((cell.place, cell.seed))
        if cell.arm == "federated" and other is not None:
            found.setdefault(cell.run.name, (cell, other))
    return found


def write_report(report: Report, folder: SweepFolder) -> None:
    """Write ``report.json``, ``cells.parquet``, figures and ``report.md``, the last last."""
    from fednids.studies.figures import draw_report
    from fednids.studies.text import render

    content = json.dumps(report.to_json(), indent=2, allow_nan=False)
    write_atomically(folder.path / "report.json", content.encode())
    _write_cells(report.rows, folder.path / "cells.parquet")
    drawn = draw_report(report, folder.path)
    write_atomically(folder.path / "report.md", render(report, drawn).encode())


def flat_row(row: Row) -> dict[str, Any]:
    """Give a cell as one flat record: arm, seed, settings, run, skew and metrics."""
    place = dict(row.cell.place)
    skew = {f"skew.{name}": _plain(value) for name, value in row.skew.items()}
    metrics = {name: _plain(row.metrics.get(name, math.nan)) for name in METRICS}
    return {
        "arm": row.cell.arm,
        "seed": row.cell.seed,
        **place,
        "run": row.cell.run.name,
        "finished": bool(row.metrics),
        **skew,
        **metrics,
    }


def _write_cells(rows: Sequence[Row], path: Path) -> None:
    """Write one row a cell; a setting with values of several types is written as text."""
    import pandas as pd

    table = pd.DataFrame([flat_row(row) for row in rows])
    for name in table.columns:
        if table[name].dtype == object and table[name].map(type).nunique() > 1:
            kept = table[name].notna()
            table[name] = table[name].astype(str).where(kept, None)
    table.to_parquet(path, index=False)


def _cross_of(
    cell: Cell, cells: Sequence[Cell], crossed: Mapping[str, Mapping[str, Any] | None]
) -> Mapping[str, Any] | None:
    """Find a matrix that scores the run of a cell."""
    if cell.run.name in crossed:
        return crossed[cell.run.name]
    for name, (_, local) in cross_pairs(cells).items():
        if cell.arm == "local" and local.run.name == cell.run.name and crossed[name]:
            return crossed[name]
    return None


def _target(
    study: Study, cells: Sequence[Cell], results: Mapping[str, Mapping[str, Any] | None]
) -> float:
    """Give the target as a macro-F1."""
    if not study.report.of_best:
        return study.report.target
    found: dict[object, dict[str, float]] = {}
    for cell in cells:
        result = results[cell.run.name]
        if result:
            group = found.setdefault((cell.arm, cell.place), {})
            group[cell.run.name] = number(result["final"]["macro_f1"])
    return study.report.target * best_mean([list(each.values()) for each in found.values()])


def _data(results: Any) -> tuple[tuple[str, int, bool], ...]:
    found = (result["data"] for result in results if result)
    each = ((data["path"], data["flows"], data["synthetic"]) for data in found)
    return tuple(dict.fromkeys(each))


def _group_json(found: Group) -> dict[str, Any]:
    metrics = {name: each.to_json() for name, each in found.metrics.items()}
    skew = _plain(found.skew)
    return {"arm": found.arm, "settings": dict(found.place), "skew": skew, "metrics": metrics}


def _comparison_json(found: Comparison) -> dict[str, Any]:
    named = {
        "axis": found.axis,
        "scope": found.scope,
        "first": found.first,
        "second": found.second,
        "metric": found.metric,
    }
    return {**named, **found.difference.to_json(), "says": found.difference.says}


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
