"""From a table of flows to class shares, and the entropy of shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.interface import Table

Values = NDArray[np.float64]
"""Numbers measured at gateways, classes or the fleet; NaN where undefined."""


def check_table(table: Table) -> None:
    """Refuse what is no table of flows.

    Raises
    ------
    PartitionError
        When `table` is not ``(K, C)`` of whole numbers from 0 with at least one flow.
    """
    if table.ndim != 2 or table.dtype.kind not in "iu" or not table.size:
        raise PartitionError(
            "expected flows of each class at each gateway, (K, C) int64, found shape "
            f"{table.shape} of {table.dtype}; give PartitionPlan.label_counts"
        )
    if table.min() < 0 or not table.any():
        raise PartitionError(
            f"expected at least one flow and no count below 0, found {int(table.sum())} flows "
            f"and a least count of {table.min()}; give PartitionPlan.label_counts"
        )


def class_shares(table: Table) -> Values:
    """Give the share of each class at each gateway.

    Parameters
    ----------
    table : ndarray
        ``(..., C) int64`` flows.

    Returns
    -------
    ndarray
        The same shape; the last axis sums to 1, and is NaN where there is no flow.
    """
    sizes = table.sum(axis=-1, keepdims=True)
    shares: Values = np.divide(table, sizes, out=np.full(table.shape, np.nan), where=sizes > 0)
    return shares


def entropy(shares: Values) -> Values:
    """Give Shannon's entropy of ``(..., C)`` shares in bits, ``(...)``: 0 to ``log2(C)``."""
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares != 0)
    bits: Values = np.maximum(-(shares * logarithms).sum(axis=-1), 0.0)
    return bits


def fleet_means(values: Values, sizes: NDArray[np.int64]) -> tuple[float, float]:
    """Average what was measured at the gateways over those that have flows.

    Parameters
    ----------
    values : ndarray
        ``(K,)``; what stands at gateways without flows is left out.
    sizes : ndarray
        ``(K,) int64``, not all 0.

    Returns
    -------
    weighted, unweighted : float
        Mean over flows, each with its gateway's value; and mean over gateways.
    """
    kept = sizes > 0
    return float(np.average(values[kept], weights=sizes[kept])), float(values[kept].mean())
