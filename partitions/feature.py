"""Feature skew: gateways see different ranges of one feature."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fednids.config import Section
from partitions.interface import Assignment, Traffic


class Settings(Section):
    """What is sorted by, and how strictly."""

    feature: str = Field("IN_BYTES", description="column of the flow file that is sorted by")
    strength: float = Field(
        1.0, ge=0, le=1, description="how strictly it sorts: 0 is iid, 1 contiguous ranges"
    )


def feature(
    traffic: Traffic, gateways: int, rng: np.random.Generator, settings: Settings, minimum: int
) -> Assignment:
    """Sort the flows by a feature, more or less strictly, and cut them into ``K`` blocks.

    Each flow's place is ``strength * rank + (1 - strength) * u``, where ``rank`` in (0, 1)
    is its place by the feature, equal values in random order, and ``u`` is uniform. Strength
    1 gives contiguous ranges, gateway 0 the lowest; 0 is iid. Rank and place correlate by
    ``s / sqrt(s**2 + (1 - s)**2)`` for strength ``s``. Sizes differ by at most one, so any
    minimum that can be met is met.

    Raises
    ------
    PartitionError
        When there are no features, or none of that name.

    Notes
    -----
    flwr-datasets' ``ContinuousPartitioner`` adds normal noise to standardised values, so that
    heavy tails are sorted nearly strictly at the top and not at all below; ranks treat all
    flows alike. Columns are as in the file: durations are wrapped there
    (`fednids.flows.features`), and codes such as ``L7_PROTO`` sort by number.

    References
    ----------
    Q. Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study",
    ICDE 2022, section IV-B. https://arxiv.org/abs/2102.02079
    """
    values, vector = traffic.feature(settings.feature)
    _, place = np.unique(values, return_inverse=True)
    level = place.ravel()[vector]
    many = np.bincount(level)
    before = np.cumsum(many) - many
    flows, strength = len(traffic), settings.strength
    rank = (before[level] + rng.random(flows) * many[level]) / flows
    order = np.argsort(strength * rank + (1 - strength) * rng.random(flows))
    assignment = np.empty(flows, dtype=np.int32)
    assignment[order] = np.arange(flows) * gateways // flows
    return assignment
