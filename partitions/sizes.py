"""Size skew: the sizes of gateways follow a curve or a draw, their flows are random.

Sizes follow the shares to within one flow, but where a gateway would have less than the
minimum: these are filled from the largest (`partitions.families.whole_sizes`).

References
----------
flwr-datasets 0.6, ``LinearPartitioner``, ``SquarePartitioner``, ``ExponentialPartitioner``
and ``DistributionPartitioner``, which take the flows in file order, leave what rounding leaves
over to the last gateway, and fail where a size comes out as 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.config import Section
from partitions import dirichlet
from partitions.families import Shares, SizeScheme


class Spread(Section):
    """How unequal sizes are."""

    spread: float = Field(
        1.0, ge=0, le=10, description="of sizes: log-normal's sigma, power-law's exponent; 0 equal"
    )


@SizeScheme
def equal(gateways: int, rng: np.random.Generator, settings: Section) -> Shares:
    """Return the same share for every gateway."""
    return np.full(gateways, 1 / gateways)


@SizeScheme
def quantity(gateways: int, rng: np.random.Generator, settings: dirichlet.Settings) -> Shares:
    """Draw the gateways' sizes from ``Dir(alpha, ..., alpha)``.

    A small alpha, and few gateways own nearly all flows.

    References
    ----------
    Q. Li, Y. Diao, Q. Chen, B. He, "Federated Learning on Non-IID Data Silos: An
    Experimental Study", ICDE 2022, section IV-C. https://arxiv.org/abs/2102.02079
    (NIID-Bench's ``iid-diff-quantity``, which draws again while a size is under the minimum.)
    """
    return rng.dirichlet(np.full(gateways, settings.alpha))


@SizeScheme
def linear(gateways: int, rng: np.random.Generator, settings: Section) -> Shares:
    """Return for gateway ``i``, from 1, a share proportional to ``i``."""
    return _shares(np.log(_ranks(gateways)))


@SizeScheme
def square(gateways: int, rng: np.random.Generator, settings: Section) -> Shares:
    """Return for gateway ``i``, from 1, a share proportional to ``i ** 2``."""
    return _shares(2.0 * np.log(_ranks(gateways)))


@SizeScheme
def exponential(gateways: int, rng: np.random.Generator, settings: Section) -> Shares:
    """Return for gateway ``i``, from 1, a share proportional to ``e ** i``.

    The last gateway has 63 % of all flows whatever the number of gateways, and from the 15th
    last on the rest have no flow but the minimum.
    """
    return _shares(_ranks(gateways))


@SizeScheme
def log_normal(gateways: int, rng: np.random.Generator, settings: Spread) -> Shares:
    """Draw sizes whose logarithm is normal with standard deviation ``spread``.

    As in Acar et al., "Federated Learning Based on Dynamic Regularization", ICLR 2021,
    https://arxiv.org/abs/2111.04263, whose code calls it unbalanced.
    """
    return _shares(settings.spread * rng.standard_normal(gateways))


@SizeScheme
def power_law(gateways: int, rng: np.random.Generator, settings: Spread) -> Shares:
    """Return for gateway ``i``, from 1, a share proportional to ``i ** -spread``, Zipf's law.

    Sizes that follow a power law are in T. Li et al., "Federated Optimization in
    Heterogeneous Networks", MLSys 2020, section 5.1, https://arxiv.org/abs/1812.06127;
    they are drawn there and follow from the rank here, the first gateway being largest.
    """
    return _shares(-settings.spread * np.log(_ranks(gateways)))


def _ranks(gateways: int) -> NDArray[np.float64]:
    return np.arange(1, gateways + 1, dtype=np.float64)


def _shares(logarithms: NDArray[np.float64]) -> Shares:
    """Turn logarithms of weights into shares, without overflow."""
    weights = np.exp(logarithms - logarithms.max())
    shares: Shares = weights / weights.sum()
    return shares
