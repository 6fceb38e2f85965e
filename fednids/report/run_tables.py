"""Tables about one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import numpy as np

from fednids import __version__
from fednids.config import default_settings
from fednids.plain import number
from fednids.report.figures.grid import KeptCells
from fednids.report.tables import RATE_TITLES, PageTable, count, decimal, megabytes, short
from fednids.runs.gateways import Histories
from fednids.runs.reader import Judged, Run
from fednids.runs.records import AttackRecord, ThresholdRecord, UnseenGatewaysRecord, UnseenRecord

_MORE = {"mcc": "Matthews correlation", "weighted_f1": "weighted F1"}
_MOST_FAILURES = 50
_MOST_IDS = 20
_SECONDS = {
    "prepare": "preparing flows",
    "compile": "compiling graphs, summed over processes",
    "train": "training phases",
    "evaluate": "evaluation phases",
    "total": "whole run",
}
_FLOWS = {
    "validation": "validation flows, which it was chosen on",
    "test": "test flows",
    "novel": "novel test flows",
}
_SCORES = {"max_probability": "highest probability", "energy": "energy score"}


def tables_of(run: Run, kept: KeptCells | None) -> dict[str, PageTable]:
    """Return all tables about a run by name; what does not apply is not there.

    `kept` has the gateways that the page holds; it is None where the run has one or none.
    """
    result = run.result if run.finished else None
    found: dict[str, PageTable | None] = {
        "headline": _headline(run, run.detector) if run.detector else None,
        "classes": _classes(run.detector) if run.detector else None,
        "skew": _skew(run) if run.finished and run.kind != "centralised" else None,
        "gateways": _gateways(run.gateways, kept) if run.gateways and kept else None,
        "failures": _failures(run),
        "totals": _totals(run) if run.rounds else None,
        "threshold": threshold_table(result.threshold if result else None),
        "attack": _attack(result.attack) if result and result.attack else None,
        "unseen": unseen_table(result.unseen if result else None),
        "unseen_gateways": unseen_gateways_table(result.unseen_gateways if result else None),
        "settings": _settings(run),
        "provenance": _provenance(run),
    }
    return {name: table for name, table in found.items() if table is not None}


def _headline(run: Run, detector: Judged) -> PageTable:
    columns: dict[str, Judged] = {"detector": detector, **run.baselines}
    titles = [f"{name}{side}" for name in columns for side in (", all flows", ", novel flows")]
    sides = [side for judged in columns.values() for side in (judged.all, judged.novel)]
    last = run.rounds[-1].test.novel if run.rounds else None  # a stopped run counted no others
    rows = [
        (title, *(decimal(getattr(side or last, name, None)) for side in sides))
        for name, title in chain(RATE_TITLES.items(), _MORE.items())
    ]
    attack = (decimal(side.binary.f1 if side else None) for side in sides)
    rows.append(("F1 of attack against benign", *attack))
    note = "" if run.finished else "Baselines are written when a run ends."
    return PageTable("Detector and baselines", ("", *titles), tuple(rows), note=note)


def _classes(judged: Judged) -> PageTable:
    titles: tuple[str, ...] = ("class", "test flows", "recall", "precision", "F1")
    if judged.novel:
        titles += ("novel flows", "recall, novel", "precision, novel", "F1, novel")
    rows = []
    for name in judged.all.per_class:
        row: tuple[str, ...] = (name,)
        for side in filter(None, (judged.all, judged.novel)):
            found = side.per_class[name]
            row += (f"{found.support:,}", *map(decimal, (found.recall, found.precision, found.f1)))
        rows.append(row)
    return PageTable("Each class", titles, tuple(rows))


def _skew(run: Run) -> PageTable | None:
    found = run.result.partition.skew.to_json()
    rows = tuple((name.replace("_", " "), short(value)) for name, value in found.items())
    return PageTable("Measures of skew", ("measure", "value"), rows) if rows else None


def _gateways(found: Histories, kept: KeptCells) -> PageTable:
    chosen = kept.gateways
    columns = {
        "gateway": [str(k) for k in found.ids[chosen]],
        "test flows": found.test_flows.sum(axis=1)[chosen].tolist(),
        "accuracy": found.accuracy[-1, chosen].tolist(),
        "macro-F1": found.macro_f1[-1, chosen].tolist(),
        "test loss": found.loss[-1, chosen].tolist(),
        f"rounds of {len(found.rounds):,}": found.took_part.sum(axis=0)[chosen].tolist(),
    }
    return PageTable.of_columns("Gateways after the last round", columns, note=kept.note)


def _failures(run: Run) -> PageTable | None:
    rows = tuple(
        (str(row.round), str(each.partition), each.stage, each.reason)
        for row in run.rounds
        for each in row.failures
    )
    titles = ("round", "gateway", "stage", "reason")
    table = PageTable("Answers that failed or were refused", titles, rows)
    return table.shortened(_MOST_FAILURES) if rows else None


def _totals(run: Run) -> PageTable:
    seconds = run.section("seconds")
    rows = [(_SECONDS.get(name, name), f"{short(value)} s") for name, value in seconds.items()]
    virtual = np.array([number(row.virtual_seconds) for row in run.rounds])
    if np.isfinite(virtual).any():
        rows.append(("virtual clock", f"{count(float(np.nansum(virtual)))} s"))
    down, up = run.sent
    rows += [("sent to gateways", f"{megabytes(down)} MB")]
    rows += [("sent to the server", f"{megabytes(up)} MB")]
    return PageTable("Time and bytes", ("what", "how much"), tuple(rows))


def threshold_table(found: ThresholdRecord | None) -> PageTable | None:
    """Return the rates that a threshold leads to; None for a run without one."""
    points = {title: getattr(found, name, None) for name, title in _FLOWS.items()}
    reached = {title: point for title, point in points.items() if point}
    if found is None or not reached:
        return None
    classes = list(next(iter(reached.values())).per_class)
    rows = tuple(
        (
            title,
            decimal(point.false_alarm_rate),
            decimal(point.detection_rate),
            *(decimal(point.per_class.get(name)) for name in classes),
        )
        for title, point in reached.items()
    )
    return PageTable(
        f"Alarms above {decimal(found.probability, 6)} probability of attack, for a wanted "
        f"false-alarm rate of {decimal(found.wanted, 4)}",
        ("flows", "false alarms", "attacks found", *(f"{name} found" for name in classes)),
        rows,
    )


def _attack(found: AttackRecord) -> PageTable:
    names = ("kind", "share", "schedule", "strength", "poisoned")
    given = {name: getattr(found, name) for name in names}
    rows = [(name, short(value)) for name, value in given.items() if value is not None]
    named = ", ".join(map(str, found.malicious[:_MOST_IDS]))
    more = len(found.malicious) - _MOST_IDS
    rows.append(("malicious clients", f"{named} and {more:,} more" if more > 0 else named))
    rows += [(f"{n} taken for benign", short(rate)) for n, rate in found.success.items()]
    rows += [(f"{n} taken for another class", short(rate)) for n, rate in found.errors.items()]
    return PageTable("Attack", ("what", "value"), tuple(rows))


def unseen_table(found: UnseenRecord | None) -> PageTable | None:
    """Return how an attack class is seen that was never trained on; None without one."""
    if not found:
        return None
    rows = [("raise an alarm", decimal(found.alarms))]
    rows += [(f"taken for {name}", decimal(share)) for name, share in found.taken_for.items()]
    for key, title in _SCORES.items():
        apart = getattr(found.rejection, key)
        rows.append((f"told from known classes by {title}: area", decimal(apart.auroc)))
        rows.append((f"pass where 95 % of known flows do: {title}", decimal(apart.passed)))
    title = f"{found.name}, never trained on: shares of {found.flows} flows"
    return PageTable(title, ("what", "share"), tuple(rows))


def unseen_gateways_table(found: UnseenGatewaysRecord | None) -> PageTable | None:
    """Set gateways that never trained beside the others; None without any."""
    if not found:
        return None
    rows = tuple(
        (title, decimal(getattr(found.unseen, name)), decimal(getattr(found.seen, name)))
        for name, title in RATE_TITLES.items()
        if name != "accuracy"
    )
    named = ", ".join(map(str, found.partitions))
    titles = ("", "never trained", "trained")
    return PageTable(f"Gateways that never trained: {named}", titles, rows)


def _settings(run: Run) -> PageTable:
    """All settings; those that are not the default are marked."""
    defaults, values = default_settings(run.config), run.config.flat()
    changed = [value != defaults[name] for name, value in values.items()]
    rows = tuple(
        (
            name,
            str(value) or "(empty)",
            f"changed; default {str(defaults[name]) or '(empty)'}" if other else "default",
        )
        for (name, value), other in zip(values.items(), changed, strict=True)
    )
    marked = frozenset(np.flatnonzero(changed).tolist())
    return PageTable("Settings", ("setting", "value", "which"), rows, marked)


def _provenance(run: Run) -> PageTable:
    rows = [("arm", run.kind), ("folder", str(run.path)), ("seed", str(run.config.run.seed))]
    plan = run.section("partition")
    rows += [
        (f"plan {n}", short(plan[n])) for n in ("scheme", "gateways", "fingerprint") if n in plan
    ]
    for section in ("data", "model", "versions", "provenance"):
        rows += [(f"{section} {n}", short(v)) for n, v in _leaves(run.section(section))]
    if run.finished:
        rows.append(("judged by", f"{run.result.judged} detector"))
    version = run.result.schema_version if run.finished else "none: not finished"
    rows += [("result schema", short(version)), ("this page", f"fednids {__version__}")]
    return PageTable("Provenance", ("what", "value"), tuple(rows))


def _leaves(found: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in found.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", value
