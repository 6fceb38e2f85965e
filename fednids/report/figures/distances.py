"""Which gateways are like each other."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from fednids.report.figures.layout import FEW, gather_mean
from fednids.report.figures.style import SMALL, caption, count_gateways, headline, styled

MOST_PAIRED = 200
"""Gateways up to which each has a row, and leaves are ordered optimally."""


@styled
def distance_matrix(
    distances: NDArray[np.float64], measure: str, *, highest: float | None = None, note: str = ""
) -> Figure:
    """Draw the distance of every two gateways, like ones side by side: groups show as squares.

    Above 200 gateways, neighbours of that order share a row, which shows the mean distance of
    their pairs.

    Parameters
    ----------
    distances : ndarray
        ``(K, K) float64``, symmetric, 0 to itself; NaN in row and column of a gateway that
        has no distance, which is left out.
    measure : str
        Of distance, as the colour bar names it.
    highest : float, optional
        Where the colours end: the measure's largest value, so that pictures of several plans
        can be compared. The largest distance if not given.
    """
    known = np.flatnonzero(np.isfinite(distances).any(axis=1))
    within = distances[np.ix_(known, known)]
    order = order_alike(within)
    image, width = gather_pairs(within[np.ix_(order, order)], MOST_PAIRED)
    figure = Figure(figsize=(6.6, 5.8))
    axes = figure.subplots()
    top = float(np.nanmax(image, initial=0)) if highest is None else highest
    drawn = axes.imshow(
        image, cmap="cividis", vmin=0, vmax=top or 1, interpolation="nearest",
        extent=(0, len(known), len(known), 0),
    )  # fmt: skip
    if len(known) <= FEW:
        labels, places = [str(k) for k in known[order]], np.arange(len(known)) + 0.5
        axes.set_xticks(places, labels, fontsize=SMALL, rotation=90 if len(known) > 15 else 0)
        axes.set_yticks(places, labels, fontsize=SMALL)
    axes.set(
        xlabel="gateways, like ones side by side: dark squares are groups",
        ylabel="gateways, in the same order",
    )
    axes.spines[:].set_visible(False)
    figure.colorbar(drawn, ax=axes, label=measure, shrink=0.8)
    headline(figure, f"How far {count_gateways(len(known))} are from each other{note}")
    caption(axes, _describe(within, width, len(distances)))
    return figure


def order_alike(distances: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return gateways, ``(K,) int64``, in the order of the leaves of a hierarchical clustering.

    Clusters are joined by mean distance; `distances` are ``(K, K)``, symmetric, finite, 0 on the
    diagonal. Up to 200 gateways, neighbours are then brought as close as the tree permits
    (Bar-Joseph et al. 2001), which takes too long for more.
    """
    if len(distances) < 3:
        return np.arange(len(distances))
    pairs = squareform(distances, checks=False)
    tree = linkage(pairs, "average", optimal_ordering=len(distances) <= MOST_PAIRED)
    return np.asarray(leaves_list(tree), dtype=np.int64)


def gather_pairs(distances: NDArray[np.float64], most: int) -> tuple[NDArray[np.float64], int]:
    """Return the mean distance between at most `most` groups of neighbours, and their size.

    `distances` are ``(K, K)``, 0 on the diagonal. The means are ``(M, M) float64``, on the
    diagonal over pairs of one group without those of a gateway and itself. The last group may
    have fewer gateways than the size.
    """
    width = max(-(-len(distances) // most), 1)
    others = np.where(np.eye(len(distances), dtype=bool), np.nan, distances)
    return np.nan_to_num(gather_mean(others, width, width)), width


def _describe(distances: NDArray[np.float64], width: int, given: int) -> str:
    """The mean distance, and what a row is where that is not one gateway."""
    count = len(distances)
    parts = [f"mean distance {distances.sum() / (count * (count - 1)):.2g}"] if count > 1 else []
    if width > 1:
        parts.append(f"each row is {width} gateways together")
    if given > count:
        parts.append(f"{given - count:,} without flows left out")
    return " · ".join(parts)
