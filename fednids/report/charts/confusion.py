"""What flows of each class were taken for."""

from __future__ import annotations

import altair as alt

from fednids.metrics import Scores
from fednids.report.tables import Table
from fednids.report.vega import RAMP, Control, Figure, compiled, empty_chart
from fednids.runs.reader import Judged

_SIDES = {"all": "all test flows", "novel": "novel test flows"}


def draw_confusion(judged: Judged) -> Figure:
    """Show counts and rates, true class by row."""
    sides = {"all": judged.all} | ({"novel": judged.novel} if judged.novel else {})
    rows = [[side, *row] for side, found in sides.items() for row in _cells(found)]
    names = list(judged.all.classes)
    rates = ", ".join(
        f"{name} {'undefined' if each.support == 0 else f'{each.recall:.3f}'}"
        for name, each in judged.all.per_class.items()
    )
    controls = (Control("flows", "Flows", {side: _SIDES[side] for side in sides}),)
    return Figure(
        "confusion",
        "Confusion",
        f"Grid of true class by predicted class. Share of each class found: {rates}.",
        _spec(names),
        ("flows", "true", "taken", "count", "rate", "text"),
        rows,
        _table(judged.all),
        controls if len(sides) > 1 else (),
        "Each cell: flows, and their share of the true class (row).",
    )


def _spec(names: list[str]) -> dict[str, object]:
    flows = alt.param(name="flows", value="all")
    whole_or_cut = alt.ExprRef("bandwidth('x')")
    axis = alt.Axis(labelAngle=0, orient="top", labelLimit=whole_or_cut, labelOverlap=False)
    chart = (
        empty_chart()
        .add_params(flows)
        .transform_filter("datum.flows == flows")
        .encode(
            x=alt.X("taken:N", title="taken for", sort=names, axis=axis),
            y=alt.Y("true:N", title="true class", sort=names),
            tooltip=[
                alt.Tooltip("true:N", title="true class"),
                alt.Tooltip("taken:N", title="taken for"),
                alt.Tooltip("count:Q", title="flows", format=","),
                alt.Tooltip("rate:Q", title="share of the true class", format=".4f"),
            ],
        )
    )
    scale = alt.Scale(type="quantize", domain=[0, 1], range=list(RAMP))
    rect = chart.mark_rect(cornerRadius=2).encode(
        color=alt.Color("rate:Q", scale=scale, legend=None)
    )
    light = alt.when("datum.rate >= 0.571").then(alt.value("var(--on-high)"))
    text = chart.mark_text(lineBreak="\n", dy=-7, lineHeight=15, fontSize=12).encode(
        text="text:N", color=light.otherwise(alt.value("var(--on-low)"))
    )
    return compiled(alt.layer(rect, text), height=52 * len(names) + 30)


def _cells(found: Scores) -> list[list[object]]:
    """Give true class, predicted class, count, rate and text of every cell."""
    cells: list[list[object]] = []
    for true, row in zip(found.classes, found.confusion.matrix.tolist(), strict=True):
        whole = sum(row)
        for taken, count in zip(found.classes, row, strict=True):
            rate = count / whole if whole else None
            share = "–" if rate is None else f"{rate:.3f}"
            cells.append([true, taken, count, rate, f"{count:,}\n{share}"])
    return cells


def _table(found: Scores) -> Table:
    titles = ("true class", *(f"taken for {name}" for name in found.classes))
    rows = tuple(
        (true, *(f"{n:,} ({n / max(sum(row), 1):.3f})" for n in row))
        for true, row in zip(found.classes, found.confusion.matrix.tolist(), strict=True)
    )
    return Table("Flows (share of the true class), all test flows", titles, rows)
