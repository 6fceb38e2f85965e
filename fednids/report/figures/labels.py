"""Which classes each gateway owns, and how many flows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures.columns import Columns, arrange
from fednids.report.figures.shares import (
    FEW,
    gather_note,
    name_classes,
    number_gateways,
    stack_shares,
)
from fednids.report.figures.style import GREY, PALE, caption, headline, styled
from fednids.report.figures.ticks import scale_flows


@styled
def label_bars(owned: NDArray[np.int64], names: Sequence[str], note: str = "") -> Figure:
    """Class shares of each gateway above its size, beside the shares of the whole fleet.

    Above 100 gateways, neighbours share a column: its shares are the mean of theirs,
    weighted by flows, and a band leads from the smallest to the largest of them.

    Parameters
    ----------
    owned : ndarray
        ``(K, C) int64``, flows of each class at each gateway; at least one flow.
    names : sequence of str
        Of the C classes, 5 at most.
    note : str
        Put behind the title.

    Returns
    -------
    Figure
        Axes: shares, shares of the fleet, sizes.
    """
    columns, fleet = arrange(owned), owned.sum(axis=0)
    figure = Figure(figsize=(10, 4.8))
    grid = figure.add_gridspec(2, 2, height_ratios=[3, 1], width_ratios=[30, 1])
    shares = figure.add_subplot(grid[0, 0])
    whole = figure.add_subplot(grid[0, 1], sharey=shares)
    sizes = figure.add_subplot(grid[1, 0], sharex=shares)
    stack_shares(shares, columns.edges, columns.shares)
    shares.set(ylim=(0, 1), ylabel="share of flows")
    shares.tick_params(labelbottom=False)
    caption(shares, gather_note(columns))
    stack_shares(whole, np.array([0, 1]), fleet[None] / fleet.sum())
    whole.set_xticks([0.5], ["all"])
    whole.tick_params(left=False, labelleft=False)
    whole.spines["left"].set_visible(False)
    _draw_sizes(sizes, columns, owned.sum(axis=1))
    number_gateways(sizes, columns)
    name_classes(figure, names, [_percent(share) for share in fleet / fleet.sum()])
    headline(figure, f"{_mix(owned)}{note}")
    return figure


def _draw_sizes(axes: Axes, columns: Columns, sizes: NDArray[np.int64]) -> None:
    """A bar a gateway, or the mean of each column within its band."""
    if columns.width == 1:
        axes.stairs(columns.largest, columns.edges, fill=True, color=GREY, lw=0)
    else:
        axes.stairs(
            columns.largest, columns.edges, baseline=columns.smallest, fill=True, color=PALE, lw=0
        )
        mean = columns.owned.sum(axis=1) / columns.counts
        axes.stairs(mean, columns.edges, baseline=None, color=GREY, lw=1.2)
    scale_flows(axes, sizes)
    if len(columns.edges) <= FEW + 1:
        axes.vlines(columns.edges, 0, 1, color="white", lw=2, transform=axes.get_xaxis_transform())
    axes.set_ylabel("flows" if columns.width == 1 else "flows, mean\nand range")


def _percent(share: float) -> str:
    return f"{share:.1%}" if share >= 0.0005 or share == 0 else "<0.1%"


def _mix(owned: NDArray[np.int64]) -> str:
    """What to see, in words."""
    count, empty = len(owned), int((owned.sum(axis=1) == 0).sum())
    without = f", {empty:,} of them without flows" if empty else ""
    return f"Class mix of {count:,} gateway{'s' * (count != 1)}{without}"
