"""Label skew: each class is spread over the gateways in Dirichlet shares."""

from __future__ import annotations

import numpy as np

from partitions.interface import Assignment, Labels, PartitionParameters
from partitions.repair import raise_to_minimum
from partitions.tables import deal_table, round_shares


def dirichlet(
    labels: Labels,
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Assignment:
    """Deal each class in shares drawn from ``Dir(alpha, ..., alpha)`` over the gateways.

    For class ``c``, ``p_c ~ Dir_K(alpha)`` and gateway ``k`` gets ``p_ck * n_c`` flows,
    rounded by `partitions.tables.round_shares`. Classes are drawn independently, so sizes
    are skewed too. A share has mean ``1 / K`` and variance
    ``(1 / K) (1 - 1 / K) / (K alpha + 1)``.

    Parameters
    ----------
    labels : ndarray
        ``(N,) uint8``. Classes may be empty or have fewer flows than there are gateways.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of the shares and of the flows within a class.
    parameters : PartitionParameters
        Uses ``alpha`` (0.01: most classes sit at few gateways; 1000: nearly equal
        shares) and ``minimum`` (by `partitions.repair.raise_to_minimum`).

    Returns
    -------
    ndarray
        ``(N,) int32``, gateway of each flow.

    Notes
    -----
    flwr-datasets' ``DirichletPartitioner`` draws all shares again while a gateway is
    under the minimum, up to ten times, and then raises ``ValueError``; with a rare class,
    small alpha or 1,000 gateways it does so always. Here the first draw stands and the
    few small gateways are filled from the largest: always possible, same time for every
    alpha, and the shares of all other gateways keep their distribution. By default it
    also gives no further class to a gateway above the average size (``self_balancing``,
    from Yurochkin's code, not in the paper); here shares are as drawn. Hsu et al. draw
    the other way round, a mix of classes for each gateway, at equal sizes; the alphas of
    the two are alike in spirit, not in value.

    References
    ----------
    M. Yurochkin et al., "Bayesian Nonparametric Federated Learning of Neural Networks",
    ICML 2019, section 4. https://arxiv.org/abs/1905.12022 (shares of each class).
    T.-M. H. Hsu, H. Qi, M. Brown, "Measuring the Effects of Non-Identical Data
    Distribution for Federated Visual Classification", 2019, section 3.
    https://arxiv.org/abs/1909.06335 (alpha as the dial of skew).
    """
    totals = np.bincount(labels)
    shares = rng.dirichlet(np.full(gateways, parameters.alpha), size=len(totals))
    counts = round_shares(shares, totals, rng)
    counts = raise_to_minimum(counts, parameters.minimum, rng)
    return deal_table(labels, counts, rng)
