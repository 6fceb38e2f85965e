"""How unequal the gateways are in size."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures.shares import FEW
from fednids.report.figures.style import (
    COLOURS,
    PALE,
    SMALL,
    caption,
    headline,
    styled,
)
from fednids.report.figures.ticks import scale_flows


@styled
def size_curve(sizes: NDArray[np.int64], note: str = "") -> Figure:
    """Gateways by rank of size, beside the Lorenz curve with its Gini coefficient.

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
    count, mean = len(sizes), sizes.mean()
    of = f"{count:,} gateway{'s' * (count != 1)}"
    headline(figure, f"Sizes of {of}: {sizes.min():,} to {sizes.max():,} flows{note}")
    left.axhline(mean, color=COLOURS[1], ls="--", lw=1.2, label=f"equal sizes: {mean:,.0f} flows")
    left.legend(frameon=False, fontsize=9, loc="upper right")
    return figure


def lorenz(sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of all flows that the smallest gateways own together.

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
    """Twice the area between the Lorenz curve and the line of equal sizes.

    It is 0 for equal sizes and ``1 - 1/K`` where one of K gateways owns everything.
    """
    curve = lorenz(sizes)
    return float(1 - (curve[1:] + curve[:-1]).sum() / len(sizes))


def _draw_ranks(axes: Axes, sizes: NDArray[np.int64]) -> None:
    """Largest first, named at both ends."""
    order, count = np.argsort(-sizes, kind="stable"), len(sizes)
    places = np.arange(count + 1)
    axes.stairs(sizes[order], places, fill=True, color=COLOURS[0], lw=0)
    scale_flows(axes, sizes)
    if count <= FEW:
        axes.vlines(places, 0, 1, color="white", lw=2, transform=axes.get_xaxis_transform())
        axes.set_xticks(places[:-1] + 0.5, [str(k) for k in order], fontsize=SMALL)
    axes.set(
        xlim=(0, count), ylabel="flows",
        xlabel="gateway, largest first" if count <= FEW else "gateways, largest first",
    )  # fmt: skip
    first, last = order[0], order[-1]
    empty = int((sizes == 0).sum())
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
