"""What a detector took each class of flows for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures.style import row_shares, styled, write_cells
from fednids.report.figures.vega import RAMP, Chart, Choice, Layer, field, spec_of
from fednids.report.tables import PageTable, decimal


@styled
def confusion(counts: NDArray[np.int64], names: Sequence[str], note: str = "") -> Figure:
    """Draw counts, ``(C, C) int64`` with true classes as rows, coloured by their share of these."""
    shares, places = row_shares(counts), np.arange(len(names)) + 0.5
    figure = Figure(figsize=(2.2 + 0.68 * len(places), 1.2 + 0.68 * len(places)))
    axes = figure.subplots()
    image = axes.imshow(
        np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1,
        extent=(0, len(places), len(places), 0),
    )  # fmt: skip

    def text(row: int, column: int) -> str:
        share = shares[row, column]
        return f"{counts[row, column]:,}\n{'–' if np.isnan(share) else f'{share:.1%}'}"

    write_cells(axes, image, np.nan_to_num(shares), text)
    axes.set_xticks(places, names, rotation=30, ha="right")
    axes.set_yticks(places, names)
    axes.set(title=f"Test flows{note}", xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    return figure


def confusion_chart(sides: Mapping[str, NDArray[np.int64]], names: Sequence[str]) -> Chart:
    """Show counts and rates, true class by row.

    `sides` are counts as in `confusion`: of ``all`` test flows, and perhaps of ``novel`` ones.
    """
    rows = [
        [side, true, taken, count, rate, f"{count:,}\n{decimal(rate)}"]
        for side, counts in sides.items()
        for true, each, shares in zip(names, counts, row_shares(counts), strict=True)
        for taken, count, rate in zip(names, each.tolist(), shares.tolist(), strict=True)
    ]
    found = np.diagonal(row_shares(sides["all"]))
    recalls = ", ".join(
        f"{name} {'undefined' if np.isnan(rate) else decimal(rate)}"
        for name, rate in zip(names, found, strict=True)
    )
    choice = Choice("flows", "Flows", {side: f"{side} test flows" for side in sides})
    axis = {
        "labelAngle": 0, "orient": "top", "labelLimit": {"expr": "bandwidth('x')"},
        "labelOverlap": False,
    }  # fmt: skip
    encoding = {
        "x": field("taken:N", title="taken for", sort=list(names), axis=axis),
        "y": field("true:N", title="true class", sort=list(names)),
        "tooltip": [
            field("true:N", title="true class"),
            field("taken:N", title="taken for"),
            field("count:Q", title="flows", format=","),
            field("rate:Q", title="share of the true class", format=".4f"),
        ],
    }
    ramp = field("rate:Q", scale={**RAMP, "domain": [0, 1]}, legend=None)
    light = {"test": "datum.rate >= 0.571", "value": "var(--on-high)"}
    ink = {"condition": [light], "value": "var(--on-low)"}
    text = {"type": "text", "lineBreak": "\n", "dy": -7, "lineHeight": 15, "fontSize": 12}
    tiles: Layer = ({"type": "rect", "cornerRadius": 2}, {"color": ramp})
    texts: Layer = (text, {"text": field("text:N"), "color": ink})
    spec = spec_of(encoding, tiles, texts, height=52 * len(names) + 30, choices=[choice])
    table = PageTable(
        "Flows (share of the true class), all test flows",
        ("true class", *(f"taken for {name}" for name in names)),
        tuple(
            (true, *(f"{n:,} ({n / max(sum(each), 1):.3f})" for n in each))
            for true, each in zip(names, sides["all"].tolist(), strict=True)
        ),
    )
    alt = f"Grid of true class by predicted class. Share of each class found: {recalls}."
    cells = ("flows", "true", "taken", "count", "rate", "text")
    choices = (choice,) if len(sides) > 1 else ()
    note = "Each cell: flows, and their share of the true class (row)."
    return Chart("confusion", "Confusion", alt, spec, cells, rows, table, choices, note)
