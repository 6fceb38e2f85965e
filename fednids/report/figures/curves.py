"""Loss and scores of a run over its rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from fednids.report.figures.style import COLOURS, GREY, styled


@styled
def curves(result: Mapping[str, Any], note: str = "") -> Figure:
    """Loss and scores over rounds, with the majority baseline."""
    figure = Figure(figsize=(10.5, 3.4))
    left, right = figure.subplots(1, 2)
    rounds = result["rounds"]
    numbers = [entry["round"] for entry in rounds]
    left.plot(numbers, [r["train"]["loss"] for r in rounds], "o-", color=COLOURS[0], ms=3)
    left.plot(numbers, [r["test"]["loss"] for r in rounds], "s--", color=COLOURS[1], ms=3)
    left.legend(["training, class-weighted", "test"], frameon=False)
    left.set(title=f"Loss{note}", xlabel="round", yscale="log")
    for name, column, colour in (
        ("macro-F1", "macro_f1", COLOURS[0]),
        ("false-alarm rate", "false_alarm_rate", COLOURS[1]),
    ):
        right.plot(numbers, _floats(rounds, column), "o-", color=colour, ms=3, label=name)
    novel = [_float(r["test"]["novel"]["macro_f1"]) for r in rounds]
    right.plot(numbers, novel, "s--", color=COLOURS[3], ms=3, label="macro-F1, novel flows")
    majority = _float(result["majority"]["macro_f1"])
    right.axhline(majority, color=GREY, ls=":", label=f"majority macro-F1 {majority:.2f}")
    right.set(title="On test flows", xlabel="round", ylim=(0, 1.02))
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _floats(rounds: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    return [_float(entry["test"][column]) for entry in rounds]


def _float(value: float | None) -> float:
    return float("nan") if value is None else value
