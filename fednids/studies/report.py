"""The report of a study: rows, groups and comparisons, as JSON, Markdown, Parquet and pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fednids import __version__
from fednids.config import short_name
from fednids.files import write_atomically
from fednids.plain import as_json, number
from fednids.report.tables import SYNTHETIC
from fednids.runs.records import ResultRecord
from fednids.studies.engine import CROSS, Failed, StudyFolder, read_json
from fednids.studies.relevance import clean_twins
from fednids.studies.statistics import (
    NOTHING,
    RESAMPLES,
    RUN_METRICS,
    Interval,
    best_mean,
    interval,
    mean_of,
    measure_run,
    show_bytes,
    show_interval,
    show_number,
)
from fednids.studies.study import ARM, Study, StudyCell

if TYPE_CHECKING:
    from fednids.report.figures.scores import Panel

COMPARED = ("macro_f1", "novel_macro_f1", "worst_gateway")
"""Metrics whose differences are reported."""


@dataclass(frozen=True)
class Row:
    """A cell and what was measured of it.

    Attributes
    ----------
    cell : StudyCell
        Which.
    skew : Mapping[str, float]
        Measures of its plan by the names of `partitions.Skew`; of the other arms' plan
        for the centralised arm, and NaN where there is none.
    metrics : Mapping[str, float]
        By the names of `RUN_METRICS`; empty where its run has not ended.
    """

    cell: StudyCell
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
            f"{short_name(name)} {value}" if "." in name else str(value)
            for name, value in known.items()
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and numbers, with NaN as None."""
        skew, metrics = as_json(self.skew), as_json(self.metrics)
        return {"arm": self.arm, "settings": dict(self.place), "skew": skew, "metrics": metrics}


@dataclass(frozen=True)
class PairedDifference:
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

    @property
    def in_words(self) -> str:
        """Who is higher, or that no difference is shown."""
        first, second = (_name(self.axis, value) for value in (self.first, self.second))
        scope = f" ({self.scope})" if self.scope else ""
        many = f"{self.difference.count} pair{'s' * (self.difference.count != 1)}"
        metric, verdict = RUN_METRICS[self.metric], self.difference.verdict
        if verdict in ("higher", "lower"):
            size = show_interval(self.difference, signed=True)
            return f"{metric} of {first} is {verdict} than of {second}{scope}: {size}, {many}"
        return f"{metric} of {first} and {second}{scope}: {verdict}, {many}"

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers and texts, with NaN as None."""
        named = {name: value for name, value in vars(self).items() if name != "difference"}
        return {**named, **self.difference.to_json(), "says": self.difference.verdict}


def group(rows: Iterable[Row], measure: str) -> tuple[Group, ...]:
    """Put runs that differ in the seed alone together, in the order of the study.

    Parameters
    ----------
    rows : iterable of Row
        Those without metrics are left out, and a run that answers for several cells counts
        once.
    measure : str
        Which skew to report.
    """
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.metrics:
            found.setdefault(_without_seed(row.cell), {}).setdefault(row.cell.run.name, row)
    return tuple(_group(name, list(each.values()), measure) for name, each in found.items())


def compare_in_pairs(rows: Sequence[Row], axis: str) -> tuple[PairedDifference, ...]:
    """Compare every two values of an axis in pairs.

    Parameters
    ----------
    rows : sequence of Row
        Those without metrics are left out.
    axis : str
        `ARM`, or a name that the study varies.

    Returns
    -------
    tuple of PairedDifference
        One for every two values, metric of `COMPARED` and arm with at least one pair. Cells
        that are the same run are no pair, and the same two runs are one pair.
    """
    scopes: dict[str, list[Row]] = {}
    for row in rows:
        if row.metrics:
            scopes.setdefault("" if axis == ARM else row.cell.arm, []).append(row)
    found = []
    for scope, inside in scopes.items():
        values = dict.fromkeys(_value(row.cell, axis) for row in inside)
        for both in combinations(values, 2):
            pairs = _pairs(inside, axis, both)
            for metric in COMPARED:
                differences = [one.metrics[metric] - other.metrics[metric] for one, other in pairs]
                difference = interval(differences, f"{axis} {scope} {both} {metric}")
                if difference.count:
                    found.append(PairedDifference(axis, scope, *both, metric, difference))
    return tuple(found)


def _pairs(rows: Sequence[Row], axis: str, values: tuple[Any, Any]) -> list[tuple[Row, Row]]:
    """Find the rows that agree in all but the axis, each two runs once."""
    sides: dict[Any, dict[object, Row]] = {value: {} for value in values}
    for row in rows:
        if (value := _value(row.cell, axis)) in sides:
            others = tuple((k, v) for k, v in row.cell.place if k != axis)
            sides[value][others, row.cell.seed] = row
    first, second = sides.values()
    found: dict[tuple[str, str], tuple[Row, Row]] = {}
    for rest, one in first.items():
        other = second.get(rest)
        if other is not None and one.cell.run.name != other.cell.run.name:
            found.setdefault((one.cell.run.name, other.cell.run.name), (one, other))
    return list(found.values())


def _value(cell: StudyCell, axis: str) -> Any:
    return cell.arm if axis == ARM else dict(cell.place)[axis]


def _without_seed(cell: StudyCell) -> str:
    config = cell.run.config
    run = config.run.model_copy(update={"seed": 0})
    return f"{cell.arm} {config.model_copy(update={'run': run}).model_dump_json()}"


def _group(name: str, rows: Sequence[Row], measure: str) -> Group:
    cell = rows[0].cell
    place = {k: None if k in cell.unread else v for k, v in cell.place}
    skews = [] if cell.arm == "centralised" else [r.skew.get(measure, math.nan) for r in rows]
    metrics = {m: interval([row.metrics[m] for row in rows], f"{name} {m}") for m in RUN_METRICS}
    return Group(cell.arm, place, mean_of(skews), metrics)


_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class StudyReport:
    """What a sweep found.

    Attributes
    ----------
    study : Study
        The definition.
    rows : tuple of Row
        One a cell.
    groups : tuple of Group
        Over seeds.
    comparisons : tuple of PairedDifference
        Between arms, then between the values of ``report.compare``.
    failed : tuple of Failed
        What is missing, and why.
    data : tuple of (str, int, bool)
        Path, number of flows, and whether they are synthetic, of every data set used.
    target : float
        Macro-F1 to which rounds and bytes are counted; NaN where it is a share of a best that is
        not there yet.
    """

    study: Study
    rows: tuple[Row, ...]
    groups: tuple[Group, ...]
    comparisons: tuple[PairedDifference, ...]
    failed: tuple[Failed, ...]
    data: tuple[tuple[str, int, bool], ...]
    target: float
    unscored: tuple[str, ...] = ()

    @property
    def synthetic(self) -> bool:
        """Whether any of the flows are."""
        return any(synthetic for _, _, synthetic in self.data)

    @property
    def note(self) -> str:
        """What every title carries."""
        return " · synthetic flows" if self.synthetic else ""

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, with NaN as None."""
        return {
            "schema_version": _SCHEMA_VERSION,
            "title": self.study.title,
            "fednids": __version__,
            "synthetic": self.synthetic,
            "data": [dict(zip(("path", "flows", "synthetic"), d, strict=True)) for d in self.data],
            "skew": self.study.report.skew,
            "target": as_json(self.target),
            "cells": [flat_row(row) for row in self.rows],
            "groups": [each.to_json() for each in self.groups],
            "comparisons": [each.to_json() for each in self.comparisons],
            "failed": [asdict(found) for found in self.failed],
            "unscored": list(self.unscored),
        }


def build_report(
    study: Study, cells: Sequence[StudyCell], folder: StudyFolder, failed: Sequence[Failed] = ()
) -> StudyReport:
    """Read all finished runs of a study.

    Parameters
    ----------
    study, cells
        The definition.
    folder : StudyFolder
        Where the runs are; others in it are left out.
    failed : Sequence[Failed]
        What did not end well.
    """
    ended = {cell.run.name: folder.finished(cell.run) for cell in cells}
    results = {name: run.result for name, run in ended.items() if run}
    data = ((str(d.path), d.flows, d.synthetic) for d in (r.data for r in results.values()))
    crossed = dict[str, Mapping[str, Any]]()
    for name, pair in cross_pairs(cells).items():
        if matrix := read_json(folder.cross(name) / CROSS):
            for cell in pair:
                crossed.setdefault(cell.run.name, matrix)
    skews: dict[object, Mapping[str, float]] = {}
    for cell in cells:
        result = results.get(cell.run.name)
        if result and cell.arm != "centralised":
            found = result.partition.skew.to_json()
            skews[cell.place, cell.seed] = {k: number(v) for k, v in found.items()}
    target = _target(study, cells, results)
    twins = clean_twins({cell.run.name: (cell.arm, cell.run.config) for cell in cells})
    rows = []
    for cell in cells:
        run, metrics = ended[cell.run.name], dict[str, float]()
        if run:
            clean = results.get(twins.get(cell.run.name, ""))
            metrics = measure_run(
                run, target, cross=crossed.get(cell.run.name), clean=clean, rare=study.report.rare
            )
        rows.append(Row(cell, skews.get((cell.place, cell.seed), {}), metrics))
    axes = (ARM, *((study.report.compare,) if study.report.compare else ()))
    return StudyReport(
        study,
        tuple(rows),
        group(rows, study.report.skew),
        tuple(found for axis in axes for found in compare_in_pairs(rows, axis)),
        tuple(failed),
        tuple(dict.fromkeys(data)),
        target,
        tuple(name for name, result in results.items() if result.unscored),
    )


def cross_pairs(cells: Sequence[StudyCell]) -> dict[str, tuple[StudyCell, StudyCell]]:
    """Return the federated and the local cell of each matrix, by the federated run's name.

    A federated run that stands beside several local ones has one matrix.
    """
    local = {(cell.place, cell.seed): cell for cell in cells if cell.arm == "local"}
    found: dict[str, tuple[StudyCell, StudyCell]] = {}
    for cell in cells:
        other = local.get((cell.place, cell.seed))
        if cell.arm == "federated" and other is not None:
            found.setdefault(cell.run.name, (cell, other))
    return found


def write_study_report(report: StudyReport, folder: StudyFolder) -> None:
    """Write ``report.json``, ``cells.parquet``, figures and ``report.md``, the last last."""
    content = json.dumps(report.to_json(), indent=2, allow_nan=False)
    write_atomically(folder.path / "report.json", content.encode())
    _write_cells(report.rows, folder.path / "cells.parquet")
    drawn = draw_report(report, folder.path)
    write_atomically(folder.path / "report.md", report_markdown(report, drawn).encode())


def flat_row(row: Row) -> dict[str, Any]:
    """Return a cell as one flat record: arm, seed, settings, run, skew and metrics."""
    place = dict(row.cell.place)
    skew = {f"skew.{name}": as_json(value) for name, value in row.skew.items()}
    metrics = {name: as_json(row.metrics.get(name, math.nan)) for name in RUN_METRICS}
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


def _target(study: Study, cells: Sequence[StudyCell], results: Mapping[str, ResultRecord]) -> float:
    """Return the target as a macro-F1."""
    if not study.report.of_best:
        return study.report.target
    found: dict[object, dict[str, float]] = {}
    for cell in cells:
        if result := results.get(cell.run.name):
            scored = found.setdefault((cell.arm, cell.place), {})
            scored[cell.run.name] = number(result.final.macro_f1)
    return study.report.target * best_mean([list(each.values()) for each in found.values()])


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table with one line a row, as many cells in each as there are titles."""
    head = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    body = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([*head, *body])


@dataclass(frozen=True)
class Pivot:
    """All lines at one place of the axes that are left.

    Attributes
    ----------
    place : str
        The other axes' values, for people; empty where there are none.
    along : tuple
        Values of the axis that the lines run along.
    lines : Mapping
        By value of the compared axis, and the arm where there are several, in the order of the
        study: a tuple of intervals over seeds, one at each of `along`, empty ones where nothing
        was run.
    """

    place: str
    along: tuple[Any, ...]
    lines: Mapping[str, tuple[Interval, ...]]


def sheets(rows: Sequence[Row], axes: tuple[str, str], metric: str) -> tuple[Pivot, ...]:
    """Lay a metric out by two axes.

    Parameters
    ----------
    rows : sequence of Row
        Those without metrics are left out.
    axes : tuple of str
        The axis whose values are lines, or an empty text, and the one that they run along.
    metric : str
        A name of `fednids.studies.statistics.RUN_METRICS`.

    Returns
    -------
    tuple of Pivot
        One for each combination of the axes left, without those that have no value at all. A
        run that answers for several cells stands at each of them.
    """
    compared, along = axes
    found: dict[str, dict[str, list[Row]]] = {}
    several = len({row.cell.arm for row in rows}) > 1
    for row in rows:
        rest = ", ".join(_name(k, v) for k, v in row.cell.place if k not in axes)
        line = _line(row, compared, several=several)
        found.setdefault(rest, {}).setdefault(line, []).append(row)
    ticks = tuple(dict.fromkeys(dict(row.cell.place)[along] for row in rows))
    laid = []
    for place, named in found.items():
        lines = {
            name: tuple(_over_seeds(ours, along, tick, metric) for tick in ticks)
            for name, ours in named.items()
        }
        lines = {name: each for name, each in lines.items() if any(v.count for v in each)}
        if lines:
            laid.append(Pivot(place, ticks, lines))
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
    return str(value) if isinstance(value, str) else f"{short_name(axis)} {value}"


_ATTACKED = (
    "macro_f1", "macro_f1_over_clean", "attack_success", "attack_over_clean", "attack_relative"
)  # fmt: skip
_SPENT = ("rounds_to_target", "bytes_to_target", "virtual_to_target")
_ALONG = (
    "macro_f1",
    "common_macro_f1",
    "novel_macro_f1",
    "false_alarm_rate",
    "worst_gateway",
    "attack_success",
    "attack_over_clean",
    *_SPENT,
)
_ABOUT_ATTACKS = (
    "Attack success is the share of the test windows of an attack class that is taken for "
    "benign, for a backdoor of those with its trigger; means over the attack classes. The clean "
    "run differs in the attack alone, or in the number of malicious gateways that a rule assumes "
    "as well; relative to it is the share of what it finds that the attack gets through."
)


def differing_settings(report: StudyReport) -> tuple[str, ...]:
    """Name the columns of what a study varies."""
    return tuple(short_name(name) for name in report.study.varied)


def group_table(
    names: Sequence[str], metrics: Sequence[str], groups: Sequence[Group], *, skew: bool = False
) -> str:
    """One line a group; the centralised arm has no skew. Nothing is shown that none has."""
    metrics = [name for name in metrics if any(each.metrics[name].count for each in groups)]
    rows = []
    for each in groups:
        settings = [NOTHING if v is None else str(v) for v in each.place.values()]
        measured = [show_number(each.skew)] if skew else []
        numbers = [show_interval(each.metrics[metric]) for metric in metrics]
        rows.append([each.arm, *settings, *measured, *numbers])
    return markdown_table([*names, *(RUN_METRICS[metric] for metric in metrics)], rows)


def cost_table(report: StudyReport) -> str:
    """Return what runs cost, and the way to the target; virtual seconds where there are any."""
    timed = any(g.metrics["virtual_seconds"].count for g in report.groups)
    rows = []
    for each in report.groups:
        rounds, sent = each.metrics["rounds_to_target"], each.metrics["bytes_to_target"]
        settings = [NOTHING if v is None else str(v) for v in each.place.values()]
        means = {name: found.mean for name, found in each.metrics.items()}
        virtual = [means[name] for name in ("virtual_to_target", "virtual_seconds") if timed]
        row = [
            each.arm, *settings, f"{rounds.count} of {each.metrics['seconds'].count} seeds",
            show_number(rounds.mean, 1), show_bytes(sent.mean), show_bytes(means["bytes"]),
            *(show_number(seconds, 1) for seconds in virtual), show_number(means["seconds"], 1),
        ]  # fmt: skip
        rows.append(row)
    virtual_titles = ["virtual seconds", "virtual seconds of a run"] if timed else []
    titles = ["reached by", "rounds", "bytes", "bytes of a run", *virtual_titles]
    return markdown_table(["arm", *differing_settings(report), *titles, "seconds of a run"], rows)


def attack_section(report: StudyReport) -> list[str]:
    """Return what attacks came to, where there are any."""
    attacked = [g for g in report.groups if g.metrics["attack_success"].count]
    if not attacked:
        return []
    table = group_table(("arm", *differing_settings(report)), _ATTACKED, attacked)
    return ["## Attacks", _ABOUT_ATTACKS, table]


def along_section(report: StudyReport) -> list[str]:
    """Lay scores out by two axes."""
    wish, parts = report.study.report, list[str]()
    if not wish.along:
        return parts
    lines, axis = (short_name(name) for name in (wish.compare or ARM, wish.along))
    for metric in _ALONG:
        for sheet in sheets(report.rows, (wish.compare, wish.along), metric):
            place = f" ({sheet.place})" if sheet.place else ""
            rows = [[name, *(_show(value, metric) for value in values)]
                    for name, values in sheet.lines.items()]  # fmt: skip
            titles = [lines, *map(str, sheet.along)]
            parts += [f"## {RUN_METRICS[metric]}: {lines} along {axis}{place}",
                      markdown_table(titles, rows)]  # fmt: skip
    return parts


def _show(value: Interval, metric: str) -> str:
    """Show what is spent until the target as a mean and how many seeds got there."""
    if metric not in _SPENT:
        return show_interval(value)
    shown = show_bytes(value.mean) if "bytes" in metric else show_number(value.mean, 1)
    return f"{shown} ({value.count})" if value.count else NOTHING


_SCORES = (
    "macro_f1", "common_macro_f1", "novel_macro_f1", "balanced_accuracy", "false_alarm_rate",
    "majority_macro_f1",
)  # fmt: skip
_GATEWAYS = ("worst_gateway", "mean_gateway", "gateway_gap", "unseen_recall", "unseen_alarm")
_ABOUT_ARMS = (
    "All arms are scored on all test flows. In the local arm each gateway's own detector judges "
    "the gateway's flows, of which it may know all classes there are; the other arms have one "
    "detector for all."
)
_ABOUT_UNSEEN = (
    "Unseen classes are those that a gateway has no training flow of; recall is taken for the "
    "class, alarms for any attack, on the fleet's test flows of the class."
)
_ABOUT_PAIRS = (
    "Pairs of runs with equal settings and seed. Pairs of one seed share flows and split, so "
    "intervals are narrower than independent pairs would make them."
)


def report_markdown(report: StudyReport, figures: Sequence[str]) -> str:
    """Write the report as Markdown.

    Parameters
    ----------
    report : StudyReport
        What was found.
    figures : Sequence[str]
        Names of the pictures beside it.
    """
    names = ("arm", *differing_settings(report))
    parts = [
        f"# {report.study.title}",
        _what_was_run(report),
        "## What the tables show",
        "\n".join(f"- {line}" for line in findings(report)) or "No run has ended.",
        *(f"![{name}]({name})" for name in figures),
        "## Scores",
        _ABOUT_ARMS,
        group_table((*names, "skew"), _SCORES, report.groups, skew=True),
        "## Gateways",
        _about_gateways(report),
        group_table(names, _GATEWAYS, report.groups),
        f"## Cost, and the way to macro-F1 {show_number(report.target)}",
        cost_table(report),
        *attack_section(report),
        *along_section(report),
        "## Differences in pairs",
        _ABOUT_PAIRS,
        _comparisons(report.comparisons),
        "## Cells",
        _cells(report),
    ]
    if report.failed:
        parts += ["## What failed", failed_steps(report.failed)]
    return "\n\n".join(parts) + "\n"


def failed_steps(failed: Sequence[Failed]) -> str:
    """Return what failed, and why, as a list in Markdown."""
    return "\n".join(f"- {each.name}: {each.reason} (`{each.log}`)" for each in failed)


def findings(report: StudyReport) -> list[str]:
    """Return what the tables show, a line each: ranges over skew, the majority, differences."""
    lines = []
    for name, groups in series_of(report).items():
        ranked = sorted(
            (g for g in groups if not math.isnan(g.metrics["macro_f1"].mean)),
            key=lambda g: g.metrics["macro_f1"].mean,
        )
        if len(ranked) > 1:
            low, high = ranked[0], ranked[-1]
            lines.append(f"{name}: macro-F1 is lowest at {_place(low)}, highest at {_place(high)}.")
        elif ranked:
            lines.append(f"{name}: macro-F1 {show_interval(ranked[0].metrics['macro_f1'])}.")
    lines += _against_majority(report)
    if lacking := ", ".join(report.unscored):
        lines.append(f"The final scores lack flows of some gateways: {lacking}.")
    for found in report.comparisons:
        if found.metric == "macro_f1":
            lines.append(f"{found.in_words}.")
    return lines


def series_of(report: StudyReport) -> dict[str, list[Group]]:
    """Put groups into series: by arm, and by the compared value where the arm reads it."""
    axis, found = report.study.report.compare, dict[str, list[Group]]()
    for each in report.groups:
        value = each.place.get(axis)
        name = each.arm if value is None else f"{each.arm}, {_name(axis, value)}"
        found.setdefault(name, []).append(each)
    return found


def _what_was_run(report: StudyReport) -> str:
    study, rows = report.study, report.rows
    runs = {row.cell.run.name: bool(row.metrics) for row in rows}
    sources = [
        f"{flows:,} synthetic flows a seed" if made else f"{flows:,} flows of {Path(path).name}"
        for path, flows, made in report.data
    ]
    data = "; ".join(dict.fromkeys(sources))
    seeds, arms = ", ".join(map(str, study.seeds)), ", ".join(study.arms)
    lines = (
        f"{len(rows)} cells, {len(runs)} different runs, {sum(runs.values())} of them finished; ",
        f"arms {arms}; seeds {seeds}.\n",
        f"Data: {data or 'no run has ended'}.\n",
        f"**{SYNTHETIC}**\n" if report.synthetic else "",
        f"Skew is the measured {study.report.skew.replace('_', ' ')} of the plan. Numbers are ",
        "means over seeds with 95 % percentile bootstrap intervals ",
        f"({RESAMPLES:,} draws); of three seeds that is the range. n/a: fewer than 3 values.",
    )
    return "".join(lines)


def _against_majority(report: StudyReport) -> list[str]:
    rows = {row.cell.run.name: row.metrics for row in report.rows if row.metrics}
    below = [m for m in rows.values() if not m["macro_f1"] > m["majority_macro_f1"]]
    if not rows:
        return []
    if not below:
        return [f"All finished runs, {len(rows)}, have a macro-F1 above the majority baseline."]
    many = "is" if len(below) == 1 else "are"
    return [f"{len(below)} of {len(rows)} finished runs {many} not above the majority baseline."]


def _about_gateways(report: StudyReport) -> str:
    about = "A gateway's macro-F1 is over the classes that it has test flows of."
    if any(g.metrics["unseen_recall"].count for g in report.groups):
        return f"{about} {_ABOUT_UNSEEN}"
    return f"{about} Nothing is known of unseen classes: no cross-gateway matrix has any."


def _comparisons(found: Sequence[PairedDifference]) -> str:
    rows = [
        [
            each.scope or NOTHING,
            f"{_name(each.axis, each.first)} − {_name(each.axis, each.second)}",
            RUN_METRICS[each.metric],
            show_interval(each.difference, signed=True),
            str(each.difference.count),
            each.difference.verdict,
        ]
        for each in found
    ]
    if not rows:
        return "No two finished runs differ in an arm or in the compared setting alone."
    return markdown_table(["arm", "difference", "metric", "mean (interval)", "pairs", "says"], rows)


def _cells(report: StudyReport) -> str:
    """The headline of each cell; ``cells.parquet`` has all measures."""
    metrics = ("macro_f1", "novel_macro_f1", "false_alarm_rate", "worst_gateway", "unseen_recall")
    rows = []
    for row in report.rows:
        skew = row.skew.get(report.study.report.skew, math.nan)
        numbers = [show_number(row.metrics.get(metric, math.nan)) for metric in metrics]
        settings = [str(value) for _, value in row.cell.place]
        run = f"`runs/{row.cell.run.name}`" if row.metrics else "not finished"
        rows.append([row.cell.arm, *settings, str(row.cell.seed), show_number(skew), *numbers, run])
    shown = [RUN_METRICS[metric] for metric in metrics]
    titles = ["arm", *differing_settings(report), "seed", "skew", *shown, "run"]
    return "All measures are in `cells.parquet`.\n\n" + markdown_table(titles, rows)


def _place(each: Group) -> str:
    skew = "" if math.isnan(each.skew) else f" (skew {each.skew:.3f})"
    return f"{each.label or 'its settings'}{skew} with {show_interval(each.metrics['macro_f1'])}"


_Values = NDArray[np.float64]

_MOST_LEVELS = 3
_MOST_PANELS = 4
_DRAWN_ALONG = ("macro_f1", "worst_gateway", "attack_success")


def draw_report(report: StudyReport, folder: Path) -> list[str]:
    """Draw scores and worst gateways over measured skew, or along an axis.

    Return the names of the files written; none where no run has ended.
    """
    return [*_draw_skew(report, folder), *_draw_along(report, folder)]


def _draw_skew(report: StudyReport, folder: Path) -> list[str]:
    """Draw scores over skew; a study along an axis has its own pictures instead."""
    from fednids.report.figures.scores import against_skew
    from fednids.report.figures.style import save

    wanted = {
        "macro-f1.png": ("Skew and detection", ("macro_f1", "novel_macro_f1")),
        "worst-gateway.png": ("Skew and the worst gateway", ("worst_gateway", "gateway_gap")),
    }
    written = []
    for name, (title, metrics) in wanted.items():
        panels = [_panel(report, metric) for metric in metrics]
        if report.study.report.along or not any(panel.series for panel in panels):
            (folder / name).unlink(missing_ok=True)
            continue
        measure = f"measured skew: {report.study.report.skew.replace('_', ' ')}"
        save(against_skew(panels, measure, title, report.note), folder / name)
        written.append(name)
    return written


def _draw_along(report: StudyReport, folder: Path) -> list[str]:
    from fednids.report.figures.scores import Panel, Series, along_axis
    from fednids.report.figures.style import save

    wish, written = report.study.report, []
    for metric in _DRAWN_ALONG:
        name = f"along-{metric.replace('_', '-')}.png"
        found = sheets(report.rows, (wish.compare, wish.along), metric) if wish.along else ()
        if not found or len(found) > _MOST_PANELS:
            (folder / name).unlink(missing_ok=True)
            continue
        ticks = [str(tick) for tick in found[0].along]
        places = np.arange(len(ticks), dtype=np.float64)
        panels = [
            Panel(s.place, [Series(n, places, *_ends(values)) for n, values in s.lines.items()])
            for s in found
        ]
        axis = short_name(wish.along)
        save(along_axis(panels, ticks, axis, RUN_METRICS[metric], report.note), folder / name)
        written.append(name)
    return written


def _panel(report: StudyReport, metric: str) -> Panel:
    from fednids.report.figures.scores import Level, Panel, Series

    series, levels = [], []
    for name, groups in series_of(report).items():
        dealt = [g for g in groups if not math.isnan(g.skew) and g.metrics[metric].count]
        if dealt:
            skews = np.array([g.skew for g in dealt])
            series.append(Series(name, skews, *_ends([g.metrics[metric] for g in dealt])))
    central = [g for g in report.groups if g.arm == "centralised" and g.metrics[metric].count]
    if len(central) <= _MOST_LEVELS:
        for each in central:
            found, name = each.metrics[metric], " ".join(filter(None, (each.arm, each.label)))
            levels.append(Level(name, found.mean, found.low, found.high))
    majority = [g.metrics["majority_macro_f1"].mean for g in report.groups]
    level = float(np.mean(majority)) if metric == "macro_f1" and majority else math.nan
    return Panel(RUN_METRICS[metric], series, levels, level)


def _ends(found: Sequence[Interval]) -> tuple[_Values, _Values, _Values]:
    mean, low, high = np.array([[each.mean, each.low, each.high] for each in found]).T
    return mean, low, high
