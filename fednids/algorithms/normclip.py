"""Norm clipping: no client moves the global weights further than a given distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.algorithms.robust import RobustRule, Updates, distances, weighted_sum
from fednids.config import Section


class NormClip(RobustRule):
    r"""FedAvg of updates whose change is scaled down to a norm.

    Sun et al., "Can You Really Backdoor Federated Learning?", arXiv 1911.07963, section
    "Norm thresholding of updates": with :math:`\Delta_k = w_k - w_t`,

    .. math:: w_{t+1} = w_t + \sum_k \frac{n_k}{\sum_i n_i}
              \frac{\Delta_k}{\max(1, \|\Delta_k\| / M)}.

    With M above all norms it is FedAvg.
    """

    class Settings(Section):  # noqa: D106
        clip_norm: float = Field(
            0.0, ge=0, description="M, the longest change that counts in full; 0 for the median"
        )

    settings: Settings

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Return the mean of the changes after scaling."""
        norms = distances(updates.matrix, updates.start)
        most = self.settings.clip_norm or float(np.median(norms))
        scales = np.ones(len(norms))
        np.divide(most, norms, out=scales, where=norms > most)
        factors, windows = updates.examples * scales, float(updates.examples.sum())
        still = (windows - factors.sum()) * updates.start.astype(np.float64)
        moved: NDArray[np.float64] = (weighted_sum(updates.matrix, factors) + still) / windows
        return moved
