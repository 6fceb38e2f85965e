"""Intervals of single runs: their gateways drawn again and again."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fednids.metrics import ConfusionCounts
from fednids.studies.statistics import CONFIDENCE, FEWEST, RESAMPLES

_CELLS = 4_000_000
"""Weights held at once."""


def draw_macro_f1(
    confusions: Sequence[ConfusionCounts], name: str, draws: int = RESAMPLES
) -> NDArray[np.float64]:
    """Draw gateways with replacement and score each draw.

    Parameters
    ----------
    confusions : sequence of ConfusionCounts
        One a gateway; those without test flows are left out.
    name : str
        Of the plan. It seeds the draws: two runs on one plan have the same gateways drawn, so
        that their draws are pairs.
    draws : int
        How many.

    Returns
    -------
    ndarray
        ``(draws,) float64`` macro-F1 over the classes that the gateways drawn have test flows
        of; all NaN for fewer than `FEWEST` gateways.

    Notes
    -----
    The cluster bootstrap: flows of a gateway are alike, and repeat, so flows drawn one by one
    would promise more than was seen (Davison and Hinkley, "Bootstrap Methods and their
    Application", 1997, section 3.8). What another seed would change is not in it.
    """
    matrices = [counts.matrix for counts in confusions if counts.total]
    count = len(matrices)
    if count < FEWEST:
        return np.full(draws, np.nan)
    flat = np.stack(matrices).reshape(count, -1).astype(np.float64)
    classes = len(matrices[0])
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    found, block = [], max(_CELLS // count, 1)
    for first in range(0, draws, block):
        times = rng.multinomial(count, np.full(count, 1 / count), min(block, draws - first))
        found.append(_macro_f1((times @ flat).reshape(-1, classes, classes)))
    return np.concatenate(found)


def ends(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Give the ends of the percentile interval; NaN where no draw is defined."""
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _macro_f1(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score ``(n, C, C)`` counts as `fednids.metrics.scores` does one."""
    support, taken = matrices.sum(axis=2), matrices.sum(axis=1)
    right = np.diagonal(matrices, axis1=1, axis2=2)
    either = support + taken
    f1 = np.divide(2 * right, either, out=np.zeros_like(right), where=either > 0)
    present = support > 0
    scored: NDArray[np.float64] = (f1 * present).sum(axis=1) / present.sum(axis=1)
    return scored
