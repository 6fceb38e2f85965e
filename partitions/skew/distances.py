"""Distances between two mixes of classes.

Each takes two arrays of shares ``(..., C)`` that broadcast, and gives ``(...)`` from 0, the
same mix, to 1, no class in common. All are symmetric, and NaN where either mix is. The
earth mover's distance between class mixes of Zhao et al. ("Federated Learning with Non-IID
Data", arXiv 1806.00582), the sum of the absolute differences, is twice the total variation
and has no entry of its own.

Between a gateway and a fleet whose flows include the gateway's none of them reaches 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from partitions.skew.shares import Values

Distance = Callable[[Values, Values], Values]


def jensen_shannon(one: Values, other: Values) -> Values:
    """Give the Jensen-Shannon divergence to base 2.

    It is the divergence and not its square root, the Jensen-Shannon distance, which is what
    ``scipy.spatial.distance.jensenshannon`` gives.

    References
    ----------
    J. Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on
    Information Theory 37, 1991, doi 10.1109/18.61115
    """
    middle = (one + other) / 2
    divergence = (relative_entropy(one, middle) + relative_entropy(other, middle)) / 2
    return np.clip(divergence, 0.0, 1.0)


def hellinger(one: Values, other: Values) -> Values:
    """Give the Hellinger distance, ``sqrt(sum((sqrt(p) - sqrt(q))**2) / 2)``.

    References
    ----------
    E. Hellinger, "Neue Begründung der Theorie quadratischer Formen von unendlichvielen
    Veränderlichen", Journal für die reine und angewandte Mathematik 136, 1909
    """
    squares = (np.sqrt(one) - np.sqrt(other)) ** 2
    distance: Values = np.minimum(np.sqrt(squares.sum(axis=-1) / 2), 1.0)
    return distance


def total_variation(one: Values, other: Values) -> Values:
    """Give the total variation distance: the share of flows to relabel to get equal mixes."""
    distance: Values = np.minimum(np.abs(one - other).sum(axis=-1) / 2, 1.0)
    return distance


def relative_entropy(shares: Values, reference: Values) -> Values:
    """Give the Kullback-Leibler divergence in bits.

    Parameters
    ----------
    shares : ndarray
        ``(..., C)``.
    reference : ndarray
        Of the shape that both broadcast to, and above 0 wherever `shares` are.

    Returns
    -------
    ndarray
        ``(...)``, from 0; NaN where `shares` are NaN.
    """
    ratio = np.divide(shares, reference, out=np.ones_like(reference), where=shares != 0)
    bits: Values = (shares * np.log2(ratio)).sum(axis=-1)
    return bits


DISTANCES: dict[str, Distance] = {
    "jensen_shannon": jensen_shannon,
    "hellinger": hellinger,
    "total_variation": total_variation,
}
"""Each distance between class mixes, by its name in reports."""
