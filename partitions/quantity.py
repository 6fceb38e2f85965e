"""Size skew: busy and quiet gateways with the same mix of classes."""

from __future__ import annotations

import numpy as np

from partitions.dirichlet import Settings
from partitions.families import Shares, SizeScheme


@SizeScheme
def quantity(gateways: int, rng: np.random.Generator, settings: Settings) -> Shares:
    """Draw the gateways' sizes from ``Dir(alpha, ..., alpha)``; flows are random.

    A small alpha, and few gateways own nearly all flows.

    Notes
    -----
    Like NIID-Bench's ``iid-diff-quantity``, except that sizes are not drawn again while
    one is under the minimum: the smallest are filled from the largest.

    References
    ----------
    Q. Li, Y. Diao, Q. Chen, B. He, "Federated Learning on Non-IID Data Silos: An
    Experimental Study", ICDE 2022, section IV-C. https://arxiv.org/abs/2102.02079
    """
    return rng.dirichlet(np.full(gateways, settings.alpha))
