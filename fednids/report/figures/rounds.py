"""Losses and rates of a run over its rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from fednids.report.figures.style import COLOURS, GREY, styled


@dataclass(frozen=True)
class RoundCurves:
    """Numbers of a run, one a round; NaN where one is undefined.

    Attributes
    ----------
    numbers : Sequence[int]
        Of the rounds, ``R`` of them.
    train_loss, test_loss : Sequence[float]
        Mean cross-entropy, in training weighted by class.
    test, novel : Mapping[str, Sequence[float]]
        Rates by name, on all test flows and on the novel ones.
    majority : Mapping[str, float]
        Rates of the detector that always answers the most frequent class; empty if unknown.
    """

    numbers: Sequence[int]
    train_loss: Sequence[float]
    test_loss: Sequence[float]
    test: Mapping[str, Sequence[float]]
    novel: Mapping[str, Sequence[float]]
    majority: Mapping[str, float]


@styled
def curves(run: RoundCurves, note: str = "") -> Figure:
    """Draw loss and scores over rounds, with the majority baseline."""
    figure = Figure(figsize=(10.5, 3.4))
    left, right = figure.subplots(1, 2)
    left.plot(run.numbers, run.train_loss, "o-", color=COLOURS[0], ms=3)
    left.plot(run.numbers, run.test_loss, "s--", color=COLOURS[1], ms=3)
    left.legend(["training, class-weighted", "test"], frameon=False)
    left.set(title=f"Loss{note}", xlabel="round", yscale="log")
    for label, rates, line, colour in (
        ("macro-F1", run.test["macro_f1"], "o-", COLOURS[0]),
        ("false-alarm rate", run.test["false_alarm_rate"], "o-", COLOURS[1]),
        ("macro-F1, novel flows", run.novel["macro_f1"], "s--", COLOURS[3]),
    ):
        right.plot(run.numbers, rates, line, color=colour, ms=3, label=label)
    if "macro_f1" in run.majority:
        level = run.majority["macro_f1"]
        right.axhline(level, color=GREY, ls=":", label=f"majority macro-F1 {level:.2f}")
    right.set(title="On test flows", xlabel="round", ylim=(0, 1.02))
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure
