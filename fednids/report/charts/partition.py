"""What gateways own, as far as their test flows tell."""

from __future__ import annotations

import altair as alt
import numpy as np
from numpy.typing import NDArray

from fednids.report.tables import Table
from fednids.report.vega import SERIES, Figure, compiled, empty_chart
from fednids.runs.gateways import Histories

BANDS = 60
"""More gateways than this are shown in bands of similar size."""


def draw_shares(gateways: Histories, classes: tuple[str, ...]) -> Figure:
    """Show the classes of each gateway's test flows, largest gateway first."""
    bands, labels = _bands(gateways)
    flows = np.array([gateways.test_flows[band].sum(axis=0) for band in bands])
    totals = flows.sum(axis=1)
    rows = [
        [label, place, name, int(flows[place, c]), flows[place, c] / max(totals[place], 1), c]
        for place, label in enumerate(labels)
        for c, name in enumerate(classes)
    ]
    tops = ", ".join(f"{n} {int(f):,}" for n, f in zip(classes, flows.sum(axis=0), strict=True))
    table = Table(
        "Test flows by gateway and class",
        ("gateway", *classes, "all"),
        tuple(
            (label, *(f"{int(n):,}" for n in flows[place]), f"{int(totals[place]):,}")
            for place, label in enumerate(labels)
        ),
    )
    return Figure(
        "shares",
        "Classes at each gateway",
        f"Stacked bars, one a gateway, largest first: share of each class in its test flows. "
        f"Over all gateways: {tops}.",
        _share_spec(classes, axis=len(bands) <= BANDS and len(bands) == len(gateways.ids)),
        ("gateway", "place", "class", "flows", "share", "order"),
        rows,
        table,
        note=f"{_note(bands, gateways)} Shares are of test flows; a stratified split keeps them "
        "close to those of the training flows.".strip(),
    )


def draw_sizes(gateways: Histories) -> Figure:
    """Show how many flows each gateway has."""
    bands, labels = _bands(gateways)
    tests = gateways.test_flows.sum(axis=1)
    trained = gateways.examples.max(axis=0)
    rows = [
        [label, place, kind, float(values[band].mean()) or None]
        for place, (label, band) in enumerate(zip(labels, bands, strict=True))
        for kind, values in (("test flows", tests), ("windows trained on", trained))
    ]
    words = f"{int(tests.min()):,} to {int(tests.max()):,}, median {int(np.median(tests)):,}"
    table = tuple(
        (label, f"{tests[band].mean():,.0f}", f"{trained[band].mean():,.0f}")
        for label, band in zip(labels, bands, strict=True)
    )
    return Figure(
        "sizes",
        "Sizes",
        f"Dots, two a gateway, largest gateway first, on a logarithmic scale. Test flows of a "
        f"gateway: {words}.",
        _size_spec(),
        ("gateway", "place", "what", "flows"),
        rows,
        Table(
            "Flows of each gateway" + ("" if len(bands) == len(gateways.ids) else ", mean of band"),
            ("gateway", "test flows", "most windows trained on in a round"),
            table,
        ),
        note=f"{_note(bands, gateways)} The scale is logarithmic; what is 0 has no dot.".strip(),
    )


def _share_spec(classes: tuple[str, ...], *, axis: bool) -> dict[str, object]:
    names = list(classes)
    colours = [SERIES[k % len(SERIES)] for k in range(len(names))]
    chart = (
        empty_chart()
        .mark_bar(stroke="var(--paper)", strokeWidth=0.5)
        .encode(
            x=alt.X("gateway:N", sort=alt.SortField("place"), title="gateway", axis=_axis()),
            y=alt.Y("share:Q", title="share", scale=alt.Scale(domain=[0, 1])),
            color=alt.Color("class:N", scale=alt.Scale(domain=names, range=colours), title=None),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("gateway:N"),
                alt.Tooltip("class:N"),
                alt.Tooltip("flows:Q", format=",", title="test flows"),
                alt.Tooltip("share:Q", format=".3f"),
            ],
        )
    )
    return compiled(chart, height=220)


def _size_spec() -> dict[str, object]:
    names = ["test flows", "windows trained on"]
    powers = alt.Axis(values=[10**k for k in range(10)])
    chart = (
        empty_chart()
        .mark_point(filled=True, size=45, opacity=0.9)
        .encode(
            x=alt.X("gateway:N", sort=alt.SortField("place"), title="gateway", axis=_axis()),
            y=alt.Y("flows:Q", title="flows", scale=alt.Scale(type="log"), axis=powers),
            color=alt.Color(
                "what:N", scale=alt.Scale(domain=names, range=list(SERIES[:2])), title=None
            ),
            shape=alt.Shape("what:N", scale=alt.Scale(domain=names), title=None),
            tooltip=[
                alt.Tooltip("gateway:N"),
                alt.Tooltip("what:N", title="of"),
                alt.Tooltip("flows:Q", format=",.0f"),
            ],
        )
    )
    return compiled(chart, height=180)


def _axis() -> alt.Axis:
    return alt.Axis(labelAngle=0, labelOverlap=True, ticks=False)


def _bands(gateways: Histories) -> tuple[list[NDArray[np.intp]], list[str]]:
    """Put gateways, largest first, into at most `BANDS` groups, and name these."""
    order = np.argsort(-gateways.test_flows.sum(axis=1), kind="stable")
    bands = [band for band in np.array_split(order, min(BANDS, len(order))) if len(band)]
    if len(bands) == len(order):
        return bands, [str(gateways.ids[band[0]]) for band in bands]
    ends = np.cumsum([len(band) for band in bands])
    return bands, [f"{end - len(b) + 1}–{end}" for end, b in zip(ends, bands, strict=True)]


def _note(bands: list[NDArray[np.intp]], gateways: Histories) -> str:
    if len(bands) == len(gateways.ids):
        return ""
    return (
        f"{len(gateways.ids):,} gateways in {len(bands)} bands of similar size, named by rank; "
        "single gateways are in the table of gateways."
    )
