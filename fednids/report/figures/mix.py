"""Which classes gateways own and how many flows: of one plan, and of several side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures import layout, style, vega
from fednids.report.tables import PageTable

_COLUMNS, _HEIGHT = 60, 0.78


@style.styled
def label_bars(owned: NDArray[np.int64], names: Sequence[str], note: str = "") -> Figure:
    """Draw class shares of each gateway above its size, beside the shares of all flows.

    Above 100 gateways, neighbours share a column: its shares are the mean of theirs,
    weighted by flows, and a band leads from the smallest to the largest of them. There must
    be at least one flow.
    """
    columns, count = layout.arrange(owned), len(owned)
    overall = owned.sum(axis=0) / owned.sum()
    figure = Figure(figsize=(10, max(4.8, 1.0 + 0.2 * len(names))))
    grid = figure.add_gridspec(2, 2, height_ratios=[3, 1], width_ratios=[30, 1])
    shares = figure.add_subplot(grid[0, 0])
    whole = figure.add_subplot(grid[0, 1], sharey=shares)
    sizes = figure.add_subplot(grid[1, 0], sharex=shares)
    layout.stack_shares(shares, columns.edges, columns.shares)
    shares.set(ylim=(0, 1), ylabel="share of flows")
    shares.tick_params(labelbottom=False)
    if columns.width > 1:
        style.caption(shares, f"each column is {columns.width} gateways together")
    layout.stack_shares(whole, np.array([0, 1]), overall[None])
    whole.set_xticks([0.5], ["all"])
    whole.tick_params(left=False, labelleft=False)
    whole.spines["left"].set_visible(False)
    _draw_sizes(sizes, columns, owned.sum(axis=1))
    layout.number_gateways(sizes, columns.order)
    sizes.set(xlabel=layout.say_order(count), xlim=(0, count))
    layout.name_classes(figure, names, [style.percent(share) for share in overall])
    empty = int((owned.sum(axis=1) == 0).sum())
    without = f", {empty:,} of them without flows" if empty else ""
    style.headline(figure, f"Class mix of {style.count_gateways(count)}{without}{note}")
    return figure


def shares_chart(owned: NDArray[np.int64], names: Sequence[str], ids: Sequence[int]) -> vega.Chart:
    """Show the classes of each gateway's test flows, largest gateway first, many in bands.

    `owned` counts test flows; `ids` are those of the gateways.
    """
    columns = layout.arrange(owned, layout.BANDS, layout.sort_sizes(owned.sum(axis=1)))
    labels, flows, shares = columns.labels(ids), columns.owned, np.nan_to_num(columns.shares)
    tops = ", ".join(f"{name} {n:,}" for name, n in zip(names, owned.sum(axis=0), strict=True))
    encoding = {
        "x": vega.gateways_along(),
        "y": vega.field("share:Q", title="share", scale={"domain": [0, 1]}),
        "color": vega.coloured("class", names, title=None),
        "order": vega.field("order:Q"),
        "tooltip": [
            vega.field("gateway:N"),
            vega.field("class:N"),
            vega.field("flows:Q", format=",", title="test flows"),
            vega.field("share:Q", format=".3f"),
        ],
    }
    rows = [
        [label, place, name, int(flows[place, c]), float(shares[place, c]), c]
        for place, label in enumerate(labels)
        for c, name in enumerate(names)
    ]
    counts = dict(zip(names, flows.T.tolist(), strict=True))
    shown = {"gateway": labels, **counts, "all": flows.sum(axis=1).tolist()}
    return vega.Chart(
        "shares",
        "Classes at each gateway",
        "Stacked bars, one a gateway, largest first: share of each class in its test flows. Over "
        f"all gateways: {tops}.",
        vega.spec_of(encoding, vega.STACKED, height=220),
        ("gateway", "place", "class", "flows", "share", "order"),
        rows,
        PageTable.of_columns("Test flows by gateway and class", shown),
        note=f"{layout.band_note(columns)}Shares are of test flows; a stratified split keeps "
        "them close to those of the training flows.",
    )


def _draw_sizes(axes: Axes, columns: layout.Columns, sizes: NDArray[np.int64]) -> None:
    edges, largest = columns.edges, columns.largest
    if columns.width == 1:
        axes.stairs(largest, edges, fill=True, color=style.GREY, lw=0)
    else:
        axes.stairs(largest, edges, baseline=columns.smallest, fill=True, color=style.PALE, lw=0)
        mean = columns.owned.sum(axis=1) / columns.counts
        axes.stairs(mean, edges, baseline=None, color=style.GREY, lw=1.2)
    style.scale_flows(axes, sizes)
    if len(edges) <= layout.FEW + 1:
        axes.vlines(edges, 0, 1, color="white", lw=2, transform=axes.get_xaxis_transform())
    axes.set_ylabel("flows" if columns.width == 1 else "flows, mean\nand range")


@dataclass(frozen=True)
class ComparedPlan:
    """One plan to compare.

    Attributes
    ----------
    name : str
        Of its scheme.
    owned : ndarray
        ``(K, C) int64``, flows of each class at each gateway.
    values : tuple of float
        Its measures, at least 0; NaN where one is undefined.
    iid : tuple of float
        What each measure is for an iid plan of the same sizes, NaN where that is not known;
        or nothing.
    """

    name: str
    owned: NDArray[np.int64]
    values: tuple[float, ...]
    iid: tuple[float, ...] = ()


@style.styled
def comparison(
    plans: Sequence[ComparedPlan], names: Sequence[str], measures: Sequence[str], note: str = ""
) -> Figure:
    """Draw class mix and measures of each plan, one plan a row, in the order given.

    Up to about 20 plans and 4 measures fit; `measures` are the titles of the plans' values.
    """
    height = max(1.5 + 0.48 * len(plans), 0.5 + 0.2 * len(names))
    figure = Figure(figsize=(6.2 + 1.6 * len(measures), height))
    mixes, *bars = figure.subplots(
        1, 1 + len(measures), width_ratios=[2.6] + [1] * len(measures), sharey=True, squeeze=False
    )[0]
    _draw_mixes(mixes, plans)
    for place, (axes, measure) in enumerate(zip(bars, measures, strict=True)):
        known = [plan.iid[place] if plan.iid else np.nan for plan in plans]
        _draw_measure(axes, [plan.values[place] for plan in plans], known)
        style.caption(axes, measure)
    mixes.set_ylim(len(plans) - 0.45, -0.55)
    marks = ["class mix: gateways from left to right, sorted by their commonest class"]
    if any((plan.owned.sum(axis=1) == 0).any() for plan in plans):
        marks.append("blank: no flows")
    if any(plan.iid for plan in plans):
        marks.append("black line: iid at the same sizes")
    figure.supxlabel(" · ".join(marks), fontsize=9, color=style.GREY, x=0.01, ha="left")
    layout.name_classes(figure, names)
    style.headline(
        figure, f"{len(plans)} way{'s' * (len(plans) != 1)} to deal the same flows{note}"
    )
    return figure


def _draw_mixes(axes: Axes, plans: Sequence[ComparedPlan]) -> None:
    for row, plan in enumerate(plans):
        columns = layout.arrange(plan.owned, _COLUMNS)
        edges = columns.edges / len(columns.order)
        layout.stack_shares(axes, edges, columns.shares, bottom=row + _HEIGHT / 2, height=-_HEIGHT)
    axes.set_yticks(range(len(plans)), [plan.name for plan in plans])
    axes.set(xlim=(0, 1), xticks=[])
    style.bare(axes)
    counts = sorted({len(plan.owned) for plan in plans})
    first = f"{counts[0]:,} to " if len(counts) > 1 else ""
    style.caption(axes, f"class mix of {first}{style.count_gateways(counts[-1])}")


def _draw_measure(axes: Axes, values: Sequence[float], iid: Sequence[float]) -> None:
    rows, given = np.arange(len(values)), np.array(values, dtype=float)
    axes.barh(rows, np.nan_to_num(given), height=0.5, color=style.COLOURS[0])
    axes.vlines(iid, rows - 0.36, rows + 0.36, color="black", lw=2)
    top = float(np.nanmax(np.append(given, iid), initial=0)) or 1.0
    for row, value in enumerate(given):
        text = "undefined" if np.isnan(value) else f"{value:,.{0 if value >= 100 else 3}f}"
        end = 0 if np.isnan(value) else np.fmax(value, iid[row])
        axes.annotate(
            text, (end, row), (4, 0), textcoords="offset points", va="center", fontsize=style.SMALL
        )
    axes.set(xlim=(0, top * 1.5), xticks=[])
    axes.tick_params(axis="y", labelleft=False)
    style.bare(axes)
