"""Label skew of a table that is no distance: what gateways lack, and what they give away.

Each function takes a table of flows ``(K, C) int64``.
"""

from __future__ import annotations

import numpy as np

from partitions.interface import Table
from partitions.skew.distances import relative_entropy
from partitions.skew.shares import Values, class_shares, entropy


def coverage(table: Table) -> Values:
    """Give the share of the fleet's classes that each gateway has, ``(K,)``, above 0 to 1."""
    seen = (table > 0).sum(axis=1) / (table.sum(axis=0) > 0).sum()
    return np.where(table.sum(axis=1) > 0, seen, np.nan)


def effective_classes(table: Table) -> Values:
    """Give the effective number of classes of each gateway, ``(K,)``, 1 to ``C``.

    It is the number of equally frequent classes that have the entropy of the gateway's mix
    (the exponential of the entropy, Hill's number of order 1), so a class with a handful of
    flows hardly counts where `coverage` counts it in full.

    References
    ----------
    M. O. Hill, "Diversity and evenness: a unifying notation and its consequences",
    Ecology 54, 1973, doi 10.2307/1934352
    """
    return np.exp2(entropy(class_shares(table)))


def absent(table: Table) -> Values:
    """Give for each class the share of the gateways that lack it, ``(C,)``, 0 to below 1.

    Gateways without flows are left out; a class without flows anywhere is NaN.
    """
    kept = table[table.sum(axis=1) > 0]
    return np.where(table.any(axis=0), (kept == 0).mean(axis=0), np.nan)


def mutual_information(table: Table) -> Values:
    """Give what a flow's gateway tells about its class, in bits, ``()``.

    From 0 for equal mixes to the entropy of the fleet's labels where a gateway has one
    class only. It is the mean over flows of the relative entropy of the gateway's mix to
    the fleet's.
    """
    kept = table[table.sum(axis=1) > 0]
    shares, fleet = class_shares(kept), class_shares(table.sum(axis=0))
    told = relative_entropy(shares, np.broadcast_to(fleet, shares.shape))
    return np.asarray(max(np.average(told, weights=kept.sum(axis=1)), 0.0))


def mutual_information_share(table: Table) -> Values:
    """Give `mutual_information` over the entropy of the fleet's labels, ``()``, 0 to 1.

    NaN where the fleet has one class only.
    """
    whole = entropy(class_shares(table.sum(axis=0)))
    return np.minimum(mutual_information(table) / whole, 1.0) if whole > 0 else np.asarray(np.nan)
