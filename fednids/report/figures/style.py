"""How every figure looks: colours, scales, words beside them, and how a picture is written.

Colours of classes follow Okabe and Ito (Color Universal Design, 2008), each moved until its
contrast with the background is at least 3:1. Amounts are drawn in Matplotlib's ``viridis`` and
``cividis``, which grow in lightness. The colour-blind can read both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray

CLASS_COLOURS = (
    ("#0877C5", "#3F8EE5"), ("#B74B08", "#F86F0F"), ("#BB8703", "#F0D233"), ("#008449", "#36C391"),
    ("#B37EAC", "#E3A0DD"), ("#5B2A86", "#B58CE0"), ("#8C9F70", "#B9CC9A"), ("#781C3B", "#E0809E"),
    ("#464E73", "#A3ADD6"), ("#E03FD8", "#F58AF0"), ("#1604A6", "#8A80FF"), ("#6B4A1B", "#C9A36B"),
    ("#2BA8A0", "#5FD8CF"), ("#333333", "#CFCFCF"), ("#E0607E", "#FF9DB0"),
)  # fmt: skip
"""A colour a class or series, in their order: on white, and on the page's dark background."""

COLOURS = tuple(light for light, _ in CLASS_COLOURS[:5])
"""The first five on white, which the colour-blind can tell apart."""

GREY, PALE = "#666666", "#D4D4D4"
"""What is no class: GREY in front, PALE behind."""

SMALL = 8.5
"""Points of the smallest text but for numbers in cells, which have 8."""

ROOM_FOR_NUMBERS = 12
"""Columns up to which each cell of a matrix has its number in it."""

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
    """Write a picture to a ``.png`` in a folder that is there; the same figure, the same bytes."""
    with mpl.rc_context(STYLE):
        figure.savefig(path, metadata={"Software": None})


def class_colours(count: int) -> list[str]:
    """Return the colour of each of so many classes on white; after 15 they repeat."""
    return [CLASS_COLOURS[k % len(CLASS_COLOURS)][0] for k in range(count)]


def headline(figure: Figure, text: str) -> None:
    """Write above the whole figure what is seen."""
    figure.suptitle(text, x=0.01, ha="left")


def caption(axes: Axes, text: str) -> None:
    """Write above one panel what it shows."""
    axes.set_title(text, fontsize=9, fontweight="normal", color=GREY)


def write_cells(
    axes: Axes, image: ScalarMappable, values: NDArray[np.float64], text: Callable[[int, int], str]
) -> None:
    """Write into the middle of each cell, black or white, what `text` returns for row and column.

    `values` are ``(R, C)``, as `image` colours them; nothing is written where one is NaN.
    """
    for row, column in np.argwhere(~np.isnan(values)).tolist():
        axes.text(
            column + 0.5, row + 0.5, text(row, column), ha="center", va="center", fontsize=8,
            color=ink(image.to_rgba(values[row, column])[:3]),
        )  # fmt: skip


def bare(axes: Axes) -> None:
    """Take away the frame, and the marks beside the numbers."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def ink(background: Any) -> str:
    """Return black for light colours and white for dark ones: 0.45 apart in luminance or more."""
    return "white" if luminance(background) < 0.45 else "black"


def luminance(colour: Any) -> float:
    """Return the lightness of a colour as it is shown, 0 for black to 1 for white (BT.601)."""
    return float(np.dot(to_rgb(colour), (0.299, 0.587, 0.114)))


def row_shares(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each count's share of the sum of its row; NaN in a row of zeros."""
    sums = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, sums, out=np.full(counts.shape, np.nan), where=sums > 0)


def percent(share: float) -> str:
    """Return a share in percent with one digit."""
    return f"{share:.1%}" if share >= 0.0005 or share == 0 else "<0.1%"


def count_gateways(count: int) -> str:
    """Write a number of gateways."""
    return f"{count:,} gateway{'s' * (count != 1)}"


def choose_ticks(low: float, high: float) -> list[float]:
    """Choose round values to write below an asinh scale from `low` to `high`, ``low < high``.

    They are 0 and powers of ten from 1 up, of either sign; with their doubles and fivefolds
    where there are few; plain steps where nothing else lies between.
    """
    powers = [10.0**power for power in range(19)]
    for steps in ((1,), (1, 2, 5)):
        above = [power * step for power in powers for step in steps]
        ticks = [tick for tick in (*(-np.array(above[::-1])), 0.0, *above) if low <= tick <= high]
        if len(ticks) > 3:
            return ticks
    if len(ticks) > 1:
        return ticks
    return [float(tick) for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]


def shorten(value: float) -> str:
    """Write a round value in at most a few letters: 250, 5k, 10M, 1G."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:,.4g}{letter}"
    return f"{value:.4g}"


def short_numbers() -> FuncFormatter:
    """Return a new writer of the numbers of one axis; axes must not share it."""
    return FuncFormatter(lambda value, _: shorten(value))


def scale_flows(axes: Axes, sizes: NDArray[Any]) -> None:
    """Scale the vertical axis to flows, logarithmically where sizes above 0 span over 20 times.

    One of the sizes must be above 0; at least two powers of ten have a number.
    """
    largest, smallest = sizes.max(), sizes[sizes > 0].min()
    if largest > 20 * smallest:
        axes.set(yscale="log", ylim=(max(smallest / 3, 0.5), largest * 1.7))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, largest * 1.08)
    axes.yaxis.set_major_formatter(short_numbers())


def powers_around(low: float, high: float) -> tuple[float, float]:
    """Return powers of ten at or below `low` and at or above `high`, never equal; ``low > 0``."""
    first, last = np.floor(np.log10(low)), np.ceil(np.log10(high))
    return float(10**first), float(10 ** max(last, first + 1))
