"""Validation flows: carved out of each gateway's training flows, to choose rounds by.

A gateway carves its own, knowing no other's flows, so a deployment does what a simulation
does. Test flows and their windows stay as they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.flows.prepared import PreparedFlows
from fednids.flows.split import SPLITS, Mask
from fednids.seeding import Stream, generator


def carve_validation(
    flows: PreparedFlows, trained: NDArray[np.int64], how: str, share: float, seed: int, k: int
) -> NDArray[np.int64]:
    """Choose validation flows among one gateway's training flows.

    Parameters
    ----------
    flows : PreparedFlows
        All flows.
    trained : ndarray
        ``(n,) int64`` rows of the gateway's training flows, rising.
    how : str
        A name in `SPLITS`: as the test flows are chosen among all.
    share : float
        Share of them, from 0 and below 0.5.
    seed, k : int
        Seed of the run and partition id of the gateway.

    Returns
    -------
    ndarray
        Rows of the validation flows, rising; never all, and possibly none.
    """
    if not share or not len(trained):
        return trained[:0]
    rng = generator(seed, Stream.SPLIT, 1, k)
    return trained[SPLITS[how](flows.take(trained), share, rng)]


def carve_all(
    flows: PreparedFlows,
    test: Mask,
    owners: NDArray[np.int32],
    *,
    how: str,
    share: float,
    seed: int,
) -> Mask:
    """Choose the validation flows of all gateways, ``(N,) bool``.

    Parameters
    ----------
    flows, how, share, seed
        As for `carve_validation`.
    test : ndarray
        ``(N,) bool``, true for test flows.
    owners : ndarray
        ``(N,) int32`` partition id of each flow; below 0 for nobody's.
    """
    chosen = np.zeros(len(test), bool)
    rows = np.flatnonzero(~test & (owners >= 0))
    rows = rows[np.argsort(owners[rows], kind="stable")]
    ids, starts = np.unique(owners[rows], return_index=True)
    for k, trained in zip(ids.tolist(), np.split(rows, starts[1:]), strict=True):
        chosen[carve_validation(flows, trained, how, share, seed, k)] = True
    return chosen
