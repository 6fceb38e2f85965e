"""Norm clipping: nobody moves the global weights further than a given distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from server.updates import Updates, distances, weighted_sum


@dataclass(frozen=True)
class NormClip:
    r"""FedAvg of updates whose change is scaled down to a norm.

    Sun et al., "Can You Really Backdoor Federated Learning?", arXiv 1911.07963, section
    "Norm thresholding of updates": with :math:`\Delta_k = w_k - w_t`,

    .. math:: w_{t+1} = w_t + \sum_k \frac{n_k}{\sum_i n_i}
              \frac{\Delta_k}{\max(1, \|\Delta_k\| / M)}.

    With M above all norms it is FedAvg.

    Attributes
    ----------
    clip_norm : float
        M; 0 for the median of the round's norms.
    """

    clip_norm: float

    def fault(self, count: int) -> str | None:
        """Find nothing: any number of updates can be clipped."""
        return None

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Scale down, and average."""
        norms = distances(updates.matrix, updates.start)
        most = self.clip_norm or float(np.median(norms))
        scales = np.ones(len(norms))
        np.divide(most, norms, out=scales, where=norms > most)
        factors, windows = updates.examples * scales, float(updates.examples.sum())
        still = (windows - factors.sum()) * updates.start.astype(np.float64)
        moved: NDArray[np.float64] = (weighted_sum(updates.matrix, factors) + still) / windows
        return moved
