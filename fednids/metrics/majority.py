"""The baseline beside every result: always answer the most frequent class."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fednids.metrics.counts import ConfusionCounts


def majority_counts(train_support: ArrayLike, test_support: ArrayLike) -> ConfusionCounts:
    """Count what a detector gets that knows class frequencies and nothing else.

    Parameters
    ----------
    train_support : array_like
        ``(C,)`` integers, training flows of each class; the largest is always answered,
        of equal ones the first.
    test_support : array_like
        ``(C,)`` integers, test flows of each class.

    Returns
    -------
    ConfusionCounts
        All test flows in one column.

    Raises
    ------
    ValueError
        When there are no training flows, or the two differ in shape.
    """
    seen, asked = np.asarray(train_support), np.asarray(test_support)
    if seen.ndim != 1 or seen.shape != asked.shape:
        raise ValueError(
            f"expected one number of flows per class twice, found shapes {seen.shape} and "
            f"{asked.shape}; count both splits over the same classes"
        )
    if not seen.any():
        raise ValueError(
            "expected at least one training flow, found none; count the training split"
        )
    matrix = np.zeros((len(seen), len(seen)), dtype=asked.dtype)
    matrix[:, int(seen.argmax())] = asked
    return ConfusionCounts(matrix)
