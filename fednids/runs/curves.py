"""What a result tells of scores: areas under curves, calibration, and a threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fednids.metrics import Curves, CurveScores, OperatingPoint, Threshold, choose_threshold
from fednids.runs.rounds import Round


def curve_record(curves: Curves | None, classes: Sequence[str]) -> dict[str, Any]:
    """Give ``curves`` and ``calibration`` of ``final``; nothing where scores were not counted."""
    if curves is None:
        return {}
    return {
        "curves": CurveScores.of(curves.histograms, classes).to_json(),
        "calibration": curves.reliability.to_json(),
    }


def chosen_threshold(ended: Round, wanted: float) -> Threshold | None:
    """Choose the threshold for a wanted false-alarm rate on a round's validation flows.

    None where nobody asks for one (`wanted` is 0), or no benign flow is among them.
    """
    curves = ended.curves("validation") if wanted else None
    return choose_threshold(curves.histograms, wanted) if curves else None


def threshold_record(ended: Round, wanted: float, classes: Sequence[str]) -> dict[str, Any]:
    """Give the threshold and what it leads to; nothing where nobody asks for one.

    Parameters
    ----------
    ended : Round
        The round whose detector the run ends with.
    wanted : float
        The false-alarm rate asked for; 0 for none.
    classes : Sequence[str]
        Names of the classes.

    Returns
    -------
    dict
        ``threshold``: wanted rate, probability of attack above which a flow raises an alarm
        (null without benign validation flows), and the rates on validation and test flows.
    """
    if not wanted:
        return {}
    threshold = chosen_threshold(ended, wanted)
    found: dict[str, Any] = {
        "wanted": wanted,
        "probability": None if threshold is None else threshold.chance,
    }
    names = {"validation": "validation", "test": "all", "novel": "novel"} if threshold else {}
    for name, which in names.items():
        curves = ended.curves(which)  # type: ignore[arg-type]
        if curves and threshold:
            point = OperatingPoint.of(threshold, curves.histograms, classes)
            found[name] = point.to_json()
    return {"threshold": found}


def scores_record(ended: Round, classes: Sequence[str]) -> dict[str, Any]:
    """Give all histograms, as in ``scores.json``; empty where scores were not counted."""
    found = {
        "test": ended.curves("all"),
        "novel": ended.curves("novel"),
        "validation": ended.curves("validation"),
    }
    return {name: curves.to_json(classes) for name, curves in found.items() if curves}
