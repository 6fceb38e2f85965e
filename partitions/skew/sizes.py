"""Size skew: how unevenly the number of flows is spread over the gateways.

Each function takes a table of flows ``(K, C) int64`` and gives one number, ``()``. Gateways
without flows count: they are a part of this skew.
"""

from __future__ import annotations

import numpy as np

from partitions.interface import Table
from partitions.skew.shares import Values, entropy


def size_gini(table: Table) -> Values:
    """Give the Gini coefficient of the sizes.

    Half the mean absolute difference between two gateways, over the mean size: 0 for equal
    sizes, ``1 - 1/K`` for one gateway with everything.

    References
    ----------
    C. Gini, "Variabilità e mutabilità", 1912
    """
    ordered = np.sort(table.sum(axis=1))
    count = len(ordered)
    ranks = 2 * np.arange(1, count + 1) - count - 1
    return np.asarray((ranks * ordered).sum() / (count * ordered.sum()))


def size_variation(table: Table) -> Values:
    """Give the coefficient of variation: standard deviation (over K) of sizes over their mean."""
    sizes = table.sum(axis=1)
    return np.asarray(sizes.std() / sizes.mean())


def effective_gateways(table: Table) -> Values:
    """Give how many gateways of equal size have the entropy of the sizes, 1 to ``K``."""
    sizes = table.sum(axis=1)
    return np.exp2(entropy(sizes / sizes.sum()))


def smallest(table: Table) -> Values:
    """Give the flows of the smallest gateway."""
    return np.asarray(table.sum(axis=1).min(), np.float64)


def largest(table: Table) -> Values:
    """Give the flows of the largest gateway."""
    return np.asarray(table.sum(axis=1).max(), np.float64)


def without_flows(table: Table) -> Values:
    """Give the number of gateways that have no flow."""
    return np.asarray((table.sum(axis=1) == 0).sum(), np.float64)
