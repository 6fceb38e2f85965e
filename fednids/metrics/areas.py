"""Areas under curves from histograms, each with bounds that hold for the flows themselves.

Flows in different bins are in the right order; in which order flows of one bin are, a
histogram does not know. The value given takes them as ties, which is what scikit-learn gives
for the binned scores. The bounds are those of the best and of the worst order, so nothing
narrower can be said from the histogram, and the area of the scores themselves lies between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.metrics.histograms import Sides


@dataclass(frozen=True)
class Area:
    """An area under a curve.

    Attributes
    ----------
    value : float
        With the flows of a bin as ties; NaN where undefined.
    low, high : float
        Between these is the area of the scores themselves; NaN where undefined.
    """

    value: float
    low: float
    high: float


UNDEFINED = Area(math.nan, math.nan, math.nan)


def roc_area(sides: Sides) -> Area:
    """Give the area under the ROC curve, as scikit-learn's ``roc_auc_score``.

    It is the share of pairs of a positive and a negative in which the positive's score is
    higher, ties for a half. With `p` and `n` flows in a bin, ``p * n`` pairs are open:
    the value is off by at most half of their share of all pairs.

    Parameters
    ----------
    sides : Sides
        By the score of the positives.

    Returns
    -------
    Area
        Undefined without positives or without negatives.
    """
    positives, negatives = sides.positives, sides.negatives
    pairs = int(positives.sum()) * int(negatives.sum())
    if not pairs:
        return UNDEFINED
    certain = int(positives @ (np.cumsum(negatives) - negatives))
    tied = int(positives @ negatives)
    return Area((2 * certain + tied) / (2 * pairs), certain / pairs, (certain + tied) / pairs)


def precision_recall_area(sides: Sides) -> Area:
    """Give the average precision, as scikit-learn's ``average_precision_score``.

    It is the sum over thresholds, from the highest, of the precision times what the recall
    gains. For `p` positives and `n` negatives in a bin, behind `P` and `N` in higher bins,
    every positive's precision is at most ``(P + p) / (P + p + N)``, when all positives of
    the bin are tied above its negatives; and the i-th one's at least
    ``(P + i) / (P + i + N + n)``, when all its negatives come first.

    Parameters
    ----------
    sides : Sides
        By the score of the positives.

    Returns
    -------
    Area
        Undefined without positives; 1 without negatives.
    """
    whole = int(sides.positives.sum())
    if not whole:
        return UNDEFINED
    tied = low = high = 0.0
    above = below = 0
    for more, false in zip(sides.positives[::-1], sides.negatives[::-1], strict=True):
        p, n = int(more), int(false)
        if p:
            tied += p * (above + p) / (above + p + below + n)
            high += p * (above + p) / (above + p + below)
            low += _worst(above, p, below + n)
        above, below = above + p, below + n
    value, low = tied / whole, low / whole
    return Area(value, min(low, value), max(high / whole, value))


def _worst(above: int, more: int, false: int) -> float:
    """Add up the precisions of positives that come one by one after negatives."""
    found: NDArray[np.float64] = np.arange(above + 1, above + more + 1, dtype=np.float64)
    return float((found / (found + false)).sum())


def mean_area(areas: list[Area]) -> Area:
    """Average those areas that are defined, and their bounds."""
    defined = [area for area in areas if not math.isnan(area.value)]
    if not defined:
        return UNDEFINED
    found = np.array([(area.value, area.low, area.high) for area in defined]).mean(axis=0)
    return Area(*map(float, found))
