"""What scores are worth: ROC, precision and recall, and whether confidence can be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.metrics.curves import Area, Sides, precision_recall_area, roc_area
from fednids.report.figures.vega import MUTED, SERIES, Chart, field, lines_of, spec_of, toggles
from fednids.report.tables import PageTable, decimal

_UNIT = 2.0**32
_DIAGONAL = {
    "data": {"values": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]},
    "mark": {"type": "line", "color": MUTED, "strokeWidth": 1, "strokeDash": [2, 3]},
    "encoding": {"x": field("x:Q"), "y": field("y:Q")},
}


def roc_chart(sides: Mapping[str, Sides]) -> Chart:
    """Show which share of the positives is found at which rate of false alarms, by question."""
    areas = {name: roc_area(each) for name, each in sides.items()}
    return Chart(
        "roc",
        "ROC",
        f"Line chart: share of positives found by rate of false alarms. Areas: {_in_words(areas)}.",
        _lines(list(sides), ("false alarms", "found"), _DIAGONAL),
        ("series", "place", "x", "y"),
        [
            [name, place, false / falses[-1], true / trues[-1]]
            for name, each in sides.items()
            for falses, trues in [_reached(each)]
            for place, (false, true) in enumerate(zip(falses, trues, strict=True))
        ],
        PageTable.of_columns("Area under the ROC curve", _bounds("area", areas), 4),
        (toggles(list(sides)),),
        "Thresholds lie between the bins of the scores. All test flows.",
    )


def precision_chart(sides: Mapping[str, Sides]) -> Chart:
    """Show how pure what is found is, by how much of it is found, by question."""
    areas = {name: precision_recall_area(each) for name, each in sides.items()}
    positives = [
        float(s.positives.sum() / (s.positives + s.negatives).sum()) for s in sides.values()
    ]
    columns = {**_bounds("average precision", areas), "share of positives": positives}
    return Chart(
        "precision",
        "Precision and recall",
        f"Line chart: precision by recall. Average precision: {_in_words(areas)}.",
        _lines(list(sides), ("recall", "precision")),
        ("series", "place", "x", "y"),
        [
            [name, place, true / trues[-1], true / (true + false)]
            for name, each in sides.items()
            for falses, trues in [_reached(each)]
            for place, (false, true) in enumerate(zip(falses, trues, strict=True))
            if true + false
        ],
        PageTable.of_columns("Average precision", columns, 4),
        (toggles(list(sides)),),
        "Scores that tell nothing have the share of positives as their precision.",
    )


def reliability_chart(grades: NDArray[np.int64]) -> Chart:
    """Show how often answers are right, by how sure they are.

    Parameters
    ----------
    grades : ndarray
        ``(3, G) int64``, as in `fednids.metrics.reliability.Reliability`.
    """
    kept = np.flatnonzero(grades[0])
    flows, right, sure = grades[0, kept], grades[1, kept], grades[2, kept] / _UNIT
    confidence, found = (sure / flows).tolist(), (right / flows).tolist()
    total = int(flows.sum())
    error = float(np.abs(right - sure).sum()) / total if total else float("nan")
    titles = ("mean confidence", "share that is right")
    encoding = {
        **_square(titles),
        "tooltip": [
            *(
                field(f"{name}:Q", title=t, format=".4f")
                for name, t in zip("xy", titles, strict=True)
            ),
            field("flows:Q", format=","),
        ],
    }
    line = {
        "type": "line", "color": SERIES[0], "strokeWidth": 2, "point": {"size": 50, "filled": True}
    }  # fmt: skip
    columns = {"mean confidence": confidence, "right": found, "flows": flows.tolist()}
    return Chart(
        "reliability",
        "Reliability",
        f"Points: share of right answers by mean confidence, in {len(kept)} bins. Expected "
        f"calibration error {decimal(error, 4)}.",
        spec_of(encoding, (line, {}), height=300, under=_DIAGONAL),
        ("x", "y", "flows"),
        list(zip(confidence, found, flows.tolist(), strict=True)),
        PageTable.of_columns("Answers by confidence", columns, 4),
        note="On the line, answers are right as often as they are sure; below it, less often.",
    )


def _reached(sides: Sides) -> tuple[list[int], list[int]]:
    """False and true positives for thresholds from the highest, where they change."""
    false, true = (
        np.concatenate([[0], np.cumsum(counts[::-1])])
        for counts in (sides.negatives, sides.positives)
    )
    changed = np.flatnonzero((np.diff(false) > 0) | (np.diff(true) > 0)) + 1
    places = [0, *changed.tolist()]
    return false[places].tolist(), true[places].tolist()


def _in_words(areas: Mapping[str, Area]) -> str:
    return ", ".join(f"{name} {decimal(area.value)}" for name, area in areas.items())


def _bounds(title: str, areas: Mapping[str, Area]) -> dict[str, Sequence[Any]]:
    found = areas.values()
    return {
        "question": list(areas),
        title: [area.value for area in found],
        "at least": [area.low for area in found],
        "at most": [area.high for area in found],
    }


def _square(titles: tuple[str, str]) -> dict[str, Any]:
    return {
        name: field(f"{name}:Q", title=title, scale={"domain": [0, 1]})
        for name, title in zip("xy", titles, strict=True)
    }


def _lines(
    names: list[str], titles: tuple[str, str], under: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    colour, line = lines_of("series", names, mark={"point": {"size": 12, "filled": True}})
    encoding = {
        **colour,
        **_square(titles),
        "order": field("place:Q"),
        "tooltip": [
            field("series:N"),
            *(
                field(f"{name}:Q", title=t, format=".5f")
                for name, t in zip("xy", titles, strict=True)
            ),
        ],
    }
    return spec_of(encoding, line, height=300, choices=[toggles(names)], under=under)
