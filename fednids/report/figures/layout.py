"""Gateways in the order of a figure; where there are many, neighbours share a column.

Nothing is left out: what a column of several gateways shows is the sum over them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from fednids.report.figures.style import SMALL, class_colours, row_shares

MOST_COLUMNS = 100
"""Columns that a picture of usual width has room for."""

BANDS = 60
"""Columns that a chart of the page has room for."""

FEW = 30
"""Columns up to which each stands apart, with a number of its own."""

_ORDER = "sorted by commonest class, then by that class's share"


@dataclass(frozen=True)
class Columns:
    """What each gateway owns, sorted and put into at most so many columns.

    Attributes
    ----------
    order : ndarray
        ``(K,) int64``, the gateway at each place.
    edges : ndarray
        ``(M + 1,) int64``, first place of each column, and ``K``.
    owned : ndarray
        ``(M, C) int64``, flows of each class in each column.
    smallest, largest : ndarray
        ``(M,) int64``, flows of the smallest and the largest gateway of each column.
    """

    order: NDArray[np.int64]
    edges: NDArray[np.int64]
    owned: NDArray[np.int64]
    smallest: NDArray[np.int64]
    largest: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Gateways in each column, ``(M,)``."""
        return np.diff(self.edges)

    @property
    def width(self) -> int:
        """Gateways in a column; the last one may have fewer."""
        return int(self.counts[0])

    def labels(self, ids: Sequence[int]) -> list[str]:
        """Name columns: by the gateway's id, or by the ranks of several."""
        if self.width == 1:
            return [str(ids[k]) for k in self.order]
        return [f"{a + 1}–{b}" for a, b in pairwise(self.edges.tolist())]

    @property
    def shares(self) -> NDArray[np.float64]:
        """Class shares of each column's flows, ``(M, C)``; NaN where it has none.

        It is the mean of the gateways' shares, weighted by their flows.
        """
        return row_shares(self.owned)


def arrange(
    owned: NDArray[np.int64], most: int = MOST_COLUMNS, order: NDArray[np.int64] | None = None
) -> Columns:
    """Sort gateways, and put neighbours together until at most `most` columns remain.

    The columns have the same number of gateways but the last, which may have fewer. `order` is
    ``(K,)``, the gateway at each place; that of `sort_gateways` if not given.
    """
    order = sort_gateways(owned) if order is None else order
    width = -(-len(order) // most)
    starts = np.arange(0, len(order), width)
    sizes = owned.sum(axis=1)[order]
    return Columns(
        order,
        np.append(starts, len(order)),
        np.add.reduceat(owned[order], starts, axis=0),
        np.minimum.reduceat(sizes, starts),
        np.maximum.reduceat(sizes, starts),
    )


def sort_sizes(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return gateways, ``(K,)``, the largest first, equals in their own order."""
    return np.argsort(-sizes, kind="stable")


def sort_gateways(owned: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return gateways, ``(K,) int64``, by their commonest class, then by its share, largest first.

    Gateways without flows come last, equals in their own order.
    """
    sizes = owned.sum(axis=1)
    share = owned.max(axis=1) / np.maximum(sizes, 1)
    order: NDArray[np.int64] = np.lexsort((-share, owned.argmax(axis=1), sizes == 0))
    return order


def gather_mean(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """Return the mean of each block of so many rows and columns of ``(R, K)`` values.

    The last block in each direction may have fewer. NaN is left out; the mean is NaN where a
    block has no number. The shape is ``(ceil(R / rows), ceil(K / columns))``.
    """
    if not len(values):
        return values
    down, across = np.arange(0, len(values), rows), np.arange(0, values.shape[1], columns)
    sums, counts = (
        np.add.reduceat(np.add.reduceat(cells, down, axis=0), across, axis=1)
        for cells in (np.nan_to_num(values), (~np.isnan(values)).astype(np.float64))
    )
    return np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)


def stack_shares(
    axes: Axes,
    edges: NDArray[Any],
    shares: NDArray[np.float64],
    *,
    bottom: float = 0.0,
    height: float = 1.0,
) -> None:
    """Draw one step a class, from the first class up; a column of NaN stays empty.

    `edges` are ``(M + 1,)``, where columns begin and end; `shares` are ``(M, C)``, each row sums
    to 1 or is NaN. Shares of 0 and of 1 are drawn at ``bottom`` and ``bottom + height``.
    """
    tops = bottom + height * np.cumsum(shares, axis=1).T
    bases = np.vstack([np.where(np.isnan(tops[:1]), np.nan, bottom), tops[:-1]])
    for top, base, colour in zip(tops, bases, class_colours(len(tops)), strict=True):
        axes.stairs(top, edges, baseline=base, fill=True, color=colour, lw=0)
    if len(edges) <= FEW + 1:
        axes.vlines(edges, bottom, bottom + height, color="white", lw=2)


def number_gateways(axes: Axes, order: NDArray[np.int64], side: str = "x") -> None:
    """Name each gateway beside its place where there is room, else count places."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    if len(order) <= FEW:
        axis.set_ticks(np.arange(len(order)) + 0.5, [str(k) for k in order], fontsize=SMALL)
    else:
        axis.set_major_formatter("{x:,.0f}")


def say_order(count: int, before: str = "") -> str:
    """Write below an axis what stands along it."""
    return f"{before}gateway{'s' * (count > FEW)}, {_ORDER}"


def band_note(columns: Columns) -> str:
    """Write below a chart of the page what its columns are; nothing where each is a gateway."""
    if columns.width == 1:
        return ""
    return (
        f"{len(columns.order):,} gateways in {len(columns.counts)} bands of similar size, named by "
        "rank; single gateways are in the table of gateways. "
    )


def name_classes(figure: Figure, names: Sequence[str], details: Sequence[str] = ()) -> None:
    """Put the classes beside the picture, the uppermost of the stack first."""
    texts = [" ".join(each) for each in zip(names, details, strict=True)] if details else names
    colours = class_colours(len(names))
    patches = [Patch(color=c, label=t) for c, t in zip(colours, texts, strict=True)]
    figure.legend(
        handles=patches[::-1], loc="outside right upper", frameon=False, fontsize=9,
        handlelength=1, handleheight=1,
    )  # fmt: skip
