"""Feature skew: gateways see different ranges of one feature."""

from __future__ import annotations

import numpy as np

from partitions.interface import Assignment, Traffic
from partitions.parameters import PartitionParameters


def feature(
    traffic: Traffic,
    gateways: int,
    rng: np.random.Generator,
    parameters: PartitionParameters,
) -> Assignment:
    """Sort the flows by a feature, more or less strictly, and cut them into ``K`` blocks.

    Each flow's place is ``strength * rank + (1 - strength) * u``, where ``rank`` in (0, 1)
    is its place by the feature, equal values in random order, and ``u`` is uniform. Strength
    1 gives contiguous ranges, gateway 0 the lowest; 0 is iid. Rank and place correlate by
    ``s / sqrt(s**2 + (1 - s)**2)`` for strength ``s``. Sizes differ by at most one, so any
    minimum that can be met is met.

    Parameters
    ----------
    traffic : Traffic
        Needs features and the vector of each flow.
    gateways : int
        ``K``.
    rng : numpy.random.Generator
        Source of ``u`` and of the order of equal values.
    parameters : PartitionParameters
        Uses ``feature`` and ``strength``.

    Returns
    -------
    ndarray
        ``(N,) int32``, gateway of each flow.

    Raises
    ------
    PartitionError
        When there are no features, or none of that name.

    Notes
    -----
    flwr-datasets' ``ContinuousPartitioner`` standardises the values and adds normal noise,
    so that bytes or packets with heavy tails are sorted nearly strictly at the top and not
    at all below; ranks treat all flows alike. NIID-Bench's FCUBE gives each party a fixed
    region of feature space. Columns are as in the file: durations are wrapped there
    (`fednids.flows.features`), and codes such as ``L7_PROTO`` sort by number.

    References
    ----------
    Q. Li et al., "Federated Learning on Non-IID Data Silos: An Experimental Study",
    ICDE 2022, section IV-B. https://arxiv.org/abs/2102.02079
    """
    values, vector = traffic.feature(parameters.feature)
    _, place = np.unique(values, return_inverse=True)
    level = place.ravel()[vector]
    many = np.bincount(level)
    before = np.cumsum(many) - many
    flows, strength = len(traffic), parameters.strength
    rank = (before[level] + rng.random(flows) * many[level]) / flows
    order = np.argsort(strength * rank + (1 - strength) * rng.random(flows))
    assignment = np.empty(flows, dtype=np.int32)
    assignment[order] = np.arange(flows) * gateways // flows
    return assignment
