"""Size skew: busy and quiet gateways with the same mix of classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partitions.parameters import PartitionParameters


def quantity(
    gateways: int, rng: np.random.Generator, parameters: PartitionParameters
) -> NDArray[np.float64]:
    """Draw the gateways' sizes from ``Dir(alpha, ..., alpha)``; flows are random.

    Parameters
    ----------
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of the sizes.
    parameters : PartitionParameters
        Uses ``alpha``: small, and few gateways own nearly all flows.

    Returns
    -------
    ndarray
        ``(K,) float64``, shares of the flows.

    Notes
    -----
    Like NIID-Bench's ``iid-diff-quantity``, except that sizes are not drawn again while
    one is under the minimum: the smallest are filled from the largest.

    References
    ----------
    Q. Li, Y. Diao, Q. Chen, B. He, "Federated Learning on Non-IID Data Silos: An
    Experimental Study", ICDE 2022, section IV-C. https://arxiv.org/abs/2102.02079
    """
    return rng.dirichlet(np.full(gateways, parameters.alpha))
