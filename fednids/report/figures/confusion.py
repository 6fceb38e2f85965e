"""What a detector took each class of flows for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fednids.report.figures.style import styled, write_cell


def shares_of_true(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each count's share of its true class, ``(C, C)``; NaN for a class without flows."""
    flows = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, flows, out=np.full(counts.shape, np.nan), where=flows > 0)


@styled
def confusion(counts: NDArray[np.int64], names: Sequence[str], note: str = "") -> Figure:
    """Draw counts, coloured by the share of each true class.

    Parameters
    ----------
    counts : ndarray
        ``(C, C) int64``, true class by predicted class.
    names : sequence of str
        Of the C classes.
    note : str
        Put behind the title.
    """
    shares, places = shares_of_true(counts), np.arange(len(names)) + 0.5
    figure = Figure(figsize=(2.2 + 0.68 * len(places), 1.2 + 0.68 * len(places)))
    axes = figure.subplots()
    image = axes.imshow(
        np.nan_to_num(shares), cmap="Blues", vmin=0, vmax=1,
        extent=(0, len(places), len(places), 0),
    )  # fmt: skip
    for row, column in np.ndindex(counts.shape):
        share = shares[row, column]
        text = f"{counts[row, column]:,}\n{'–' if np.isnan(share) else f'{share:.1%}'}"
        write_cell(axes, row, column, text, image.to_rgba(np.nan_to_num(share))[:3])
    axes.set_xticks(places, names, rotation=30, ha="right")
    axes.set_yticks(places, names)
    axes.set(title=f"Test flows{note}", xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    return figure
