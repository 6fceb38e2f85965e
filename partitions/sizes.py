"""Size skew by a formula: the sizes of gateways follow a curve, their flows are random.

The curve is followed to within one flow, but where a gateway would have less than the
minimum: these are filled from the largest (`partitions.families.whole_sizes`).

References
----------
flwr-datasets 0.6, ``LinearPartitioner``, ``SquarePartitioner``, ``ExponentialPartitioner``
and ``DistributionPartitioner``. They round all sizes down and give what is left to the last
gateway, take the flows in file order, and raise ``ValueError`` where a size comes out as 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.config import Section
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

    Computed as ``e ** (i - K)``, which never overflows; flwr-datasets' ``exp(i)`` does from
    710 gateways on. The last gateway has 63 % of all flows whatever the number of
    gateways, and from the 15th last on the rest have no flow but the minimum.
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
