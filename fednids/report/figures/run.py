"""The pictures that every run leaves behind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.report.figures.confusion import confusion
from fednids.report.figures.mix import label_bars
from fednids.report.figures.rounds import RoundCurves, curves
from fednids.report.figures.style import save

_RATES = ("macro_f1", "false_alarm_rate")


def draw_run(result: Mapping[str, Any], owned: NDArray[np.int64], folder: Path) -> None:
    """Draw all pictures of a finished run.

    Parameters
    ----------
    result : Mapping
        As in ``result.json``.
    owned : ndarray
        ``(K, C) int64``, flows of each class at each gateway.
    folder : Path
        Where ``curves.png``, ``confusion.png`` and ``gateways.png`` go.
    """
    note = " · synthetic flows" if result["data"]["synthetic"] else ""
    final, rounds = result["final"], result["rounds"]
    course = RoundCurves(
        [entry["round"] for entry in rounds],
        [entry["train"]["loss"] for entry in rounds],
        [entry["test"]["loss"] for entry in rounds],
        {name: [_number(entry["test"][name]) for entry in rounds] for name in _RATES},
        {name: [_number(entry["test"]["novel"].get(name)) for entry in rounds] for name in _RATES},
        {"macro_f1": _number(result["majority"]["macro_f1"])},
    )
    names = final["classes"]
    save(curves(course, note), folder / "curves.png")
    save(confusion(np.array(final["confusion"]), names, note), folder / "confusion.png")
    save(label_bars(owned, names, note), folder / "gateways.png")


def _number(value: float | None) -> float:
    return math.nan if value is None else value
