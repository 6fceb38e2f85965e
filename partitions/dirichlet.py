"""Label skew: each class is spread over the gateways in Dirichlet shares."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fednids.config import Section
from partitions.families import LabelScheme
from partitions.interface import Table, Traffic
from partitions.tables import raise_to_minimum, round_shares


class Settings(Section):
    """How strong the skew is."""

    alpha: float = Field(
        0.5, ge=1e-6, le=1e6, description="concentration of the Dirichlet draws; small is skewed"
    )


@LabelScheme
def dirichlet(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Table:
    """Deal each class in shares drawn from ``Dir(alpha, ..., alpha)`` over the gateways.

    For class ``c``, ``p_c ~ Dir_K(alpha)`` and gateway ``k`` gets ``p_ck * n_c`` flows,
    rounded by `partitions.tables.round_shares`. Classes are drawn independently, so sizes
    are skewed too. A share has mean ``1 / K`` and variance
    ``(1 / K) (1 - 1 / K) / (K alpha + 1)``.

    Notes
    -----
    flwr-datasets' ``DirichletPartitioner`` draws all shares again while a gateway is under the
    minimum, and fails after ten times: always with a rare class, small alpha or 1,000 gateways.
    Here the first draw stands and the few small gateways are filled from the largest, so the
    shares of all others keep their distribution. Its option ``self_balancing``, from Yurochkin's
    code and not in the paper, is left out. Hsu et al. draw the other way round, a mix of classes
    for each gateway, at equal sizes; the alphas of the two are alike in spirit, not in value.

    References
    ----------
    M. Yurochkin et al., "Bayesian Nonparametric Federated Learning of Neural Networks",
    ICML 2019, section 4. https://arxiv.org/abs/1905.12022 (shares of each class).
    T.-M. H. Hsu, H. Qi, M. Brown, "Measuring the Effects of Non-Identical Data
    Distribution for Federated Visual Classification", 2019, section 3.
    https://arxiv.org/abs/1909.06335 (alpha as the dial of skew).
    """
    shares = rng.dirichlet(np.full(gateways, settings.alpha), size=len(traffic.totals))
    counts = round_shares(shares, traffic.totals, rng)
    return raise_to_minimum(counts, minimum, rng)
