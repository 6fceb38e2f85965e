"""RFA: the geometric median of the updates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.updates import Updates, distances, weighted_sum


@dataclass(frozen=True)
class GeometricMedian:
    r"""The point with the least sum of distances to the updates, by smoothed Weiszfeld.

    Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning", IEEE
    Transactions on Signal Processing 70, 2022, algorithm 2: it minimises
    :math:`\sum_k \alpha_k \|v - w_k\|` with :math:`\alpha_k = n_k / \sum_i n_i` by

    .. math:: \beta_k = \alpha_k / \max(\nu, \|v - w_k\|), \quad
              v \leftarrow \sum_k \beta_k w_k / \sum_k \beta_k.

    It begins at the global weights of the round: from the mean, which one liar can move
    anywhere, a few steps would not find back.

    Attributes
    ----------
    smoothing : float
        :math:`\nu`, above 0. Where it is above all distances one step gives the mean.
    iterations : int
        Steps, at least 1; the paper finds 3 enough.
    """

    smoothing: float
    iterations: int

    def fault(self, count: int) -> str | None:
        """Find nothing: any number of updates has a geometric median."""
        return None

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Make all steps."""
        shares = updates.examples / updates.examples.sum()
        point = updates.start.astype(np.float64)
        for _ in range(self.iterations):
            factors = shares / np.maximum(distances(updates.matrix, point), self.smoothing)
            point = weighted_sum(updates.matrix, factors) / factors.sum()
        return point
