"""What a detector took each class of flows for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from fednids.report.figures.style import ink, styled


@styled
def confusion(final: Mapping[str, Any], note: str = "") -> Figure:
    """Counts, coloured by the share of each true class."""
    names, counts = final["classes"], np.array(final["confusion"])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(5.6, 4.6))
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(counts.shape):
        axes.text(
            column, row, f"{counts[row, column]:,}\n{shares[row, column]:.1%}",
            ha="center", va="center", fontsize=8,
            color=ink(image.to_rgba(shares[row, column])[:3]),
        )  # fmt: skip
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set(title=f"Test flows{note}", xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    return figure
