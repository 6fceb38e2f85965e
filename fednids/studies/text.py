"""The report in words and tables. It says what its tables show and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fednids.studies.findings import ARM, Comparison, Group
from fednids.studies.measures import METRICS
from fednids.studies.report import Report
from fednids.studies.sections import (
    along_section,
    attack_section,
    cost_table,
    group_table,
    settings_of,
)
from fednids.studies.statistics import RESAMPLES
from fednids.studies.tables import (
    NOTHING,
    markdown_table,
    show_interval,
    show_number,
)

_SCORES = (
    "macro_f1", "novel_macro_f1", "balanced_accuracy", "false_alarm_rate", "majority_macro_f1"
)  # fmt: skip
_GATEWAYS = ("worst_gateway", "mean_gateway", "gateway_gap", "unseen_recall", "unseen_alarm")
SYNTHETIC = "The flows are synthetic: these numbers say nothing about real traffic."
"""Said wherever numbers of such flows are."""

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


def render(report: Report, figures: Sequence[str]) -> str:
    """Write the report as Markdown.

    Parameters
    ----------
    report : Report
        What was found.
    figures : Sequence[str]
        Names of the pictures beside it.
    """
    study = report.study
    parts = [
        f"# {study.title}",
        _what_was_run(report),
        "## What the tables show",
        "\n".join(f"- {line}" for line in findings(report)) or "No run has ended.",
        *(f"![{name}]({name})" for name in figures),
        "## Scores",
        _ABOUT_ARMS,
        _scores(report),
        "## Gateways",
        _about_gateways(report),
        group_table(("arm", *settings_of(report)), _GATEWAYS, report.groups),
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
        parts += ["## What failed", _failed(report)]
    return "\n\n".join(parts) + "\n"


def findings(report: Report) -> list[str]:
    """Say what the tables show, a line each: ranges over skew, the majority, differences."""
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
    for found in report.comparisons:
        if found.metric == "macro_f1":
            lines.append(f"{in_words(found)}.")
    return lines


def in_words(found: Comparison) -> str:
    """Say a comparison: who is higher, or that no difference is shown."""
    first, second = (_name(found.axis, value) for value in (found.first, found.second))
    scope = f" ({found.scope})" if found.scope else ""
    many = f"{found.difference.count} pair{'s' * (found.difference.count != 1)}"
    metric, says = METRICS[found.metric], found.difference.says
    if says in ("higher", "lower"):
        size = show_interval(found.difference, signed=True)
        return f"{metric} of {first} is {says} than of {second}{scope}: {size}, {many}"
    return f"{metric} of {first} and {second}{scope}: {says}, {many}"


def series_of(report: Report) -> dict[str, list[Group]]:
    """Put groups into series: by arm, and by the compared value where the arm reads it."""
    axis, found = report.study.report.compare, dict[str, list[Group]]()
    for each in report.groups:
        value = each.place.get(axis)
        name = each.arm if value is None else f"{each.arm}, {_name(axis, value)}"
        found.setdefault(name, []).append(each)
    return found


def _what_was_run(report: Report) -> str:
    study, rows = report.study, report.rows
    runs = {row.cell.run.name: bool(row.metrics) for row in rows}
    data = "; ".join(
        f"{flows:,} synthetic flows a seed" if made else f"{flows:,} flows of {path}"
        for path, flows, made in _sources(report)
    )
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


def _sources(report: Report) -> list[tuple[str, int, bool]]:
    """Name files without their folders; synthetic flows differ in the seed."""
    named = ((path.rpartition("/")[2], flows, made) for path, flows, made in report.data)
    return list(dict.fromkeys(named))


def _against_majority(report: Report) -> list[str]:
    rows = {row.cell.run.name: row.metrics for row in report.rows if row.metrics}
    below = [m for m in rows.values() if not m["macro_f1"] > m["majority_macro_f1"]]
    if not rows:
        return []
    if not below:
        return [f"All finished runs, {len(rows)}, have a macro-F1 above the majority baseline."]
    many = "is" if len(below) == 1 else "are"
    return [f"{len(below)} of {len(rows)} finished runs {many} not above the majority baseline."]


def _scores(report: Report) -> str:
    names = ("arm", *settings_of(report), "skew")
    return group_table(names, _SCORES, report.groups, skew=True)


def _about_gateways(report: Report) -> str:
    said = "A gateway's macro-F1 is over the classes that it has test flows of."
    if any(g.metrics["unseen_recall"].count for g in report.groups):
        return f"{said} {_ABOUT_UNSEEN}"
    return f"{said} Nothing is known of unseen classes: no cross-gateway matrix has any."


def _comparisons(found: Sequence[Comparison]) -> str:
    rows = [
        [
            each.scope or NOTHING,
            f"{_name(each.axis, each.first)} − {_name(each.axis, each.second)}",
            METRICS[each.metric],
            show_interval(each.difference, signed=True),
            str(each.difference.count),
            each.difference.says,
        ]
        for each in found
    ]
    if not rows:
        return "No two finished runs differ in an arm or in the compared setting alone."
    return markdown_table(["arm", "difference", "metric", "mean (interval)", "pairs", "says"], rows)


def _cells(report: Report) -> str:
    """The headline of each cell; ``cells.parquet`` has all measures."""
    metrics = ("macro_f1", "novel_macro_f1", "worst_gateway", "unseen_recall")
    rows = []
    for row in report.rows:
        skew = row.skew.get(report.study.report.skew, math.nan)
        numbers = [show_number(row.metrics.get(metric, math.nan)) for metric in metrics]
        settings = [str(value) for _, value in row.cell.place]
        run = f"`runs/{row.cell.run.name}`" if row.metrics else "not finished"
        rows.append([row.cell.arm, *settings, str(row.cell.seed), show_number(skew), *numbers, run])
    titles = ["arm", *settings_of(report), "seed", "skew", *(METRICS[m] for m in metrics), "run"]
    return "All measures are in `cells.parquet`.\n\n" + markdown_table(titles, rows)


def _failed(report: Report) -> str:
    return "\n".join(f"- {each.name}: {each.reason} (`{each.log}`)" for each in report.failed)


def _place(each: Group) -> str:
    """Settings, skew and score of a group."""
    skew = "" if math.isnan(each.skew) else f" (skew {each.skew:.3f})"
    return f"{each.label or 'its settings'}{skew} with {show_interval(each.metrics['macro_f1'])}"


def _name(axis: str, value: Any) -> str:
    """A number needs the setting's name beside it, a text does not."""
    plain = axis == ARM or isinstance(value, str)
    return str(value) if plain else f"{axis.rpartition('.')[2]} {value}"
