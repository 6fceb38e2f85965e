"""Time as it was recorded: contiguous blocks of the file."""

from __future__ import annotations

import numpy as np

from fednids.config import Section
from partitions.interface import Assignment, Traffic


def blocks(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Section, minimum: int
) -> Assignment:
    """Cut the flows into ``K`` blocks in file order; gateway 0 has the first.

    Sizes differ by at most one, so any minimum that can be met is met. Nothing is drawn.

    Notes
    -----
    The testbed of BoT-IoT ran one attack after another, so where a file keeps the time, few
    blocks have more than two classes. The deal of a shuffled file is iid.

    References
    ----------
    N. Koroniotis et al., "Towards the development of realistic botnet dataset in the
    Internet of Things for network forensic analytics: Bot-IoT dataset", Future Generation
    Computer Systems 100, 2019, section 3. https://arxiv.org/abs/1811.00701
    """
    return (np.arange(len(traffic)) * gateways // len(traffic)).astype(np.int32)
