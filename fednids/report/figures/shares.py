"""Stacked class shares, the body of more than one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from fednids.report.figures.columns import Columns
from fednids.report.figures.style import COLOURS, SMALL

FEW = 30
"""Columns up to which each stands apart, with a number of its own."""


def stack_shares(
    axes: Axes,
    edges: NDArray[Any],
    shares: NDArray[np.float64],
    *,
    bottom: float = 0.0,
    height: float = 1.0,
) -> None:
    """Draw one step a class, from the first class up; a column of NaN stays empty.

    Parameters
    ----------
    axes : Axes
        Where to draw.
    edges : ndarray
        ``(M + 1,)``, where columns begin and end.
    shares : ndarray
        ``(M, C) float64``, each row sums to 1 or is NaN.
    bottom, height : float
        Where shares of 0 and of 1 are drawn: at ``bottom`` and ``bottom + height``.
    """
    tops = bottom + height * np.cumsum(shares, axis=1).T
    bases = np.vstack([np.where(np.isnan(tops[:1]), np.nan, bottom), tops[:-1]])
    for top, base, colour in zip(tops, bases, COLOURS, strict=False):
        axes.stairs(top, edges, baseline=base, fill=True, color=colour, lw=0)
    if len(edges) <= FEW + 1:
        axes.vlines(edges, bottom, bottom + height, color="white", lw=2)


def number_gateways(axes: Axes, columns: Columns) -> None:
    """Name each gateway below its column where there is room, else count places."""
    if len(columns.order) <= FEW:
        axes.set_xticks(columns.centres, [str(k) for k in columns.order], fontsize=SMALL)
        axes.set_xlabel("gateway, sorted by its commonest class, then by that class's share")
    else:
        axes.set_xlabel("gateways, sorted by their commonest class, then by that class's share")
        axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlim(0, len(columns.order))


def name_classes(figure: Figure, names: Sequence[str], details: Sequence[str] = ()) -> None:
    """Put the classes beside the picture, the uppermost of the stack first."""
    texts = [" ".join(each) for each in zip(names, details, strict=True)] if details else names
    patches = [Patch(color=c, label=t) for c, t in zip(COLOURS, texts, strict=False)]
    figure.legend(
        handles=patches[::-1], loc="outside right upper", frameon=False, fontsize=9,
        handlelength=1, handleheight=1,
    )  # fmt: skip


def gather_note(columns: Columns) -> str:
    """Say how many gateways a column stands for, or nothing where it is one."""
    return f"each column is {columns.width} gateways together" if columns.width > 1 else ""
