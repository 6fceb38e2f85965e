"""How well each gateway's detector does at every other gateway."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from fednids.report.figures import layout, style


@style.styled
def cross_heatmap(
    local: NDArray[np.float64],
    overall: NDArray[np.float64],
    names: Sequence[str],
    *,
    order: NDArray[np.int64],
    note: str = "",
) -> Figure:
    """Draw macro-F1 of each detector, a row, at each gateway, a column; global ones on top.

    The diagonal holds the detectors at home. Above 100 gateways, neighbours share a row and
    a column, which show the mean of their pairs; grey is undefined.

    Parameters
    ----------
    local : ndarray
        ``(K, K) float64``, gateways' own detectors at each gateway, 0 to 1 or NaN; or
        ``(0, K)`` where there are none.
    overall : ndarray
        ``(G, K) float64``, global detectors.
    names : sequence of str
        Of the global detectors.
    order : ndarray
        ``(K,)``, the gateway at each place.
    """
    count, width = len(order), -(-len(order) // layout.MOST_COLUMNS)
    tops = layout.gather_mean(overall[:, order], 1, width)
    own = layout.gather_mean(local[np.ix_(order, order)] if len(local) else local, width, width)
    heights = [height for height in (0.36 * len(tops), 6.0 * bool(len(own))) if height]
    figure = Figure(figsize=(8.2, 1.9 + sum(heights)))
    panels = figure.subplots(len(heights), 1, height_ratios=heights, sharex=True, squeeze=False)
    axes = list(panels[:, 0])
    if len(tops):
        image = _draw(axes[0], tops, len(tops), count)
        axes[0].set_yticks(np.arange(len(tops)) + 0.5, list(names), fontsize=style.SMALL + 0.5)
        style.caption(axes[0], "global detectors")
    if len(own):
        image = _draw(axes[-1], own, count, count)
        layout.number_gateways(axes[-1], order, "y")
        axes[-1].set_ylabel(
            "own detector of gateway" if count <= layout.FEW else "detectors of gateways"
        )
        style.caption(axes[-1], _describe(local, width))
    layout.number_gateways(axes[-1], order)
    axes[-1].set_xlabel(layout.say_order(count, "test flows of "))
    figure.colorbar(image, ax=axes, label="macro-F1", shrink=0.8)
    style.headline(figure, f"Macro-F1 of detectors at {style.count_gateways(count)}{note}")
    return figure


def _draw(axes: Axes, values: NDArray[np.float64], rows: int, count: int) -> AxesImage:
    image = axes.imshow(
        values, cmap=colormaps["viridis"].with_extremes(bad=style.PALE), vmin=0, vmax=1,
        interpolation="nearest", aspect="auto", extent=(0, count, rows, 0),
    )  # fmt: skip
    style.bare(axes)
    if count <= style.ROOM_FOR_NUMBERS:
        style.write_cells(axes, image, values, lambda row, column: f"{values[row, column]:.2f}")
    return image


def _describe(local: NDArray[np.float64], width: int) -> str:
    """Own against others, and what a cell is where that is not one pair."""
    at_home = np.eye(len(local), dtype=bool)
    parts = ["gateways' own"]
    for name, cells in (("at home", local[at_home]), ("elsewhere", local[~at_home])):
        if not np.isnan(cells).all():
            parts.append(f"{np.nanmean(cells):.2f} {name}")
    if width > 1:
        parts.append(f"a cell is {width} by {width} gateways")
    return " · ".join(parts)
