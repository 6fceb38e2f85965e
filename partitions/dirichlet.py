"""Label skew: each class is spread over the gateways in Dirichlet shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from partitions.interface import Table
from partitions.parameters import PartitionParameters
from partitions.repair import raise_to_minimum
from partitions.tables import round_shares


def dirichlet(
    totals: NDArray[np.int64],
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Table:
    """Deal each class in shares drawn from ``Dir(alpha, ..., alpha)`` over the gateways.

    For class ``c``, ``p_c ~ Dir_K(alpha)`` and gateway ``k`` gets ``p_ck * n_c`` flows,
    rounded by `partitions.tables.round_shares`. Classes are drawn independently, so sizes
    are skewed too. A share has mean ``1 / K`` and variance
    ``(1 / K) (1 - 1 / K) / (K alpha + 1)``.

    Parameters
    ----------
    totals : ndarray
        ``(C,) int64``, flows of each class, which may be 0 or fewer than gateways.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of the shares.
    parameters : PartitionParameters
        Uses ``alpha`` (0.01: most classes sit at few gateways; 1000: nearly equal
        shares) and ``minimum`` (by `partitions.repair.raise_to_minimum`).

    Returns
    -------
    ndarray
        ``(K, C) int64``, flows of each class at each gateway.

    Notes
    -----
    flwr-datasets' ``DirichletPartitioner`` draws all shares again while a gateway is
    under the minimum, up to ten times, and then raises ``ValueError``; with a rare class,
    small alpha or 1,000 gateways it does so always. Here the first draw stands and the
    few small gateways are filled from the largest: always possible, same time for every
    alpha, and the shares of all other gateways keep their distribution. Its option
    ``self_balancing`` gives no further class to a gateway above the average size (from
    Yurochkin's code, not in the paper); here shares are as drawn. Hsu et al. draw
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
    shares = rng.dirichlet(np.full(gateways, parameters.alpha), size=len(totals))
    counts = round_shares(shares, totals, rng)
    return raise_to_minimum(counts, parameters.minimum, rng)
