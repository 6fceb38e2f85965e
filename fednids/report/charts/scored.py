"""What scores are worth: ROC, precision and recall, and whether confidence can be believed."""

from __future__ import annotations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from fednids.metrics.curves import Sides, precision_recall_area, roc_area
from fednids.report.tables import Table, decimal
from fednids.report.vega import MUTED, SERIES, Control, Figure, compiled, empty_chart, styled
from fednids.runs.reader import ScoreCounts

_UNIT = 2.0**32


def draw_roc(scored: ScoreCounts) -> Figure:
    """Show which share of the positives is found at which rate of false alarms."""
    sides = scored.sides()
    rows = [
        [name, place, float(false / falses[-1]), float(true / trues[-1])]
        for name, each in sides.items()
        for falses, trues in [_reached(each)]
        for place, (false, true) in enumerate(zip(falses, trues, strict=True))
    ]
    areas = {name: roc_area(each) for name, each in sides.items()}
    first = ", ".join(f"{name} {decimal(area.value)}" for name, area in areas.items())
    return Figure(
        "roc",
        "ROC",
        f"Line chart: share of positives found by rate of false alarms. Areas: {first}.",
        _lines(list(sides), ("false alarms", "found"), diagonal=True),
        ("series", "place", "x", "y"),
        rows,
        Table(
            "Area under the ROC curve",
            ("question", "area", "at least", "at most"),
            tuple((n, *map(_four, (a.value, a.low, a.high))) for n, a in areas.items()),
        ),
        (_toggles(list(sides)),),
        "Thresholds lie between the bins of the scores. All test flows.",
    )


def draw_precision(scored: ScoreCounts) -> Figure:
    """Show how pure what is found is, by how much of it is found."""
    sides = scored.sides()
    rows = [
        [name, place, float(true / trues[-1]), float(true / (true + false))]
        for name, each in sides.items()
        for falses, trues in [_reached(each)]
        for place, (false, true) in enumerate(zip(falses, trues, strict=True))
        if true + false
    ]
    areas = {name: precision_recall_area(each) for name, each in sides.items()}
    first = ", ".join(f"{name} {decimal(area.value)}" for name, area in areas.items())
    return Figure(
        "precision",
        "Precision and recall",
        f"Line chart: precision by recall. Average precision: {first}.",
        _lines(list(sides), ("recall", "precision"), diagonal=False),
        ("series", "place", "x", "y"),
        rows,
        Table(
            "Average precision",
            ("question", "average precision", "at least", "at most", "share of positives"),
            tuple(
                (name, *map(_four, (area.value, area.low, area.high, _share(sides[name]))))
                for name, area in areas.items()
            ),
        ),
        (_toggles(list(sides)),),
        "Scores that tell nothing have the share of positives as their precision.",
    )


def draw_reliability(scored: ScoreCounts) -> Figure:
    """Show how often answers are right, by how sure they are."""
    flows, right, sums = scored.grades
    kept = np.flatnonzero(flows)
    rows = [
        (float(sums[k] / _UNIT / flows[k]), float(right[k] / flows[k]), int(flows[k])) for k in kept
    ]
    total = int(flows.sum())
    error = float(np.abs(right - sums / _UNIT).sum()) / total if total else float("nan")
    shown = tuple((_four(x), _four(y), f"{n:,}") for x, y, n in rows)
    return Figure(
        "reliability",
        "Reliability",
        f"Points: share of right answers by mean confidence, in {len(rows)} bins. Expected "
        f"calibration error {decimal(error, 4)}.",
        _points(),
        ("x", "y", "flows"),
        rows,
        Table("Answers by confidence", ("mean confidence", "right", "flows"), shown),
        note="On the line, answers are right as often as they are sure; below it, less often.",
    )


def _reached(sides: Sides) -> tuple[list[int], list[int]]:
    """Give false and true positives for thresholds from the highest, where they change."""
    false = _sums(sides.negatives)
    true = _sums(sides.positives)
    changed = np.flatnonzero((np.diff(false) > 0) | (np.diff(true) > 0)) + 1
    places = [0, *changed.tolist()]
    return false[places].tolist(), true[places].tolist()


def _sums(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts[::-1])])


def _share(sides: Sides) -> float:
    positives = int(sides.positives.sum())
    return positives / (positives + int(sides.negatives.sum()))


def _four(value: float) -> str:
    return decimal(value, 4)


def _toggles(names: list[str]) -> Control:
    return Control("shown", "Lines", {name: name for name in names}, several=True)


def _lines(names: list[str], titles: tuple[str, str], *, diagonal: bool) -> dict[str, object]:
    colour, dash = styled(names)
    legend = alt.Legend(symbolType="stroke", symbolSize=500, title=None)
    lines = (
        empty_chart()
        .add_params(alt.param(name="shown", value=names))
        .transform_filter("indexof(shown, datum.series) >= 0")
        .mark_line(strokeWidth=2, clip=True, point={"size": 12, "filled": True})
        .encode(
            x=_axis("x", titles[0]),
            y=_axis("y", titles[1]),
            order=alt.Order("place:Q"),
            color=alt.Color("series:N", scale=colour, legend=legend),
            strokeDash=alt.StrokeDash("series:N", scale=dash, legend=legend),
            tooltip=[
                alt.Tooltip("series:N"),
                alt.Tooltip("x:Q", title=titles[0], format=".5f"),
                alt.Tooltip("y:Q", title=titles[1], format=".5f"),
            ],
        )
    )
    return compiled(alt.layer(_diagonal(), lines) if diagonal else lines, height=300)


def _points() -> dict[str, object]:
    points = (
        empty_chart()
        .mark_line(color=SERIES[0], strokeWidth=2, point={"size": 50, "filled": True})
        .encode(
            x=_axis("x", "mean confidence"),
            y=_axis("y", "share that is right"),
            tooltip=[
                alt.Tooltip("x:Q", title="mean confidence", format=".4f"),
                alt.Tooltip("y:Q", title="share that is right", format=".4f"),
                alt.Tooltip("flows:Q", format=","),
            ],
        )
    )
    return compiled(alt.layer(_diagonal(), points), height=300)


def _diagonal() -> alt.Chart:
    ends = alt.InlineData(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    mark = alt.Chart(ends).mark_line(color=MUTED, strokeWidth=1, strokeDash=[2, 3])
    line: alt.Chart = mark.encode(x=alt.X("x:Q"), y=alt.Y("y:Q"))
    return line


def _axis(name: str, title: str) -> alt.X | alt.Y:
    scale = alt.Scale(domain=[0, 1])
    encoding = alt.X if name == "x" else alt.Y
    return encoding(f"{name}:Q", title=title, scale=scale)
