"""Scores of a detector as log-odds, and the bins in which they are counted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.floating[Any]]

BINS = 256
"""Bins of a score, ``B``."""

PER_UNIT = 8
"""Bins in one unit of log-odds; a power of two, so that edges are exact."""

_CENTRE = BINS // 2

EDGES: NDArray[np.float64] = np.arange(1 - _CENTRE, _CENTRE) / PER_UNIT
"""``(B - 1,) float64``: edges between the bins, from -15.875 to 15.875. A bin holds its lower
edge; the first and the last bin reach to infinity."""

EDGES.setflags(write=False)


def log_odds(logits: Logits) -> NDArray[np.float64]:
    """Return the log-odds of every class against all others.

    Parameters
    ----------
    logits : ndarray
        ``(N, C)`` of any floating type, from `usable_logits`.

    Returns
    -------
    ndarray
        ``(N, C) float64``: ``logit_c - log(sum of exp(logit_j) over j != c)``; infinite
        where the sum vanishes. The one of benign, negated, is the score of an attack.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf)
    others = 1.0 - np.eye(shifted.shape[1])
    rest = np.einsum("nj,jc->nc", np.exp(shifted), others)
    with np.errstate(divide="ignore"):
        return np.asarray(shifted - np.log(rest))


def usable_logits(logits: Logits) -> Logits:
    """Return logits, with zeros (equal scores) for a window in which any is not finite."""
    finite = np.isfinite(logits).all(axis=1, keepdims=True)
    return logits if finite.all() else np.where(finite, logits, 0).astype(logits.dtype)


def bins_of(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each log-odds, from 0 to ``B - 1``; NaN is not allowed."""
    steps = np.clip(np.floor(scores * PER_UNIT), -_CENTRE, _CENTRE - 1)
    found: NDArray[np.int64] = steps.astype(np.int64) + _CENTRE
    return found


def probability(score: float) -> float:
    """Return the probability of log-odds, which may be infinite."""
    return float(1 / (1 + np.exp(-score))) if score > 0 else float(1 - 1 / (1 + np.exp(score)))
