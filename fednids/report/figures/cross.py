"""How well each gateway's detector does at every other gateway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from fednids.report.figures.columns import MOST
from fednids.report.figures.shares import FEW
from fednids.report.figures.style import PALE, SMALL, caption, headline, ink, styled

ROOM_FOR_NUMBERS = 12

Values = NDArray[np.float64]


@styled
def cross_heatmap(
    local: Values,
    overall: Values,
    names: Sequence[str],
    *,
    order: NDArray[np.int64],
    note: str = "",
) -> Figure:
    """Macro-F1 of each detector, a row, at each gateway, a column; global detectors on top.

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
    note : str
        Put behind the title.

    Returns
    -------
    Figure
        Axes: global detectors if there are any, then gateways' detectors if there are any.
    """
    count, width = len(order), -(-len(order) // MOST)
    tops = gather_mean(overall[:, order], 1, width)
    own = gather_mean(local[np.ix_(order, order)] if len(local) else local, width, width)
    heights = [height for height in (0.36 * len(tops), 6.0 * bool(len(own))) if height]
    figure = Figure(figsize=(8.2, 1.9 + sum(heights)))
    panels = figure.subplots(len(heights), 1, height_ratios=heights, sharex=True, squeeze=False)
    axes = list(panels[:, 0])
    images = []
    if len(tops):
        images.append(_draw(axes[0], tops, len(tops), count))
        axes[0].set_yticks(np.arange(len(tops)) + 0.5, list(names), fontsize=SMALL + 0.5)
        caption(axes[0], "global detectors")
    if len(own):
        images.append(_draw(axes[-1], own, count, count))
        _number(axes[-1], order, "y")
        axes[-1].set_ylabel("own detector of gateway" if count <= FEW else "detectors of gateways")
        caption(axes[-1], _describe(local, width))
    _number(axes[-1], order, "x")
    axes[-1].set_xlabel(_columns(count))
    figure.colorbar(images[-1], ax=axes, label="macro-F1", shrink=0.8)
    headline(figure, f"Macro-F1 of detectors at {count:,} gateway{'s' * (count != 1)}{note}")
    return figure


def gather_mean(values: Values, rows: int, columns: int) -> Values:
    """Mean of each block of so many rows and columns, NaN left out.

    Parameters
    ----------
    values : ndarray
        ``(R, K) float64``.
    rows, columns : int
        Of a block; the last one in each direction may have fewer.

    Returns
    -------
    ndarray
        ``(ceil(R / rows), ceil(K / columns)) float64``, NaN where a block has no number.
    """
    if not len(values):
        return values
    known = ~np.isnan(values)
    down, across = np.arange(0, len(values), rows), np.arange(0, values.shape[1], columns)

    def add(cells: NDArray[Any]) -> Values:
        return np.asarray(np.add.reduceat(np.add.reduceat(cells, down, axis=0), across, axis=1))

    sums, counts = add(np.nan_to_num(values)), add(known.astype(np.int64))
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def _colours() -> Colormap:
    return colormaps["viridis"].with_extremes(bad=PALE)


def _draw(axes: Axes, values: Values, rows: int, count: int) -> AxesImage:
    """One panel, in places of gateways from left to right."""
    image = axes.imshow(
        values, cmap=_colours(), vmin=0, vmax=1, interpolation="nearest", aspect="auto",
        extent=(0, count, rows, 0),
    )  # fmt: skip
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if count <= ROOM_FOR_NUMBERS:
        for row, column in np.argwhere(~np.isnan(values)):
            value = values[row, column]
            axes.text(
                column + 0.5, row + 0.5, f"{value:.2f}", ha="center", va="center", fontsize=8,
                color=ink(image.to_rgba(value)[:3]),
            )  # fmt: skip
    return image


def _number(axes: Axes, order: NDArray[np.int64], side: str) -> None:
    """Name each gateway where there is room, else count places."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    if len(order) <= FEW:
        axis.set_ticks(np.arange(len(order)) + 0.5, [str(k) for k in order], fontsize=SMALL)
    else:
        axis.set_major_formatter("{x:,.0f}")


def _columns(count: int) -> str:
    few = "test flows of gateway" if count <= FEW else "test flows of gateways"
    return f"{few}, sorted by their commonest class, then by its share"


def _describe(local: Values, width: int) -> str:
    """Own against others, and what a cell is where that is not one pair."""
    at_home = np.eye(len(local), dtype=bool)
    parts = ["gateways' own"]
    for name, cells in (("at home", local[at_home]), ("elsewhere", local[~at_home])):
        known = cells[~np.isnan(cells)]
        if len(known):
            parts.append(f"{known.mean():.2f} {name}")
    if width > 1:
        parts.append(f"a cell is {width} by {width} gateways")
    return " · ".join(parts)
