"""Feature skew by noise: each gateway measures less exactly than the one before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fednids.config import Section
from partitions.iid import iid
from partitions.interface import Assignment, Traffic


class Settings(Section):
    """How noisy the last gateway is."""

    noise: float = Field(
        0.5, ge=0, le=100, description="noise of the last gateway, in standard deviations"
    )


def noise(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Assignment:
    """Deal as ``iid`` does; the gateway of a flow decides how noisy its features are.

    The noise itself is `noisy_vectors`, added to what a detector sees.

    References
    ----------
    Q. Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study",
    ICDE 2022, section IV-B. https://arxiv.org/abs/2102.02079
    """
    return iid(traffic, gateways, rng, settings, minimum)


def noise_level(settings: Section) -> float:
    """Return the noise of the last gateway, of the default with settings of another scheme.

    A plan that was dealt by ``noise`` is noisy whichever scheme the settings of a run name.
    """
    return (settings if isinstance(settings, Settings) else Settings()).noise


def noisy_vectors(
    vectors: NDArray[np.float32],
    deviation: NDArray[np.float64],
    levels: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Add Gaussian noise to ``(N, F) float32`` features, more to some flows than to others.

    Parameters
    ----------
    deviation : ndarray
        ``(F,)``, standard deviation of each feature over the training flows.
    levels : ndarray
        ``(N,)``, standard deviation of a flow's noise, in units of `deviation`. Where it is 0, the
        bits stay the same.

    Notes
    -----
    Party ``i`` of ``K`` of Li et al. has a variance of ``level * i / K``; their code takes that
    number as a standard deviation, and so do we, since flow features have units. All features
    get noise, flags too: what comes out need not be a flow that can exist.
    """
    drawn = rng.standard_normal(vectors.shape, dtype=np.float32)
    drawn *= deviation.astype(np.float32)
    drawn *= levels.astype(np.float32)[:, None]
    drawn += vectors
    return drawn
