"""Confusion counts: what clients send and the server adds.

A mean of the clients' rates is not the rate of all flows, and with rare classes the difference
is large. So only counts travel, and rates are computed once, at the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BENIGN = 0
"""Code of the benign class, in every data set: a `DatasetSpec` puts it first."""


@dataclass(frozen=True, eq=False, slots=True)
class ConfusionCounts:
    """How many flows of each class were predicted as each class.

    With ``+`` and `zero` they are a commutative monoid: the order and the grouping in
    which clients are added change nothing.

    Attributes
    ----------
    matrix : ndarray
        ``(C, C) int64``, rows true class, columns predicted class, read-only; any
        integers of at least 0 are accepted and copied. ``C`` is at least 2 and code 0
        is benign.

    Raises
    ------
    ValueError
        When `matrix` is not square, not of integers, or has a negative count.
    """

    matrix: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check the counts and keep a read-only copy."""
        given = np.asarray(self.matrix)
        if given.ndim != 2 or len(set(given.shape)) != 1 or len(given) < 2:
            raise ValueError(
                "expected a square table of confusion counts for 2 classes or more, found "
                f"shape {given.shape}; give one row and one column per class"
            )
        kept = given.astype(np.int64) if given.dtype.kind in "iu" else None
        if kept is None or kept.min() < 0:
            raise ValueError(
                "expected confusion counts that are integers of 0 or more, found "
                f"{given.dtype if kept is None else kept.min()}; give counts and not rates"
            )
        kept.setflags(write=False)
        object.__setattr__(self, "matrix", kept)

    @classmethod
    def zero(cls, classes: int) -> ConfusionCounts:
        """Return the counts of no flows, the neutral element of ``+``.

        Parameters
        ----------
        classes : int
            ``C``, at least 2.
        """
        return cls(np.zeros((classes, classes), dtype=np.int64))

    @classmethod
    def from_labels(cls, true: ArrayLike, predicted: ArrayLike, classes: int) -> ConfusionCounts:
        """Count pairs of true and predicted class.

        Parameters
        ----------
        true, predicted : array_like
            ``(N,)`` integers in ``[0, C)``, such as uint8 codes; N may be 0.
        classes : int
            ``C``, at least 2.

        Raises
        ------
        ValueError
            When the two differ in length, are not 1-D integers or out of range.
        """
        rows = _codes("true", true, classes)
        columns = _codes("predicted", predicted, classes)
        if rows.shape != columns.shape:
            raise ValueError(
                f"expected one prediction per flow, found {len(columns)} for {len(rows)} "
                "flows; give both for the same flows"
            )
        cells = np.bincount(rows * classes + columns, minlength=classes * classes)
        return cls(cells.reshape(classes, classes))

    @classmethod
    def from_list(cls, rows: Sequence[Sequence[int]]) -> ConfusionCounts:
        """Return the counts that `to_json` wrote, e.g. into a result file.

        Raises
        ------
        ValueError
            When `rows` are no square table of counts.
        """
        try:
            matrix = np.array(rows)
        except ValueError as error:
            raise ValueError(
                "expected C lists of C confusion counts, found lists of different lengths; "
                "give one row and one column per class"
            ) from error
        return cls(matrix)

    def to_json(self) -> list[list[int]]:
        """Return the counts as C lists of C Python integers, for JSON."""
        cells: list[list[int]] = self.matrix.tolist()
        return cells

    def __add__(self, other: ConfusionCounts) -> ConfusionCounts:
        """Add the counts of other flows; raises ValueError for other classes."""
        if not isinstance(other, ConfusionCounts):
            return NotImplemented
        if self.matrix.shape != other.matrix.shape:
            raise ValueError(
                f"expected counts over the same classes, found {len(self.matrix)} and "
                f"{len(other.matrix)}; add counts of one detector only"
            )
        return ConfusionCounts(self.matrix + other.matrix)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConfusionCounts):
            return NotImplemented
        return np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash((len(self.matrix), self.matrix.tobytes()))

    @property
    def total(self) -> int:
        """Number of flows."""
        return int(self.matrix.sum())

    @property
    def support(self) -> NDArray[np.int64]:
        """Flows of each true class, ``(C,) int64``."""
        support: NDArray[np.int64] = self.matrix.sum(axis=1)
        return support

    def binary(self) -> ConfusionCounts:
        """Return the 2 x 2 counts of attack (1) against benign (0).

        An attack that is predicted as another attack counts as detected.
        """
        starts = [BENIGN, BENIGN + 1]
        return ConfusionCounts(
            np.add.reduceat(np.add.reduceat(self.matrix, starts, axis=0), starts, axis=1)
        )


def majority_counts(train_support: ArrayLike, test_support: ArrayLike) -> ConfusionCounts:
    """Return the counts of the baseline that always predicts the most frequent class.

    Parameters
    ----------
    train_support : array_like
        ``(C,)`` integers, training flows of each class; of equally frequent ones the first is
        predicted.
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
    train, test = np.asarray(train_support), np.asarray(test_support)
    if train.ndim != 1 or train.shape != test.shape:
        raise ValueError(
            f"expected one number of flows per class twice, found shapes {train.shape} and "
            f"{test.shape}; count both splits over the same classes"
        )
    if not train.any():
        raise ValueError(
            "expected at least one training flow, found none; count the training split"
        )
    matrix = np.zeros((len(train), len(train)), dtype=test.dtype)
    matrix[:, int(train.argmax())] = test
    return ConfusionCounts(matrix)


def quotient(part: float, whole: float) -> float:
    """Return ``part / whole``; NaN where ``whole`` is 0."""
    return float(part / whole) if whole else math.nan


def _codes(name: str, values: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Return class codes as int64, checked."""
    given = np.asarray(values)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise ValueError(
            f"expected {name} classes as a 1-D array of integers, found shape {given.shape} "
            f"of {given.dtype}; give class codes and not scores"
        )
    if given.size and not (given.min() >= 0 and given.max() < classes):
        raise ValueError(
            f"expected {name} classes from 0 to {classes - 1}, found {given.min()} to "
            f"{given.max()}; give the number of classes of the detector"
        )
    return given.astype(np.int64)
