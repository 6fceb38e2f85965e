"""How every picture looks, and how it is written.

Colours of classes are Okabe and Ito's (Color Universal Design, 2008), and amounts are drawn
in Matplotlib's ``viridis`` and ``cividis``, which grow in lightness; the colour-blind can
read both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7")
"""One colour a class, in the order of the classes."""

GREY, PALE = "#666666", "#D4D4D4"
"""What is no class: GREY in front, PALE behind."""

SMALL = 8.5
"""Points of the smallest text but for numbers in cells, which have 8."""

STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "figure.titleweight": "bold",
    "figure.titlesize": 12,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "hatch.linewidth": 0.6,
}

Arguments = ParamSpec("Arguments")


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Make a function draw in the house style, and leave the caller's style alone."""

    @wraps(draw)
    def inside(*args: Arguments.args, **named: Arguments.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **named)

    return inside


def save(figure: Figure, path: Path) -> None:
    """Write a picture; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        As a function of this package gives it.
    path : Path
        A name that ends in ``.png``, in a folder that is there.
    """
    with mpl.rc_context(STYLE):
        figure.savefig(path, metadata={"Software": None})


def headline(figure: Figure, text: str) -> None:
    """Say above the whole figure what is seen."""
    figure.suptitle(text, x=0.01, ha="left")


def caption(axes: Axes, text: str) -> None:
    """Say above one panel what it shows."""
    axes.set_title(text, fontsize=9, fontweight="normal", color=GREY)


def ink(background: Any) -> str:
    """Black on light colours and white on dark ones: at least 0.45 apart in luminance."""
    return "white" if luminance(background) < 0.45 else "black"


def luminance(colour: Any) -> float:
    """Lightness of a colour as it is shown, from 0 for black to 1 for white (ITU-R BT.601)."""
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))
