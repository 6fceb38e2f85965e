"""Tables about one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np

from fednids import __version__
from fednids.config import Config
from fednids.metrics import Scores
from fednids.plain import number
from fednids.report.charts.heatmap import Kept
from fednids.report.tables import MEASURES, Table, count, decimal, ids, megabytes, shortened
from fednids.runs.gateways import Histories
from fednids.runs.reader import Judged, Run
from fednids.runs.records import HeadlineRecord

_MORE = {"mcc": "Matthews correlation", "weighted_f1": "weighted F1"}
_MOST_FAILURES = 50
_SECONDS = {
    "prepare": "preparing flows",
    "compile": "compiling graphs, summed over processes",
    "train": "training phases",
    "evaluate": "evaluation phases",
    "total": "whole run",
}


def headline(run: Run) -> Table:
    """Set the detector beside its baselines, on all test flows and on novel ones."""
    columns: dict[str, Judged] = {}
    if run.detector:
        columns["detector"] = run.detector
    columns |= run.baselines
    titles = [f"{name}{side}" for name in columns for side in (", all flows", ", novel flows")]
    told = run.rounds[-1].test.novel if run.rounds else None
    rows = [
        (title, *_pairs(columns, name, told))
        for name, title in chain(MEASURES.items(), _MORE.items())
    ]
    attack = [decimal(s.binary.f1) if s else "–" for j in columns.values() for s in _sides(j)]
    rows.append(("F1 of attack against benign", *attack))
    note = "" if run.finished else "Baselines are written when a run ends."
    return Table("Detector and baselines", ("", *titles), tuple(rows), note=note)


def per_class(judged: Judged) -> Table:
    """Tell how well each class is found."""
    titles: tuple[str, ...] = ("class", "test flows", "recall", "precision", "F1")
    rows = []
    for name, found in judged.all.per_class.items():
        row: tuple[str, ...] = (name, f"{found.support:,}", *_rates(judged.all, name))
        if judged.novel:
            row += (f"{judged.novel.per_class[name].support:,}", *_rates(judged.novel, name))
        rows.append(row)
    if judged.novel:
        titles += ("novel flows", "recall, novel", "precision, novel", "F1, novel")
    return Table("Each class", titles, tuple(rows))


def skew(run: Run) -> Table | None:
    """Tell how unevenly the flows were dealt; None for a run that did not say."""
    found = run.result.partition.skew.to_json() if run.finished else {}
    rows = tuple((n.replace("_", " "), short(value)) for n, value in found.items())
    return Table("Measures of skew", ("measure", "value"), rows) if rows else None


def gateway_table(found: Histories, kept: Kept) -> Table:
    """Tell of each gateway how it ended and how often it took part."""
    accuracy, macro = found.accuracy[-1], found.macro_f1[-1]
    parts, flows = found.took_part.sum(axis=0), found.test_flows.sum(axis=1)
    rounds = len(found.rounds)
    rows = tuple(
        (
            str(found.ids[k]),
            f"{flows[k]:,}",
            decimal(float(accuracy[k])),
            decimal(float(macro[k])),
            decimal(float(found.loss[-1, k])),
            f"{parts[k]:,}",
        )
        for k in kept.gateways
    )
    titles = ("gateway", "test flows", "accuracy", "macro-F1", "test loss", f"rounds of {rounds:,}")
    return Table("Gateways after the last round", titles, rows, note=kept.note)


def failures(run: Run) -> Table | None:
    """List answers that could not be used; None where all could."""
    rows = tuple(
        (str(row.round), str(f.partition), f.stage, f.reason)
        for row in run.rounds
        for f in row.failures
    )
    if not rows:
        return None
    table = Table(
        "Answers that failed or were refused", ("round", "gateway", "stage", "reason"), rows
    )
    return shortened(table, _MOST_FAILURES)


def totals(run: Run) -> Table:
    """Add up time and bytes."""
    seconds = run.section("seconds")
    rows = [(_SECONDS.get(str(n), str(n)), f"{short(v)} s") for n, v in seconds.items()]
    virtual = np.array([number(row.virtual_seconds) for row in run.rounds])
    if np.isfinite(virtual).any():
        rows.append(("virtual clock", f"{count(float(np.nansum(virtual)))} s"))
    for title, values in (
        ("sent to gateways", [row.bytes_down for row in run.rounds]),
        ("sent to the server", [row.bytes_up for row in run.rounds]),
    ):
        rows.append((title, f"{megabytes(float(sum(values)))} MB"))
    return Table("Time and bytes", ("what", "how much"), tuple(rows))


def attack(run: Run) -> Table | None:
    """Tell who lied, and how far it got; None for a run without an attack."""
    found = run.result.attack if run.finished else None
    if not found:
        return None
    rows = [(n, short(getattr(found, n)))
            for n in ("kind", "share", "schedule", "strength", "poisoned")
            if getattr(found, n) is not None]  # fmt: skip
    rows.append(("liars", ids(found.liars)))
    rows += [(f"{n} taken for benign", short(rate)) for n, rate in found.success.items()]
    rows += [(f"{n} taken for another class", short(rate)) for n, rate in found.errors.items()]
    return Table("Attack", ("what", "value"), tuple(rows))


def settings(run: Run) -> Table:
    """List all settings; those that are not the default are marked."""
    defaults = Config().flat()
    rows, marked = [], []
    for k, (name, value) in enumerate(run.config.flat().items()):
        changed = value != defaults[name]
        if changed:
            marked.append(k)
        shown = f"changed; default {_value(defaults[name])}" if changed else "default"
        rows.append((name, _value(value), shown))
    return Table("Settings", ("setting", "value", "which"), tuple(rows), frozenset(marked))


def provenance(run: Run) -> Table:
    """Tell where the numbers come from."""
    rows = [("arm", run.kind), ("folder", str(run.path)), ("seed", str(run.config.run.seed))]
    plan = run.section("partition")
    rows += [
        (f"plan {n}", short(plan[n])) for n in ("scheme", "gateways", "fingerprint") if n in plan
    ]
    for section in ("data", "model", "versions", "provenance"):
        rows += [(f"{section} {n}", short(v)) for n, v in _flat(run.section(section))]
    if run.finished:
        rows.append(("judged by", f"{run.result.judged} detector"))
    version = run.result.schema_version if run.finished else "none: not finished"
    rows.append(("result schema", short(version)))
    rows.append(("this page", f"fednids {__version__}"))
    return Table("Provenance", ("what", "value"), tuple(rows))


def _pairs(columns: Mapping[str, Judged], name: str, told: HeadlineRecord | None) -> Iterator[str]:
    """Give a rate of each detector twice; what a stopped run did not count, its round tells."""
    for judged in columns.values():
        for side in _sides(judged):
            yield decimal(number(getattr(side or told, name, None)))


def _sides(judged: Judged) -> tuple[Scores, Scores | None]:
    return judged.all, judged.novel


def _rates(found: Scores, name: str) -> tuple[str, str, str]:
    each = found.per_class[name]
    return decimal(each.recall), decimal(each.precision), decimal(each.f1)


def _flat(found: object, before: str = "") -> Iterator[tuple[str, object]]:
    """Give the leaves of nested tables."""
    if not isinstance(found, Mapping):
        return
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", value


def short(value: Any) -> str:
    """Write any JSON value in one short line."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    return str(value)[:200]


def _value(value: object) -> str:
    return "(empty)" if value == "" else str(value)
