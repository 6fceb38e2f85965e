"""Who took part in each round, and what it took."""

from __future__ import annotations

import math

import altair as alt

from fednids.report.charts.curves import MOST_ROUNDS
from fednids.report.rounds import RoundRow
from fednids.report.runs import Run
from fednids.report.tables import Table, decimal, megabytes
from fednids.report.vega import SERIES, Control, Figure, compiled, empty_chart, thinned

_FATES = {
    "used": "update used",
    "late": "late",
    "surplus": "not needed",
    "lost": "update lost",
    "failed": "failed",
    "refused": "answer refused",
    "absent": "absent",
}
_COSTS = {
    "seconds": "seconds",
    "virtual_seconds": "virtual seconds",
    "down": "MB to gateways",
    "up": "MB to the server",
}


def draw_participation(run: Run, gateways: int) -> Figure:
    """Show what became of the gateways, round by round."""
    kept = [run.rounds[k] for k in thinned(len(run.rounds), MOST_ROUNDS)]
    told = {row.number: _fates(row, gateways) for row in run.rounds}
    names = [name for name in _FATES if any(each[name] for each in told.values())]
    rows = [
        [row.number, _FATES[name], told[row.number][name], place]
        for row in kept
        for place, name in enumerate(names)
    ]
    sums = {name: sum(each[name] for each in told.values()) for name in names}
    words = ", ".join(f"{_FATES[name]} {total:,}" for name, total in sums.items())
    table = Table(
        "Gateways by what became of them",
        ("round", *(_FATES[name] for name in names)),
        tuple((str(r.number), *(f"{told[r.number][n]:,}" for n in names)) for r in kept),
    )
    return Figure(
        "participation",
        "Participation",
        f"Stacked bars, one a round, of {gateways:,} gateways. Over all rounds: {words}.",
        _bars([_FATES[name] for name in names]),
        ("round", "fate", "gateways", "order"),
        rows,
        table,
    )


def draw_costs(run: Run) -> Figure:
    """Show seconds and bytes of each round."""
    kept = [run.rounds[k] for k in thinned(len(run.rounds), MOST_ROUNDS)]
    values = {row.number: _costs(row) for row in kept}
    known = [n for n in _COSTS if any(each[n] > 0 for each in values.values())] or ["seconds"]
    rows = [[number, name, each[name]] for name in known for number, each in values.items()]
    sent = sum(r.bytes_down + r.bytes_up for r in run.rounds if r.bytes_down >= 0)
    return Figure(
        "costs",
        "Time and bytes of each round",
        f"Bars, one a round. All rounds: {decimal(sum(_known(run)), 1)} seconds, "
        f"{megabytes(sent)} MB.",
        _cost_spec(known[0]),
        ("round", "measure", "value"),
        rows,
        Table(
            "Time and bytes of each round",
            ("round", *(_COSTS[name] for name in known)),
            tuple(
                (str(number), *(decimal(each[name], 2) for name in known))
                for number, each in values.items()
            ),
        ),
        (Control("measure", "Show", {name: _COSTS[name] for name in known}),),
    )


def _known(run: Run) -> list[float]:
    return [row.seconds for row in run.rounds if not math.isnan(row.seconds)]


def _fates(row: RoundRow, gateways: int) -> dict[str, int]:
    """Count a round's gateways; those who were not asked are left out."""
    found = dict.fromkeys(_FATES, 0)
    found["used"] = len(row.participants)
    for fate, ids in row.fates.items():
        if fate in found:
            found[fate] = len(ids)
    simulated = {k for ids in row.fates.values() for k in ids}
    found["refused"] = len({f.partition_id for f in row.failures} - simulated)
    if not math.isnan(row.present):
        found["absent"] = max(gateways - int(row.present), 0)
    return found


def _costs(row: RoundRow) -> dict[str, float]:
    found = (row.seconds, row.virtual_seconds, row.bytes_down / 1e6, row.bytes_up / 1e6)
    return dict(zip(_COSTS, found, strict=True))


def _bars(names: list[str]) -> dict[str, object]:
    chart = (
        empty_chart()
        .mark_bar(stroke="var(--paper)", strokeWidth=0.5)
        .encode(
            x=alt.X("round:O", title="round", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("gateways:Q", title="gateways", axis=alt.Axis(tickMinStep=1)),
            color=alt.Color(
                "fate:N",
                scale=alt.Scale(domain=names, range=list(SERIES[: max(len(names), 1)])),
                title=None,
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("round:O"),
                alt.Tooltip("fate:N", title="what became of them"),
                alt.Tooltip("gateways:Q", format=","),
            ],
        )
    )
    return compiled(chart, height=180)


def _cost_spec(first: str) -> dict[str, object]:
    chart = (
        empty_chart()
        .add_params(alt.param(name="measure", value=first))
        .transform_filter("datum.measure == measure")
        .mark_bar(color=SERIES[0])
        .encode(
            x=alt.X("round:O", title="round", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("value:Q", title=None),
            tooltip=[alt.Tooltip("round:O"), alt.Tooltip("value:Q", format=",.3f")],
        )
    )
    return compiled(chart, height=180)
