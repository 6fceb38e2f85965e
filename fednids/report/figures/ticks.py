"""Scales of flows and of features, and round numbers beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter
from numpy.typing import NDArray


def choose_ticks(low: float, high: float) -> list[float]:
    """Round values to write below an asinh scale.

    Parameters
    ----------
    low, high : float
        Where the scale begins and ends, ``low < high``.

    Returns
    -------
    list of float
        0 and powers of ten from 1 up, of either sign; with their doubles and fivefolds where
        there are few; plain steps where nothing else lies between.
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
    """A new writer of the numbers of one axis; axes must not share it."""
    return FuncFormatter(lambda value, _: shorten(value))


def scale_flows(axes: Axes, sizes: NDArray[Any]) -> None:
    """Count flows upwards, by powers of ten where sizes above 0 span over 20 times.

    Parameters
    ----------
    axes : Axes
        Its vertical axis gets scale, ends and numbers; at least two powers of ten have one.
    sizes : ndarray
        Of all gateways, one of them above 0.
    """
    largest, smallest = sizes.max(), sizes[sizes > 0].min()
    if largest > 20 * smallest:
        axes.set(yscale="log", ylim=(max(smallest / 3, 0.5), largest * 1.7))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        axes.set_ylim(0, largest * 1.08)
    axes.yaxis.set_major_formatter(short_numbers())


def powers_around(low: float, high: float) -> tuple[float, float]:
    """Powers of ten at or below `low` and at or above `high`, never the same; ``low > 0``."""
    first, last = np.floor(np.log10(low)), np.ceil(np.log10(high))
    return float(10**first), float(10 ** max(last, first + 1))
