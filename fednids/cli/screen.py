"""Tables and complaints: how things look on a terminal and off it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import PaddingDimensions
from rich.table import Table

from fednids.report.tables import decimal

if TYPE_CHECKING:
    from fednids.experiment.scoring import Scoring
    from fednids.runs.records import OperatingRecord, ResultRecord, ScoresRecord

EXIT_FAILED = 1
"""Exit code where a run failed, or something was found that should not be."""

WRITTEN = "written to {}: result.json, rounds.jsonl, gateways.parquet, pictures, detector"
"""Last line about a run; takes its folder."""

_WIDE = 110
_HEADLINE = (
    ("macro-F1", "macro_f1"),
    ("balanced accuracy", "balanced_accuracy"),
    ("benign false alarms", "false_alarm_rate"),
    ("accuracy", "accuracy"),
)

ERRORS = Console(stderr=True, soft_wrap=True, highlight=False)
"""The error stream: progress, warnings, complaints."""

_OUTPUT = Console(highlight=False)


def complain(message: str) -> None:
    """Print one line about what went wrong."""
    ERRORS.print(f"error: {message}", markup=False)


def warn(message: str) -> None:
    """Print one line about what is not as it should be, and does not stop the command."""
    ERRORS.print(f"warning: {message}", markup=False)


def say(message: str) -> None:
    """Print a line of output."""
    _OUTPUT.print(message, markup=False, soft_wrap=True)


def print_table(table: Table, *, wide: int = _WIDE) -> None:
    """Print a table at its full width, in characters, where the output is no terminal."""
    console = _OUTPUT if _OUTPUT.is_terminal else Console(width=wide, highlight=False)
    console.print(table)


def print_json(record: object) -> None:
    """Print a record in one line of JSON."""
    say(json.dumps(record))


def plain_table(
    *titles: str,
    left: Collection[str] | None = None,
    unbroken: Collection[str] = (),
    title: str | None = None,
    padding: PaddingDimensions = (0, 2),
) -> Table:
    """Return an empty table without lines, whose columns have these titles.

    Columns named in `left` are aligned to the left, the first one if it is not given, and others
    to the right; texts of `unbroken` columns are never broken over lines.
    """
    table = Table(title=title, title_justify="left", box=None, padding=padding)
    left = titles[:1] if left is None else left
    for each in titles:
        table.add_column(
            each, justify="left" if each in left else "right", no_wrap=each in unbroken
        )
    return table


def show_result(result: ResultRecord) -> None:
    """Print the final table: every class, the headline, the majority baseline beside."""
    scored = result.settings.get("data.score_on", "test")  # results of before have no such key
    title = f"{str(scored).capitalize()} flows"
    print_table(_class_table(result.final, result.final_novel, title=title))
    columns = {"detector": (result.final, result.final_novel)}
    for name, found in (result.baselines or {}).items():
        columns[name] = (found.final, found.final_novel)
    columns["majority"] = (result.majority, result.majority_novel)
    print_table(_headline_table(columns, title="All classes"))
    if result.missing_scores:
        say(result.missing_scores)
    if (chosen := result.threshold) and chosen.probability is not None and chosen.test:
        say(_alarms(chosen.probability, chosen.test))
    for line in _held_out(result):
        say(line)


def show_scoring(scoring: Scoring) -> None:
    """Print a saved detector's scores on other flows."""
    print_table(_class_table(scoring.detector))
    columns = {"detector": (scoring.detector,), "majority": (scoring.majority,)}
    print_table(_headline_table(columns))
    if scoring.alarms is not None and scoring.threshold is not None:
        say(_alarms(scoring.threshold, scoring.alarms))


def _held_out(result: ResultRecord) -> Iterator[str]:
    """Return lines about what training never saw."""
    if unseen := result.unseen:
        name, share = max(unseen.taken_for.items(), key=lambda pair: pair[1] or 0)
        yield (
            f"{unseen.name}, never trained on: {decimal(unseen.alarms)} of {unseen.flows:,} "
            f"flows raise an alarm, {decimal(share)} are taken for {name}; told from known "
            f"classes by the highest probability with area "
            f"{decimal(unseen.rejection.max_probability.auroc)}"
        )
    if gateways := result.unseen_gateways:
        names = ", ".join(map(str, gateways.partitions))
        rates = (
            f"{side} ones {decimal(found.macro_f1)} with false alarms "
            f"{decimal(found.false_alarm_rate)}"
            for side, found in (("unseen", gateways.unseen), ("seen", gateways.seen))
        )
        yield f"gateways {names} never trained; macro-F1 at {', at '.join(rates)}"


def _class_table(
    final: ScoresRecord, novel: ScoresRecord | None = None, title: str | None = None
) -> Table:
    titles = ("class", "flows", "recall", "precision", "F1")
    table = plain_table(*titles, *(("novel flows", "recall", "F1") if novel else ()), title=title)
    for name, found in final.per_class.items():
        row = [f"{found.support:,}", *map(decimal, (found.recall, found.precision, found.f1))]
        if novel:
            rare = novel.per_class[name]
            row += [f"{rare.support:,}", decimal(rare.recall), decimal(rare.f1)]
        table.add_row(name, *row)
    return table


def _headline_table(
    columns: Mapping[str, tuple[ScoresRecord, ...]], title: str | None = None
) -> Table:
    """One or two columns a detector: on all flows, and on the novel ones."""
    titles = [t for name, sides in columns.items() for t in (name, "novel")[: len(sides)]]
    found = [scores for sides in columns.values() for scores in sides]
    table = plain_table("", *titles, title=title)
    for name, key in _HEADLINE:
        table.add_row(name, *(decimal(scores.rate(key)) for scores in found))
    table.add_row("F1 of attack against benign", *(decimal(scores.binary.f1) for scores in found))
    areas = [decimal(each.curves.binary.roc_auc if each.curves else None) for each in found]
    if any(area != "–" for area in areas):
        table.add_row("area under ROC, attack against benign", *areas)
    return table


def _alarms(probability: float, point: OperatingRecord) -> str:
    return (
        f"alarms above {probability:.6g} probability of attack: {decimal(point.false_alarm_rate)} "
        f"of benign flows, {decimal(point.detection_rate)} of attacks"
    )
