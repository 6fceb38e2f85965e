"""Median and trimmed mean of every weight by itself.

Yin et al., "Byzantine-Robust Distributed Learning: Towards Optimal Statistical Rates", ICML 2018,
definitions 1 and 2. Numbers of windows, which a malicious client may invent, do not count.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.algorithms.robust import RobustRule, Updates, by_coordinate, mean_of_rows
from fednids.config import Section


class FedMedian(RobustRule):
    """Definition 1: the middle value, or the mean of the two; Flower's ``FedMedian``."""

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Return every weight's median."""
        count = len(updates.matrix)
        middle = ((count - 1) // 2, count // 2)

        def medians(values: NDArray[np.float32]) -> NDArray[np.float64]:
            values.partition(middle, axis=1)
            return mean_of_rows(values[:, middle])

        return by_coordinate(updates.matrix, medians)


class FedTrimmedAvg(RobustRule):
    """Definition 2: the unweighted mean without the ``int(beta n)`` least and as many largest.

    As Flower's ``FedTrimmedAvg``.
    """

    class Settings(Section):  # noqa: D106
        beta: float = Field(
            0.2, ge=0, lt=0.5, description="share of the values that is left out at each end"
        )

    settings: Settings

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Return every weight's trimmed mean."""
        count = len(updates.matrix)
        cut = int(self.settings.beta * count)

        def means(values: NDArray[np.float32]) -> NDArray[np.float64]:
            if cut:
                values.partition((cut, count - cut - 1), axis=1)
            return mean_of_rows(values[:, cut : count - cut])

        return by_coordinate(updates.matrix, means)
