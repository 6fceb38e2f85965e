"""RFA: the geometric median of the updates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.algorithms.robust import RobustRule, Updates, distances, weighted_sum
from fednids.config import Section


class Rfa(RobustRule):
    r"""The point with the least sum of distances to the updates, by smoothed Weiszfeld.

    Pillutla, Kakade, Harchaoui, "Robust Aggregation for Federated Learning", IEEE
    Transactions on Signal Processing 70, 2022, algorithm 2: it minimises
    :math:`\sum_k \alpha_k \|v - w_k\|` with :math:`\alpha_k = n_k / \sum_i n_i` by

    .. math:: \beta_k = \alpha_k / \max(\nu, \|v - w_k\|), \quad
              v \leftarrow \sum_k \beta_k w_k / \sum_k \beta_k.

    It begins at the global weights of the round: from the mean, which one malicious client can
    move anywhere, a few steps would not find back.
    """

    class Settings(Section):  # noqa: D106
        smoothing: float = Field(
            1e-6, gt=0, description="RFA's nu: smaller distances to the median count as this"
        )
        iterations: int = Field(
            3, ge=1, le=1000, description="steps of the search; RFA's paper finds 3 enough"
        )

    settings: Settings

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Return the point after all steps; a nu above all distances gives the mean in one."""
        shares = updates.examples / updates.examples.sum()
        point = updates.start.astype(np.float64)
        for _ in range(self.settings.iterations):
            apart = distances(updates.matrix, point)
            factors = shares / np.maximum(apart, self.settings.smoothing)
            point = weighted_sum(updates.matrix, factors) / factors.sum()
        return point
