"""Tables and complaints: how things look on a terminal and off it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from fednids.experiment.scoring import Scoring
    from fednids.runs.records import OperatingRecord, ResultRecord, ScoresRecord

_WIDE = 110
_HEADLINE = (
    ("macro-F1", "macro_f1"),
    ("balanced accuracy", "balanced_accuracy"),
    ("benign false alarms", "false_alarm_rate"),
    ("accuracy", "accuracy"),
    ("F1 of attack against benign", "binary"),
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


def show_result(result: ResultRecord) -> None:
    """Print the final table: every class, the headline, the majority baseline beside."""
    print_table(_class_table(result.final, result.final_novel))
    columns = {"detector": (result.final, result.final_novel)}
    for name, found in (result.baselines or {}).items():
        columns[name] = (found.final, found.final_novel)
    columns["majority"] = (result.majority, result.majority_novel)
    headline = Table(title="All classes", title_justify="left", box=None, padding=(0, 2))
    headline.add_column("")
    for name in columns:
        headline.add_column(name, justify="right")
        headline.add_column("novel", justify="right")
    for title, key in _HEADLINE:
        headline.add_row(
            title, *(_headline(each, key) for pair in columns.values() for each in pair)
        )
    areas = [_area(found) for pair in columns.values() for found in pair]
    if any(area != "–" for area in areas):
        headline.add_row("area under ROC, attack against benign", *areas)
    print_table(headline)
    if (chosen := result.threshold) and chosen.probability is not None and chosen.test:
        say(_alarms(chosen.probability, chosen.test))
    for line in _held_out(result):
        say(line)


def _held_out(result: ResultRecord) -> Iterator[str]:
    """Return lines about what training never saw."""
    if unseen := result.unseen:
        name, share = max(unseen.taken_for.items(), key=lambda pair: pair[1] or 0)
        yield (
            f"{unseen.name}, never trained on: {_rate(unseen.alarms)} of {unseen.flows:,} "
            f"flows raise an alarm, {_rate(share)} are taken for {name}; told from known "
            f"classes by the highest probability with area "
            f"{_rate(unseen.rejection.max_probability.auroc)}"
        )
    if gateways := result.unseen_gateways:
        names = ", ".join(map(str, gateways.partitions))
        rates = (
            f"{side} ones {_rate(found.macro_f1)} with false alarms {_rate(found.false_alarm_rate)}"
            for side, found in (("unseen", gateways.unseen), ("seen", gateways.seen))
        )
        yield f"gateways {names} never trained; macro-F1 at {', at '.join(rates)}"


def show_scoring(scoring: Scoring) -> None:
    """Print a saved detector's scores on other flows."""
    found, majority = scoring.detector, scoring.majority
    table = Table(box=None, padding=(0, 2))
    for title in ("class", "flows", "recall", "precision", "F1"):
        table.add_column(title, justify="left" if title == "class" else "right")
    for name, each in found.per_class.items():
        rates = map(_rate, (each.recall, each.precision, each.f1))
        table.add_row(name, f"{each.support:,}", *rates)
    print_table(table)
    headline = Table(box=None, padding=(0, 2))
    for title in ("", "detector", "majority"):
        headline.add_column(title, justify="right" if title else "left")
    for title, key in _HEADLINE:
        headline.add_row(title, _headline(found, key), _headline(majority, key))
    headline.add_row("area under ROC, attack against benign", _area(found), "–")
    print_table(headline)
    if scoring.alarms is not None and scoring.threshold is not None:
        say(_alarms(scoring.threshold, scoring.alarms))


def _class_table(final: ScoresRecord, novel: ScoresRecord) -> Table:
    table = Table(title="Test flows", title_justify="left", box=None, padding=(0, 2))
    table.add_column("class")
    for title in ("flows", "recall", "precision", "F1", "novel flows", "recall", "F1"):
        table.add_column(title, justify="right")
    for name, found in final.per_class.items():
        rare = novel.per_class[name]
        table.add_row(
            name,
            f"{found.support:,}",
            *map(_rate, (found.recall, found.precision, found.f1)),
            f"{rare.support:,}",
            *map(_rate, (rare.recall, rare.f1)),
        )
    return table


def _area(found: ScoresRecord) -> str:
    return _rate(found.curves.binary.roc_auc if found.curves else None)


def _alarms(probability: float, point: OperatingRecord) -> str:
    return (
        f"alarms above {probability:.6g} probability of attack: {_rate(point.false_alarm_rate)} "
        f"of benign flows, {_rate(point.detection_rate)} of attacks"
    )


def _headline(found: ScoresRecord, key: str) -> str:
    return _rate(found.binary.f1 if key == "binary" else found.rate(key))


def _rate(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"
