"""How a feature's values differ from gateway to gateway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures import style

MOST, BINS, BLUR = 12, 200, 1.5
"""Ridges, bins between the smallest and the largest value, and bins a spike is spread over."""

_OVERLAP = 1.15
_TAIL = 0.01


@dataclass(frozen=True)
class Ridges:
    """Distribution of a feature at some gateways.

    Attributes
    ----------
    at : ndarray
        ``(M,) float64``, middle of each bin, in inverse hyperbolic sines of the value.
    gateways : ndarray
        ``(G,) int64``, those picked, by rising mean.
    sizes : ndarray
        ``(G,) int64``, flows of each.
    shares : ndarray
        ``(G, M) float64``, share of each one's flows in each bin, blurred.
    means : ndarray
        ``(G,) float64``, mean of each one's scaled values.
    overall : ndarray
        ``(M,) float64``, as `shares`, for all flows.
    beyond : float
        Share of all flows that lie outside the bins.
    """

    at: NDArray[np.float64]
    gateways: NDArray[np.int64]
    sizes: NDArray[np.int64]
    shares: NDArray[np.float64]
    means: NDArray[np.float64]
    overall: NDArray[np.float64]
    beyond: float


@style.styled
def ridgelines(
    values: NDArray[np.float64], assignment: NDArray[np.int32], feature: str, note: str = ""
) -> Figure:
    """Draw the distribution of a feature at up to 12 gateways, the fleet's in grey behind each.

    Gateways are picked evenly over the order of their mean. Values are scaled by the inverse
    hyperbolic sine, which is linear near 0 and a logarithm far from it. Flows repeat, so
    single values stand out as spikes. The outermost hundredth of each distribution at
    either end does not widen the picture.

    Parameters
    ----------
    values : ndarray
        ``(N,) float64``, of the feature, finite, one a flow.
    assignment : ndarray
        ``(N,) int32``, gateway of each flow; those without flows are left out.
    feature : str
        Its name.
    """
    ridges = measure_ridges(values, assignment)
    count, owners = len(ridges.gateways), len(np.unique(assignment))
    figure = Figure(figsize=(8, 1.7 + 0.48 * count))
    axes = figure.subplots()
    _draw(axes, ridges)
    ticks = style.choose_ticks(float(np.sinh(ridges.at[0])), float(np.sinh(ridges.at[-1])))
    axes.set_xticks(np.arcsinh(ticks), [style.shorten(tick) for tick in ticks])
    rows = [
        f"gateway {gateway}\n{size:,} flow{'s' * (size != 1)}"
        for gateway, size in zip(ridges.gateways, ridges.sizes.tolist(), strict=True)
    ]
    axes.set_yticks(range(count), rows, fontsize=style.SMALL)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{feature}: evenly spaced below 1, by powers of ten above")
    picked = f"{count} of {owners:,} gateways, evenly picked" if count < owners else "all gateways"
    share = style.percent(ridges.beyond)
    beyond = f", {share} of them beyond the edges" if ridges.beyond else ""
    style.caption(axes, f"{picked}, by rising mean (▲) · grey: all flows{beyond}")
    style.headline(figure, f"{feature} at each gateway{note}")
    return figure


def measure_ridges(
    values: NDArray[np.float64], assignment: NDArray[np.int32], most: int = MOST
) -> Ridges:
    """Pick at most `most` gateways evenly over the order of their mean, and count their values.

    Values and assignment are as in `ridgelines`. Gateways of equal mean stay in their own order.
    """
    scaled = np.arcsinh(values.astype(np.float64))
    gateways = int(assignment.max()) + 1
    sizes = np.bincount(assignment, minlength=gateways)
    means = np.bincount(assignment, scaled, gateways) / np.maximum(sizes, 1)
    owners = np.flatnonzero(sizes)
    order = owners[np.argsort(means[owners], kind="stable")]
    shown = order[np.linspace(0, len(order) - 1, min(len(order), most)).astype(int)]
    edges = _bin_edges([scaled, *(scaled[assignment == k] for k in shown)])
    bins, count = np.searchsorted(edges, scaled, side="right") - 1, len(edges) - 1
    inside = (bins >= 0) & (bins < count)
    flat = assignment[inside].astype(np.int64) * count + bins[inside]
    table = np.bincount(flat, minlength=gateways * count).reshape(gateways, count)
    return Ridges(
        (edges[1:] + edges[:-1]) / 2,
        shown,
        sizes[shown],
        _blur(table[shown] / sizes[shown, None]),
        means[shown],
        _blur(table.sum(axis=0, keepdims=True) / len(values))[0],
        float(1 - table.sum() / len(values)),
    )


def _bin_edges(samples: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Equal bins over nearly all of each sample, and room that the blur does not leave."""
    ends = [np.quantile(sample, (_TAIL, 1 - _TAIL), method="nearest") for sample in samples]
    low, high = float(np.min(ends)), float(np.max(ends))
    step = max(high - low, 0.1) / BINS
    margin = round(4 * BLUR) + 1
    return low + step * (np.arange(-margin, BINS + margin + 1) - 0.5)


def _blur(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spread each bin over its neighbours, so that a spike has a width to be seen."""
    reach = round(4 * BLUR)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / BLUR) ** 2)
    kernel /= kernel.sum()
    return np.array([np.convolve(row, kernel, "same") for row in shares])


def _draw(axes: Axes, ridges: Ridges) -> None:
    at, colour = ridges.at, style.COLOURS[0]
    scale = _OVERLAP / max(ridges.shares.max(), ridges.overall.max())
    for row, (shares, mean) in enumerate(zip(ridges.shares, ridges.means, strict=True)):
        front = 3 * (len(ridges.gateways) - row)
        axes.fill_between(
            at, row, row + scale * ridges.overall, color=style.PALE, lw=0, zorder=front
        )
        top = row + scale * shares
        axes.fill_between(at, row, top, color=colour, alpha=0.45, lw=0, zorder=front + 1)
        axes.plot(at, top, color=colour, lw=1, zorder=front + 2)
        axes.plot(mean, row, "^", color=style.COLOURS[1], ms=6, mec="white", zorder=99)
    axes.axhline(0, color=style.GREY, lw=0.8)
    axes.set(xlim=(at[0], at[-1]), ylim=(-0.35, len(ridges.gateways) - 1 + _OVERLAP * 1.05))
