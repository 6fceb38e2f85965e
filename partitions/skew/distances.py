"""Mixes of classes, and distances between two of them.

Each distance takes two arrays of shares ``(..., C)`` that broadcast, and returns ``(...)`` from 0,
the same mix, to 1, no class in common. All are symmetric, and NaN where either mix is. The
earth mover's distance between class mixes of Zhao et al. ("Federated Learning with Non-IID
Data", arXiv 1806.00582), the sum of the absolute differences, is twice the total variation
and has no entry of its own.

Between a gateway and a fleet whose flows include the gateway's none of them reaches 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from partitions.interface import Table

Values = NDArray[np.float64]
"""Numbers measured at gateways, classes or the fleet; NaN where undefined."""

Distance = Callable[[Values, Values], Values]

_ROWS = 32
"""Gateways compared with all others at a time, so that what is made fits the cache."""


def class_shares(table: Table) -> Values:
    """Return the share of each class in ``(..., C) int64`` flows; NaN where there is no flow."""
    sizes = table.sum(axis=-1, keepdims=True)
    shares: Values = np.divide(table, sizes, out=np.full(table.shape, np.nan), where=sizes > 0)
    return shares


def entropy(shares: Values) -> Values:
    """Return Shannon's entropy of ``(..., C)`` shares in bits, ``(...)``: 0 to ``log2(C)``."""
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares != 0)
    bits: Values = np.maximum(-(shares * logarithms).sum(axis=-1), 0.0)
    return bits


def relative_entropy(shares: Values, reference: Values) -> Values:
    """Return the Kullback-Leibler divergence of ``(..., C)`` shares in bits, ``(...)``, from 0.

    The reference, of the shape that both broadcast to, is above 0 wherever the shares are. NaN
    where these are NaN.
    """
    ratio = np.divide(shares, reference, out=np.ones_like(reference), where=shares != 0)
    bits: Values = (shares * np.log2(ratio)).sum(axis=-1)
    return bits


def jensen_shannon(one: Values, other: Values) -> Values:
    """Return the Jensen-Shannon divergence to base 2.

    It is the divergence and not its square root, the Jensen-Shannon distance, which
    ``scipy.spatial.distance.jensenshannon`` returns.

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 37, 1991, doi 10.1109/18.61115
    """
    middle = (one + other) / 2
    divergence = (relative_entropy(one, middle) + relative_entropy(other, middle)) / 2
    return np.clip(divergence, 0.0, 1.0)


def hellinger(one: Values, other: Values) -> Values:
    """Return the Hellinger distance, ``sqrt(sum((sqrt(p) - sqrt(q))**2) / 2)``.

    References
    ----------
    E. Hellinger, "Neue Begründung der Theorie quadratischer Formen von unendlichvielen
    Veränderlichen", Journal für die reine und angewandte Mathematik 136, 1909
    """
    squares = (np.sqrt(one) - np.sqrt(other)) ** 2
    distance: Values = np.minimum(np.sqrt(squares.sum(axis=-1) / 2), 1.0)
    return distance


def total_variation(one: Values, other: Values) -> Values:
    """Return the total variation distance: the share of flows to relabel to get equal mixes."""
    distance: Values = np.minimum(np.abs(one - other).sum(axis=-1) / 2, 1.0)
    return distance


DISTANCES: dict[str, Distance] = {
    "jensen_shannon": jensen_shannon,
    "hellinger": hellinger,
    "total_variation": total_variation,
}
"""Each distance between class mixes, by its name in reports."""


def label_pairs(table: Table, distance: Distance) -> Values:
    """Return the distances, members of `DISTANCES`, between the mixes of every two gateways.

    The table is ``(K, C) int64``, the distances are ``(K, K) float64`` from 0 to 1, and NaN for a
    gateway without flows.
    """
    shares = class_shares(table)
    blocks = [
        distance(shares[start : start + _ROWS, None], shares[None])
        for start in range(0, len(shares), _ROWS)
    ]
    return np.concatenate(blocks)
