"""Sections of a report: tables of groups, their cost, attacks, and one axis along another."""

from __future__ import annotations

from collections.abc import Sequence

from fednids.studies.along import sheets
from fednids.studies.findings import ARM, Group
from fednids.studies.measures import METRICS
from fednids.studies.report import Report
from fednids.studies.statistics import Interval
from fednids.studies.tables import (
    NOTHING,
    markdown_table,
    show_bytes,
    show_interval,
    show_number,
)

_ATTACKED = (
    "macro_f1", "macro_f1_over_clean", "attack_success", "attack_over_clean", "attack_relative"
)  # fmt: skip
_SPENT = ("rounds_to_target", "bytes_to_target", "virtual_to_target")
_ALONG = ("macro_f1", "worst_gateway", "attack_success", "attack_over_clean", *_SPENT)
_ABOUT_ATTACKS = (
    "Attack success is the share of the test windows of an attack class that is taken for "
    "benign, for a backdoor of those with its trigger; means over the attack classes. The clean "
    "run differs in the attack alone, or in what a rule is told of liars as well; relative to "
    "it is the share of what it finds that the attack gets through."
)


def settings_of(report: Report) -> tuple[str, ...]:
    """Name the columns of what a study varies."""
    return tuple(name.rpartition(".")[2] for name in report.study.varied)


def group_table(
    names: Sequence[str], metrics: Sequence[str], groups: Sequence[Group], *, skew: bool = False
) -> str:
    """One line a group; the centralised arm has no skew."""
    rows = []
    for each in groups:
        settings = [NOTHING if v is None else str(v) for v in each.place.values()]
        measured = [show_number(each.skew)] if skew else []
        numbers = [show_interval(each.metrics[metric]) for metric in metrics]
        rows.append([each.arm, *settings, *measured, *numbers])
    return markdown_table([*names, *(METRICS[metric] for metric in metrics)], rows)


def cost_table(report: Report) -> str:
    """Tell what runs cost, and what it took to the target; virtual seconds where there are any."""
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
    return markdown_table(["arm", *settings_of(report), *titles, "seconds of a run"], rows)


def attack_section(report: Report) -> list[str]:
    """Tell of attacks where there are any."""
    attacked = [g for g in report.groups if g.metrics["attack_success"].count]
    if not attacked:
        return []
    table = group_table(("arm", *settings_of(report)), _ATTACKED, attacked)
    return ["## Attacks", _ABOUT_ATTACKS, table]


def along_section(report: Report) -> list[str]:
    """Lay scores out by two axes."""
    wish, parts = report.study.report, list[str]()
    if not wish.along:
        return parts
    lines, axis = (name.rpartition(".")[2] for name in (wish.compare or ARM, wish.along))
    for metric in _ALONG:
        for sheet in sheets(report.rows, (wish.compare, wish.along), metric):
            place = f" ({sheet.place})" if sheet.place else ""
            rows = [[line.name, *(_show(value, metric) for value in line.values)]
                    for line in sheet.lines]  # fmt: skip
            titles = [lines, *map(str, sheet.along)]
            parts += [f"## {METRICS[metric]}: {lines} along {axis}{place}",
                      markdown_table(titles, rows)]  # fmt: skip
    return parts


def _show(value: Interval, metric: str) -> str:
    """Show what is spent until the target as a mean and how many seeds got there."""
    if metric not in _SPENT:
        return show_interval(value)
    shown = show_bytes(value.mean) if "bytes" in metric else show_number(value.mean, 1)
    return f"{shown} ({value.count})" if value.count else NOTHING
