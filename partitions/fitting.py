"""Fit a table of counts to sizes and totals: given mixes, at given sizes, all flows dealt."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from partitions.interface import Table
from partitions.tables import round_shares

_SWEEPS = 300
_CLOSE = 1e-3
_TINY = 1e-290
"""Smallest number divided by: flows over it are still finite."""


def fit_table(
    mixes: NDArray[np.float64],
    sizes: NDArray[np.int64],
    totals: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    strict: bool = False,
) -> Table:
    """Fit the gateways' mixes of classes until sizes and totals hold, exactly.

    1. Iterative proportional fitting scales rows and columns in turn. It keeps all odds
       ratios: when one gateway was to have twice the odds of DoS against Benign that
       another has, it still has. Of all tables with these margins it is the nearest in
       relative entropy.
    2. Rows are rounded to whole flows without changing their sums.
    3. What is left over in a class goes, gateway by gateway, to a class that is short;
       along several classes where it must. In the usual case that is a few flows, but all
       that fitting left open where zeros make it slow or impossible.

    Parameters
    ----------
    mixes : ndarray
        ``(K, C) float64``, at least 0, with a positive entry in each row.
    sizes, totals : ndarray
        ``(K,)`` and ``(C,) int64`` of the same sum: flows of each gateway and of each class.
    rng : numpy.random.Generator
        Rounds, and chooses the flows that change class.
    strict : bool
        Whether a class without share in a gateway's mix must stay out.

    Returns
    -------
    ndarray
        ``(K, C) int64``; row sums are `sizes`, column sums `totals`.

    Raises
    ------
    PartitionError
        When it is strict and no such table exists.

    References
    ----------
    W. E. Deming, F. F. Stephan, "On a Least Squares Adjustment of a Sampled Frequency
    Table When the Expected Marginal Totals are Known", Annals of Mathematical Statistics
    11, 1940, doi 10.1214/aoms/1177731829.
    """
    shares = _scale(mixes, sizes, totals)
    counts = round_shares(shares, sizes, rng).T.copy()
    allowed = mixes > 0 if strict else np.ones(mixes.shape, dtype=np.bool_)
    _settle(counts, totals, allowed, rng)
    return counts


def _scale(
    mixes: NDArray[np.float64], sizes: NDArray[np.int64], totals: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return each gateway's shares of the classes, ``(K, C)``, rows of sum 1."""
    shares: NDArray[np.float64] = mixes / mixes.sum(axis=1, keepdims=True)
    for _ in range(_SWEEPS):
        found = (shares * sizes[:, None]).sum(axis=0)  # no matrix product: bits by thread
        if np.abs(found - totals).max() <= _CLOSE * len(sizes):
            break
        scaled = shares * np.where(found > 0, totals / np.maximum(found, _TINY), 0.0)
        rows = scaled.sum(axis=1, keepdims=True)
        shares = np.where(rows > 0, scaled / np.maximum(rows, _TINY), shares)
    return shares


def _settle(
    counts: Table, totals: NDArray[np.int64], allowed: NDArray[np.bool_], rng: np.random.Generator
) -> None:
    """Change classes of flows within gateways until columns sum to `totals`, in place."""
    excess = counts.sum(axis=0) - totals
    while excess.any():
        room = counts.T @ allowed
        path = _path(room > 0, np.flatnonzero(excess > 0), excess < 0)
        if not path:
            raise PartitionError(
                "expected sizes that the classes of each gateway can fill, found gateways too "
                "large for the rare classes they hold; take sizes with less skew, more classes "
                "for each gateway, or another label_scheme"
            )
        steps = list(pairwise(path))
        least = min(int(room[step]) for step in steps)
        amount = min(int(excess[path[0]]), -int(excess[path[-1]]), least)
        for old, new in reversed(steps):
            offers = np.where(allowed[:, new], counts[:, old], 0)
            moved = rng.multivariate_hypergeometric(offers, amount)
            counts[:, old] -= moved
            counts[:, new] += moved
        excess[path[0]] -= amount
        excess[path[-1]] += amount


def _path(
    linked: NDArray[np.bool_], starts: NDArray[np.int64], goals: NDArray[np.bool_]
) -> list[int]:
    """Find a shortest way over linked classes, ``(C, C) bool``; empty when there is none."""
    ways = [[int(start)] for start in starts]
    seen = set(starts.tolist())
    for way in ways:  # grows as it goes: breadth first
        for code in np.flatnonzero(linked[way[-1]]).tolist():
            if goals[code]:
                return [*way, code]
            if code not in seen:
                seen.add(code)
                ways.append([*way, code])
    return []
