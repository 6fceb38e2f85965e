"""How unevenly a plan deals: a few numbers that say more than alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Skew:
    """Unevenness of a plan.

    Attributes
    ----------
    label_distance : float
        Mean total variation distance between a gateway's class shares and the fleet's,
        weighted by flows: 0 for equal shares, towards 1 for one class a gateway.
    size_gini : float
        Gini coefficient of the gateways' sizes: 0 for equal sizes, towards 1 for one
        gateway with everything.
    classes_seen : float
        Mean share of the fleet's classes that a gateway has.
    smallest, largest : int
        Flows of the smallest and the largest gateway.
    """

    label_distance: float
    size_gini: float
    classes_seen: float
    smallest: int
    largest: int


def measure_skew(label_counts: NDArray[np.int64]) -> Skew:
    """Measure a plan by its ``(K, C)`` flows of each class at each gateway."""
    sizes, whole = label_counts.sum(axis=1), label_counts.sum(axis=0)
    shares = label_counts / np.maximum(sizes, 1)[:, None]
    distances = 0.5 * np.abs(shares - whole / whole.sum()).sum(axis=1)
    seen = (label_counts > 0).sum(axis=1) / max(int((whole > 0).sum()), 1)
    return Skew(
        float(np.average(distances, weights=sizes)),
        _gini(sizes),
        float(seen.mean()),
        int(sizes.min()),
        int(sizes.max()),
    )


def _gini(sizes: NDArray[np.int64]) -> float:
    """Half the mean absolute difference between two gateways, over the mean size."""
    ordered, count = np.sort(sizes), len(sizes)
    ranks = 2 * np.arange(1, count + 1) - count - 1
    return float((ranks * ordered).sum() / (count * ordered.sum()))
