"""Who took part in each round, and what it took."""

from __future__ import annotations

import altair as alt

from fednids.plain import number
from fednids.report.charts.curves import MOST_ROUNDS
from fednids.report.tables import Table, decimal, megabytes
from fednids.report.vega import SERIES, Control, Figure, compiled, empty_chart, thinned
from fednids.runs.reader import Run
from fednids.runs.records import RoundRecord

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
    told = {row.round: _fates(row, gateways) for row in run.rounds}
    names = [name for name in _FATES if any(each[name] for each in told.values())]
    rows = [
        [row.round, _FATES[name], told[row.round][name], place]
        for row in kept
        for place, name in enumerate(names)
    ]
    sums = {name: sum(each[name] for each in told.values()) for name in names}
    words = ", ".join(f"{_FATES[name]} {total:,}" for name, total in sums.items())
    table = Table(
        "Gateways by what became of them",
        ("round", *(_FATES[name] for name in names)),
        tuple((str(r.round), *(f"{told[r.round][n]:,}" for n in names)) for r in kept),
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
    values = {row.round: _costs(row) for row in kept}
    known = [n for n in _COSTS if any(each[n] > 0 for each in values.values())] or ["seconds"]
    rows = [[number, name, each[name]] for name in known for number, each in values.items()]
    seconds = sum(row.seconds for row in run.rounds)
    sent = sum(r.bytes_down + r.bytes_up for r in run.rounds)
    return Figure(
        "costs",
        "Time and bytes of each round",
        f"Bars, one a round. All rounds: {decimal(seconds, 1)} seconds, {megabytes(sent)} MB.",
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


def _fates(row: RoundRecord, gateways: int) -> dict[str, int]:
    """Count a round's gateways; those who were not asked are left out."""
    found = dict.fromkeys(_FATES, 0)
    found["used"] = len(row.participants)
    fates = row.fates or {}
    for fate, ids in fates.items():
        if fate in found:
            found[fate] = len(ids)
    simulated = {k for ids in fates.values() for k in ids}
    found["refused"] = len({f.partition for f in row.failures} - simulated)
    if row.present is not None:
        found["absent"] = max(gateways - row.present, 0)
    return found


def _costs(row: RoundRecord) -> dict[str, float]:
    virtual = number(row.virtual_seconds)
    found = (row.seconds, virtual, row.bytes_down / 1e6, row.bytes_up / 1e6)
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
