"""Tables and complaints: how things look on a terminal and off it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from fednids.experiment.scoring import Scoring

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


def show_result(result: Mapping[str, Any]) -> None:
    """Print the final table: every class, the headline, the majority baseline beside."""
    print_table(_class_table(result["final"], result["final_novel"]))
    columns = {"detector": (result["final"], result["final_novel"])}
    for name, found in result.get("baselines", {}).items():
        columns[name] = (found["final"], found["final_novel"])
    columns["majority"] = (result["majority"], result["majority_novel"])
    headline = Table(title="All classes", title_justify="left", box=None, padding=(0, 2))
    headline.add_column("")
    for name in columns:
        headline.add_column(name, justify="right")
        headline.add_column("novel", justify="right")
    for title, key in _HEADLINE:
        row = [_rate(found, key) for pair in columns.values() for found in pair]
        headline.add_row(title, *row)
    areas = [_area(found) for pair in columns.values() for found in pair]
    if any(area != "–" for area in areas):
        headline.add_row("area under ROC, attack against benign", *areas)
    print_table(headline)
    if (point := result.get("threshold")) and point.get("test"):
        say(_alarms(point["probability"], point["test"]))
    for line in _held_out(result):
        say(line)


def _held_out(result: Mapping[str, Any]) -> list[str]:
    """Show the scores on what training never saw."""
    lines = []
    if unseen := result.get("unseen"):
        taken = max(unseen["taken_for"].items(), key=lambda pair: pair[1])
        separation = unseen["rejection"]["max_probability"]
        lines.append(
            f"{unseen['name']}, never trained on: {unseen['alarms']:.3f} of {unseen['flows']:,} "
            f"flows raise an alarm, {taken[1]:.3f} are taken for {taken[0]}; told from known "
            f"classes by the highest probability with area {_rate(separation, 'auroc')}"
        )
    if gateways := result.get("unseen_gateways"):
        names = ", ".join(map(str, gateways["partitions"]))
        rates = (
            f"{side} ones {_rate(gateways[side], 'macro_f1')} with false alarms "
            f"{_rate(gateways[side], 'false_alarm_rate')}"
            for side in ("unseen", "seen")
        )
        lines.append(f"gateways {names} never trained; macro-F1 at {', at '.join(rates)}")
    return lines


def show_scoring(scoring: Scoring) -> None:
    """Print a saved detector's scores on other flows."""
    found, majority = scoring.detector.to_json(), scoring.majority.to_json()
    table = Table(box=None, padding=(0, 2))
    for title in ("class", "flows", "recall", "precision", "F1"):
        table.add_column(title, justify="left" if title == "class" else "right")
    for name, each in found["per_class"].items():
        rates = (_rate(each, key) for key in ("recall", "precision", "f1"))
        table.add_row(name, f"{each['support']:,}", *rates)
    print_table(table)
    headline = Table(box=None, padding=(0, 2))
    for title in ("", "detector", "majority"):
        headline.add_column(title, justify="right" if title else "left")
    for title, key in _HEADLINE:
        headline.add_row(title, _rate(found, key), _rate(majority, key))
    area = _area({"curves": scoring.areas.to_json()})
    headline.add_row("area under ROC, attack against benign", area, "–")
    print_table(headline)
    if scoring.alarms is not None and scoring.threshold is not None:
        say(_alarms(scoring.threshold, scoring.alarms.to_json()))


def _class_table(final: Mapping[str, Any], novel: Mapping[str, Any]) -> Table:
    table = Table(title="Test flows", title_justify="left", box=None, padding=(0, 2))
    table.add_column("class")
    for title in ("flows", "recall", "precision", "F1", "novel flows", "recall", "F1"):
        table.add_column(title, justify="right")
    for name, found in final["per_class"].items():
        rare = novel["per_class"][name]
        table.add_row(
            name,
            f"{found['support']:,}",
            *(_rate(found, key) for key in ("recall", "precision", "f1")),
            f"{rare['support']:,}",
            *(_rate(rare, key) for key in ("recall", "f1")),
        )
    return table


def _area(found: Mapping[str, Any]) -> str:
    value = found.get("curves", {}).get("binary", {}).get("roc_auc")
    return "–" if value is None else f"{value:.3f}"


def _alarms(probability: float, point: Mapping[str, Any]) -> str:
    """Return in one line the rates of a threshold."""
    false, found = (_rate(point, key) for key in ("false_alarm_rate", "detection_rate"))
    return (
        f"alarms above {probability:.6g} probability of attack: {false} of benign flows, "
        f"{found} of attacks"
    )


def _rate(found: Mapping[str, Any], key: str) -> str:
    value = found[key]["f1"] if key == "binary" else found[key]
    return "–" if value is None else f"{value:.3f}"
