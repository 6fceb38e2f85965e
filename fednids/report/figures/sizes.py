"""How unequal the gateways are in size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures import layout, style, vega
from fednids.report.tables import PageTable, count


@style.styled
def size_curve(sizes: NDArray[np.int64], note: str = "") -> Figure:
    """Draw gateways by rank of size, beside the Lorenz curve with its Gini coefficient.

    `sizes` are ``(K,) int64``, flows of each gateway; at least one flow. They are drawn by
    powers of ten where they span over 20 times.
    """
    figure = Figure(figsize=(10, 3.8))
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    _draw_ranks(left, sizes)
    _draw_lorenz(right, sizes)
    ends = f"{sizes.min():,} to {sizes.max():,} flows"
    style.headline(figure, f"Sizes of {style.count_gateways(len(sizes))}: {ends}{note}")
    return figure


def sizes_chart(
    tests: NDArray[np.int64], trained: NDArray[np.int64], ids: Sequence[int]
) -> vega.Chart:
    """Show how many flows each gateway has, largest gateway first, many in bands.

    `tests` and `trained` are ``(K,) int64``, test flows of each gateway, and the most windows
    that it trained on in a round; `ids` are those of the gateways.
    """
    columns = layout.arrange(
        np.stack([tests, trained], axis=1), layout.BANDS, layout.sort_sizes(tests)
    )
    labels, kinds = columns.labels(ids), ["test flows", "windows trained on"]
    means = (columns.owned / columns.counts[:, None]).tolist()
    words = f"{tests.min():,} to {tests.max():,}, median {int(np.median(tests)):,}"
    powers = {"values": [10**power for power in range(10)]}
    encoding = {
        "x": vega.gateways_along(),
        "y": vega.field("flows:Q", title="flows", scale={"type": "log"}, axis=powers),
        "color": vega.coloured("what", kinds, title=None),
        "shape": vega.field("what:N", scale={"domain": kinds}, title=None),
        "tooltip": [
            vega.field("gateway:N"),
            vega.field("what:N", title="of"),
            vega.field("flows:Q", format=",.0f"),
        ],
    }
    dots = {"type": "point", "filled": True, "size": 45, "opacity": 0.9}
    alt = (
        "Dots, two a gateway, largest gateway first, on a logarithmic scale. Test flows of a "
        f"gateway: {words}."
    )
    rows = [
        [label, place, kind, mean or None]
        for place, (label, pair) in enumerate(zip(labels, means, strict=True))
        for kind, mean in zip(kinds, pair, strict=True)
    ]
    caption = "Flows of each gateway" + (", mean of band" if columns.width > 1 else "")
    titles = ("gateway", "test flows", "most windows trained on in a round")
    texts = tuple((label, *map(count, pair)) for label, pair in zip(labels, means, strict=True))
    note = f"{layout.band_note(columns)}The scale is logarithmic; what is 0 has no dot."
    spec = vega.spec_of(encoding, (dots, {}), height=180)
    cells = ("gateway", "place", "what", "flows")
    table = PageTable(caption, titles, texts)
    return vega.Chart("sizes", "Sizes", alt, spec, cells, rows, table, note=note)


def lorenz(sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of all flows that the smallest gateways own together.

    Of ``(K,)`` sizes, one above 0, there are ``(K + 1,)`` shares, from 0 for no gateway to 1.
    """
    owned = np.append(0.0, np.cumsum(np.sort(sizes)))
    return np.asarray(owned / owned[-1])


def gini(sizes: NDArray[np.int64]) -> float:
    """Return twice the area between the Lorenz curve and the line of equal sizes.

    It is 0 for equal sizes and ``1 - 1/K`` where one of K gateways owns everything.
    """
    curve = lorenz(sizes)
    return float(1 - (curve[1:] + curve[:-1]).sum() / len(sizes))


def _draw_ranks(axes: Axes, sizes: NDArray[np.int64]) -> None:
    order, count, mean = layout.sort_sizes(sizes), len(sizes), sizes.mean()
    places, many = np.arange(count + 1), len(sizes) > layout.FEW
    axes.stairs(sizes[order], places, fill=True, color=style.COLOURS[0], lw=0)
    style.scale_flows(axes, sizes)
    if not many:
        axes.vlines(places, 0, 1, color="white", lw=2, transform=axes.get_xaxis_transform())
        layout.number_gateways(axes, order)
    axes.set(xlim=(0, count), xlabel=f"gateway{'s' * many}, largest first", ylabel="flows")
    axes.axhline(
        mean, color=style.COLOURS[1], ls="--", lw=1.2, label=f"equal sizes: {mean:,.0f} flows"
    )
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    first, last, empty = order[0], order[-1], int((sizes == 0).sum())
    end = f"smallest: gateway {last} with {sizes[last]:,}"
    if empty > 1:
        end = f"{empty:,} gateways have none"
    style.caption(axes, f"largest: gateway {first} with {sizes[first]:,} · {end}")


def _draw_lorenz(axes: Axes, sizes: NDArray[np.int64]) -> None:
    at, curve = np.linspace(0, 1, len(sizes) + 1), lorenz(sizes)
    axes.fill_between(at, curve, at, color=style.PALE, lw=0)
    axes.plot(at, at, color=style.COLOURS[1], ls="--", lw=1.2, label="equal sizes")
    axes.plot(at, curve, color=style.COLOURS[0], lw=2, label="these gateways")
    axes.set(
        xlim=(0, 1), ylim=(0, 1), aspect="equal",
        xlabel="share of gateways, smallest first", ylabel="share of flows",
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    style.caption(axes, f"Lorenz curve · Gini coefficient {gini(sizes):.2f}")
