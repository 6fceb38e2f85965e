"""Bulyan: first select whole updates as Krum does, then trim every weight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.strategies.krum import ranking, too_many
from server.updates import Updates, by_coordinate, mean_of_rows


@dataclass(frozen=True)
class Bulyan:
    r"""The mean of the values next to the median, over the selected updates.

    El Mhamdi, Guerraoui, Rouault, "The Hidden Vulnerability of Distributed Learning in
    Byzantium", ICML 2018, section 4: of n updates :math:`\theta = n - 2 f` are selected; every
    weight is the mean of the :math:`\beta = \theta - 2 f` values that are closest to the median
    of the selected. As Flower's ``Bulyan``, which selects by the scores of one Multi-Krum,
    where the paper scores those that are left again after each choice.

    Of two values equally far from the median the smaller one counts.

    Attributes
    ----------
    malicious : int
        How many may lie (f); there must be at least 4 f + 3 updates.
    """

    malicious: int

    def fault(self, count: int) -> str | None:
        """Find too many liars."""
        return too_many(self.malicious, count, 4)

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Select, and average next to the median."""
        selected = len(updates.matrix) - 2 * self.malicious
        kept = selected - 2 * self.malicious
        rows = np.sort(ranking(updates, self.malicious)[:selected])
        return by_coordinate(updates.matrix, lambda values: _next_to_median(values, kept), rows)


def _next_to_median(values: NDArray[np.float32], kept: int) -> NDArray[np.float64]:
    """Average the `kept` values of each row ``(width, n)`` that are closest to its median.

    In sorted order they stand side by side: of all such runs they are the one whose farther
    end is closest.
    """
    values.sort(axis=1)
    count = values.shape[1]
    middle = [(count - 1) // 2, count // 2]
    median = mean_of_rows(values[:, middle])[:, None]
    below = median - values[:, : count - kept + 1]
    above = values[:, kept - 1 :] - median
    first = np.maximum(below, above).argmin(axis=1)
    run = first[:, None] + np.arange(kept)
    return mean_of_rows(np.take_along_axis(values, run, axis=1))
