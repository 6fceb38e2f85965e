"""How many flows of each class each gateway has seen, and which classes it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from fednids.report.figures.columns import Columns, arrange
from fednids.report.figures.shares import FEW, number_gateways
from fednids.report.figures.style import headline, ink, styled
from fednids.report.figures.ticks import powers_around, short_numbers

ROOM_FOR_NUMBERS = 12


@styled
def heatmap(owned: NDArray[np.int64], names: Sequence[str], note: str = "") -> Figure:
    """Flows of each class at each gateway, coloured by powers of ten, none being hatched.

    Above 100 gateways, neighbours share a column, which shows their mean; it is hatched
    where none of them has seen the class. Below each class's name stands exactly how many
    gateways have not.

    Parameters
    ----------
    owned : ndarray
        ``(K, C) int64``, flows of each class at each gateway; at least one flow.
    names : sequence of str
        Of the C classes.
    note : str
        Put behind the title.

    Returns
    -------
    Figure
        Its first axes hold the mesh, masked where a class was never seen.
    """
    columns = arrange(owned)
    means = np.where(columns.owned > 0, columns.owned / columns.counts[:, None], np.nan).T
    figure = Figure(figsize=(10, 1.9 + 0.5 * len(names)))
    axes = figure.subplots()
    _hatch(axes, len(names), columns)
    ends = powers_around(float(np.nanmin(means)), float(np.nanmax(means)))
    mesh = axes.pcolormesh(
        columns.edges, np.arange(len(names) + 1), means,
        norm=LogNorm(*ends), cmap="viridis",
    )  # fmt: skip
    axes.hlines(np.arange(len(names) + 1), 0, len(owned), color="white", lw=2)
    if len(columns.edges) <= FEW + 1:
        axes.vlines(columns.edges, 0, len(names), color="white", lw=2)
    if len(owned) <= ROOM_FOR_NUMBERS:
        _write_numbers(axes, mesh, means)
    axes.set_ylim(len(names), 0)
    axes.set_yticks(np.arange(len(names)) + 0.5, _count_unseen(owned, names))
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    number_gateways(axes, columns)
    figure.colorbar(mesh, ax=axes, pad=0.01, label=_unit(columns), format=short_numbers())
    headline(figure, f"Classes that gateways see, and those they never saw{note}")
    return figure


def _hatch(axes: Axes, height: int, columns: Columns) -> None:
    """What shows through where no flow is drawn."""
    label = "never seen" if columns.width == 1 else f"never seen by any of {columns.width}"
    look: dict[str, Any] = {"fc": "white", "ec": "#A0A0A0", "hatch": "////", "lw": 0}
    axes.add_patch(Rectangle((0, 0), len(columns.order), height, zorder=0, **look))
    axes.legend(
        handles=[Patch(label=label, **look)], loc="lower right", frameon=False,
        bbox_to_anchor=(1, 1), borderaxespad=0.2, fontsize=9, handlelength=3, handleheight=1.2,
    )  # fmt: skip


def _write_numbers(axes: Axes, mesh: QuadMesh, means: NDArray[np.float64]) -> None:
    """The flows themselves, in each cell that has any."""
    for row, column in zip(*np.nonzero(means > 0), strict=True):
        count = means[row, column]
        axes.text(
            column + 0.5, row + 0.5, f"{count:,.0f}", ha="center", va="center", fontsize=8,
            color=ink(mesh.to_rgba(count)[:3]),
        )  # fmt: skip


def _count_unseen(owned: NDArray[np.int64], names: Sequence[str]) -> list[str]:
    """Each class, and how many gateways have none of it."""
    unseen = (owned == 0).sum(axis=0)
    return [
        f"{name}\nunseen at {count:,} of {len(owned):,}"
        for name, count in zip(names, unseen, strict=True)
    ]


def _unit(columns: Columns) -> str:
    """What the colours count."""
    return "flows" if columns.width == 1 else f"flows a gateway,\nmean of {columns.width}"
