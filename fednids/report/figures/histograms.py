"""Quality of scores: ROC, precision and recall, and reliability of confidence."""

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
    rows = [
        [name, place, x, y]
        for name, each in sides.items()
        for false, true in [_reached(each)]
        for place, (x, y) in enumerate(zip(false / false[-1], true / true[-1], strict=True))
    ]
    return _curves_chart(
        ("roc", "ROC"),
        f"Line chart: share of positives found by rate of false alarms. Areas: {_in_words(areas)}.",
        ("false alarms", "found"),
        rows,
        PageTable.of_columns("Area under the ROC curve", _bounds("area", areas), 4),
        "Thresholds lie between the bins of the scores. All test flows.",
        under=_DIAGONAL,
    )


def precision_chart(sides: Mapping[str, Sides]) -> Chart:
    """Show how pure what is found is, by how much of it is found, by question."""
    areas = {name: precision_recall_area(each) for name, each in sides.items()}
    positives = [
        float(s.positives.sum() / (s.positives + s.negatives).sum()) for s in sides.values()
    ]
    columns = {**_bounds("average precision", areas), "share of positives": positives}
    rows = [
        [name, place, true[place] / true[-1], true[place] / (true[place] + false[place])]
        for name, each in sides.items()
        for false, true in [_reached(each)]
        for place in np.flatnonzero(true + false).tolist()
    ]
    return _curves_chart(
        ("precision", "Precision and recall"),
        f"Line chart: precision by recall. Average precision: {_in_words(areas)}.",
        ("recall", "precision"),
        rows,
        PageTable.of_columns("Average precision", columns, 4),
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
    axes, tooltip = _square(("mean confidence", "share that is right"), 4)
    encoding = {**axes, "tooltip": [*tooltip, field("flows:Q", format=",")]}
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


def _reached(sides: Sides) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """False and true positives for thresholds from the highest, where they change."""
    both = np.cumsum(np.stack([sides.negatives, sides.positives])[:, ::-1], axis=1)
    changed = np.flatnonzero(np.diff(both, prepend=0).any(axis=0))
    false, true = np.pad(both[:, changed], ((0, 0), (1, 0)))
    return false, true


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


def _square(titles: tuple[str, str], digits: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Encoding of two shares from 0 to 1, and their tooltips."""
    named = list(zip("xy", titles, strict=True))
    axes = {
        name: field(f"{name}:Q", title=title, scale={"domain": [0, 1]}) for name, title in named
    }
    return axes, [field(f"{name}:Q", title=title, format=f".{digits}f") for name, title in named]


def _curves_chart(
    head: tuple[str, str],
    alt: str,
    titles: tuple[str, str],
    rows: list[list[Any]],
    table: PageTable,
    note: str,
    under: Mapping[str, Any] | None = None,
) -> Chart:
    """A line a question; `head` is key and title, a row is question, place, x and y."""
    names = list(dict.fromkeys(row[0] for row in rows))
    choice = toggles(names)
    colour, line = lines_of("series", names, mark={"point": {"size": 12, "filled": True}})
    axes, tooltip = _square(titles, 5)
    encoding = {
        **colour,
        **axes,
        "order": field("place:Q"),
        "tooltip": [field("series:N"), *tooltip],
    }
    spec = spec_of(encoding, line, height=300, choices=[choice], under=under)
    return Chart(*head, alt, spec, ("series", "place", "x", "y"), rows, table, (choice,), note)
