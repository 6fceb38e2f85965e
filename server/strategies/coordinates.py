"""Median and trimmed mean of every weight by itself.

Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates",
ICML 2018, definitions 1 and 2. Numbers of windows, which a liar could name, do not count.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.updates import Updates, by_coordinate, mean_of_rows


@dataclass(frozen=True)
class Median:
    """Definition 1: the middle value, or the mean of the two; Flower's ``FedMedian``."""

    def fault(self, count: int) -> str | None:
        """Find nothing: any number of updates has a median."""
        return None

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Take every weight's median."""
        count = len(updates.matrix)
        middle = ((count - 1) // 2, count // 2)

        def medians(values: NDArray[np.float32]) -> NDArray[np.float64]:
            values.partition(middle, axis=1)
            return mean_of_rows(values[:, middle])

        return by_coordinate(updates.matrix, medians)


@dataclass(frozen=True)
class TrimmedMean:
    """Definition 2: the unweighted mean without the ``int(beta n)`` least and as many largest.

    As Flower's ``FedTrimmedAvg``.

    Attributes
    ----------
    beta : float
        Share left out at each end, from 0 to below 0.5.
    """

    beta: float

    def fault(self, count: int) -> str | None:
        """Find nothing: with a share below a half something is left of any number."""
        return None

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Take every weight's trimmed mean."""
        count = len(updates.matrix)
        cut = int(self.beta * count)

        def means(values: NDArray[np.float32]) -> NDArray[np.float64]:
            if cut:
                values.partition((cut, count - cut - 1), axis=1)
            return mean_of_rows(values[:, cut : count - cut])

        return by_coordinate(updates.matrix, means)
