"""Size skew: busy and quiet gateways with the same mix of classes."""

from __future__ import annotations

import numpy as np

from partitions.interface import Assignment, Labels, PartitionParameters
from partitions.repair import raise_to_minimum
from partitions.tables import deal_table, round_shares


def quantity(
    labels: Labels,
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Assignment:
    """Draw the gateways' sizes from ``Dir(alpha, ..., alpha)``; flows are random.

    Parameters
    ----------
    labels : ndarray
        ``(N,) uint8``; only their number counts.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of the sizes and of the shuffle.
    parameters : PartitionParameters
        Uses ``alpha`` (small: few gateways own nearly all flows) and ``minimum``
        (by `partitions.repair.raise_to_minimum`).

    Returns
    -------
    ndarray
        ``(N,) int32``, gateway of each flow.

    Notes
    -----
    Like NIID-Bench's ``iid-diff-quantity``, except that sizes are not drawn again while
    one is under the minimum: the smallest are filled from the largest.

    References
    ----------
    Q. Li, Y. Diao, Q. Chen, B. He, "Federated Learning on Non-IID Data Silos: An
    Experimental Study", ICDE 2022, section IV-C. https://arxiv.org/abs/2102.02079
    """
    alike = np.zeros_like(labels)
    shares = rng.dirichlet(np.full(gateways, parameters.alpha), size=1)
    sizes = round_shares(shares, np.bincount(alike), rng)
    sizes = raise_to_minimum(sizes, parameters.minimum, rng)
    return deal_table(alike, sizes, rng)
