"""Every gateway a random sample of all flows: the yardstick without skew."""

from __future__ import annotations

import numpy as np

from partitions.interface import Assignment, Traffic
from partitions.parameters import PartitionParameters


def iid(
    traffic: Traffic,
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Assignment:
    """Shuffle the flows and deal them like cards.

    Sizes differ by at most one, so any minimum that can be met is met. Uses no
    parameters.

    Parameters
    ----------
    traffic : Traffic
        Only the number of flows counts.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of the shuffle.
    parameters : PartitionParameters
        Not used.

    Returns
    -------
    ndarray
        ``(N,) int32``, gateway of each flow.

    References
    ----------
    H. B. McMahan et al., "Communication-Efficient Learning of Deep Networks from
    Decentralized Data", AISTATS 2017, section 3 (IID). https://arxiv.org/abs/1602.05629
    """
    return rng.permutation(np.arange(len(traffic), dtype=np.int32) % np.int32(gateways))
