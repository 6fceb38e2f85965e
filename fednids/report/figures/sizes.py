"""How unequal the gateways are in size."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures.columns import FEW, number_gateways
from fednids.report.figures.style import (
    COLOURS,
    PALE,
    caption,
    count_gateways,
    headline,
    scale_flows,
    styled,
)


@styled
def size_curve(sizes: NDArray[np.int64], note: str = "") -> Figure:
    """Draw gateways by rank of size, beside the Lorenz curve with its Gini coefficient.

    Sizes are drawn by powers of ten where they span over 20 times.

    Parameters
    ----------
    sizes : ndarray
        ``(K,) int64``, flows of each gateway; at least one flow.
    note : str
        Put behind the title.

    Returns
    -------
    Figure
        Axes: sizes, Lorenz curve.
    """
    figure = Figure(figsize=(10, 3.8))
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    _draw_ranks(left, sizes)
    _draw_lorenz(right, sizes)
    ends = f"{sizes.min():,} to {sizes.max():,} flows"
    headline(figure, f"Sizes of {count_gateways(len(sizes))}: {ends}{note}")
    return figure


def lorenz(sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the share of all flows that the smallest gateways own together.

    Parameters
    ----------
    sizes : ndarray
        ``(K,) int64``, at least one flow.

    Returns
    -------
    ndarray
        ``(K + 1,) float64``, from 0 for no gateway to 1 for all.
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
    """Largest first, named at both ends."""
    order, count, mean = np.argsort(-sizes, kind="stable"), len(sizes), sizes.mean()
    places, many = np.arange(count + 1), len(sizes) > FEW
    axes.stairs(sizes[order], places, fill=True, color=COLOURS[0], lw=0)
    scale_flows(axes, sizes)
    if not many:
        axes.vlines(places, 0, 1, color="white", lw=2, transform=axes.get_xaxis_transform())
        number_gateways(axes, order)
    axes.set(xlim=(0, count), xlabel=f"gateway{'s' * many}, largest first", ylabel="flows")
    axes.axhline(mean, color=COLOURS[1], ls="--", lw=1.2, label=f"equal sizes: {mean:,.0f} flows")
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    first, last, empty = order[0], order[-1], int((sizes == 0).sum())
    end = f"smallest: gateway {last} with {sizes[last]:,}"
    if empty > 1:
        end = f"{empty:,} gateways have none"
    caption(axes, f"largest: gateway {first} with {sizes[first]:,} · {end}")


def _draw_lorenz(axes: Axes, sizes: NDArray[np.int64]) -> None:
    """The curve, and the line on which it lies where all sizes are equal."""
    at, curve = np.linspace(0, 1, len(sizes) + 1), lorenz(sizes)
    axes.fill_between(at, curve, at, color=PALE, lw=0)
    axes.plot(at, at, color=COLOURS[1], ls="--", lw=1.2, label="equal sizes")
    axes.plot(at, curve, color=COLOURS[0], lw=2, label="these gateways")
    axes.set(
        xlim=(0, 1), ylim=(0, 1), aspect="equal",
        xlabel="share of gateways, smallest first", ylabel="share of flows",
    )  # fmt: skip
    axes.legend(frameon=False, fontsize=9, loc="upper left")
    caption(axes, f"Lorenz curve · Gini coefficient {gini(sizes):.2f}")
