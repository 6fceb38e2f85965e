"""How many flows of each class each gateway has seen, and which classes it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from fednids.report.figures import style
from fednids.report.figures.layout import FEW, arrange, number_gateways, say_order

_HATCHED: dict[str, Any] = {"fc": "white", "ec": "#A0A0A0", "hatch": "////", "lw": 0}


@style.styled
def heatmap(owned: NDArray[np.int64], names: Sequence[str], note: str = "") -> Figure:
    """Draw flows of each class at each gateway, coloured by powers of ten, none being hatched.

    Above 100 gateways, neighbours share a column, which shows their mean; it is hatched
    where none of them has seen the class. Below each class's name stands exactly how many
    gateways have not. There must be at least one flow.
    """
    columns, rows = arrange(owned), np.arange(len(names) + 1)
    count, width = len(owned), columns.width
    means = np.where(columns.owned > 0, columns.owned / columns.counts[:, None], np.nan).T
    figure = Figure(figsize=(10, 1.9 + 0.5 * len(names)))
    axes = figure.subplots()
    axes.add_patch(Rectangle((0, 0), count, len(names), zorder=0, **_HATCHED))
    label = "never seen" if width == 1 else f"never seen by any of {width}"
    axes.legend(
        handles=[Patch(label=label, **_HATCHED)], loc="lower right", frameon=False,
        bbox_to_anchor=(1, 1), borderaxespad=0.2, fontsize=9, handlelength=3, handleheight=1.2,
    )  # fmt: skip
    ends = style.powers_around(float(np.nanmin(means)), float(np.nanmax(means)))
    mesh = axes.pcolormesh(columns.edges, rows, means, norm=LogNorm(*ends), cmap="viridis")
    axes.hlines(rows, 0, count, color="white", lw=2)
    if len(columns.edges) <= FEW + 1:
        axes.vlines(columns.edges, 0, len(names), color="white", lw=2)
    if count <= style.ROOM_FOR_NUMBERS:
        style.write_cells(axes, mesh, means, lambda row, column: f"{means[row, column]:,.0f}")
    unseen = (owned == 0).sum(axis=0)
    texts = [
        f"{name}\nunseen at {number:,} of {count:,}"
        for name, number in zip(names, unseen, strict=True)
    ]
    axes.set_yticks(rows[:-1] + 0.5, texts)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    number_gateways(axes, columns.order)
    axes.set(xlabel=say_order(count), xlim=(0, count), ylim=(len(names), 0))
    unit = "flows" if width == 1 else f"flows a gateway,\nmean of {width}"
    figure.colorbar(mesh, ax=axes, pad=0.01, label=unit, format=style.short_numbers())
    style.headline(figure, f"Classes that gateways see, and those they never saw{note}")
    return figure
