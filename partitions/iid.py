"""No skew: every gateway has a random sample of all flows."""

from __future__ import annotations

import numpy as np

from fednids.config import Section
from partitions.interface import Assignment, Traffic


def iid(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Section, minimum: int
) -> Assignment:
    """Shuffle the flows and deal them like cards.

    Sizes differ by at most one, so any minimum that can be met is met.

    References
    ----------
    H. B. McMahan et al., "Communication-Efficient Learning of Deep Networks from
    Decentralized Data", AISTATS 2017, section 3 (IID). https://arxiv.org/abs/1602.05629
    """
    return rng.permutation(np.arange(len(traffic), dtype=np.int32) % np.int32(gateways))
