"""What robust rules share: the updates of a round as one matrix, and sums over it.

Sums are float64, in the order of partition ids, and never in BLAS, whose last bits depend on the
number of its threads.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.algorithms.interface import Aggregate, Aggregation, Algorithm, RoundStart
from fednids.errors import FederationError
from fednids.messages.values import Update
from fednids.networks.interface import Weights

_CELLS = 2**20
"""Cells of a block of the matrix, so that the block and its float64 copy stay in the cache."""


@dataclass(frozen=True)
class Updates:
    """The usable updates of one round that were trained on at least one window.

    Attributes
    ----------
    start : ndarray
        ``(P,) float32`` global weights that all were trained from.
    matrix : ndarray
        ``(n, P) float32`` finite new weights, a row each, by partition id.
    examples : ndarray
        ``(n,) int64`` windows of each, at least 1.
    """

    start: Weights
    matrix: NDArray[np.float32]
    examples: NDArray[np.int64]


class RobustRule(Algorithm):
    """An algorithm that makes new weights of all updates of a round at once."""

    @abstractmethod
    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Return ``(P,)`` new weights; `updates` stays as it is."""

    def begin(self, start: RoundStart) -> Aggregation:
        """Return what gathers the updates in a matrix."""
        return _Gathered(self, start)


class _Gathered:
    """Rows are in the order of partition ids: the order in which updates come changes no bit."""

    def __init__(self, rule: RobustRule, start: RoundStart):
        self._rule, self._start = rule, start
        self._rows = {k: row for row, k in enumerate(sorted(start.participants))}
        self._matrix = np.empty((len(self._rows), len(start.weights)), np.float32)
        self._examples = np.zeros(len(self._rows), np.int64)

    def add(self, update: Update) -> None:
        row = self._rows[update.partition_id]
        self._matrix[row], self._examples[row] = update.weights, update.examples

    def finish(self) -> Aggregate:
        came = np.flatnonzero(self._examples)
        if fault := self._rule.fault(len(came)):
            raise FederationError(
                f"round {self._start.server_round}: expected {fault}, from the gateways that "
                "answered with windows; correct the others, or change the setting"
            )
        matrix = self._matrix if len(came) == len(self._matrix) else self._matrix[came]
        updates = Updates(self._start.weights, matrix, self._examples[came])
        with np.errstate(over="ignore"):
            return Aggregate(self._rule.combine(updates).astype(np.float32), self._start.state)


def column_blocks(matrix: NDArray[np.float32]) -> Iterator[slice]:
    """Return slices that cut the columns of ``(n, P)``; they depend on the shape alone."""
    rows, columns = matrix.shape
    width = max(_CELLS // rows, 64)
    for first in range(0, columns, width):
        yield slice(first, min(first + width, columns))


def by_coordinate(
    matrix: NDArray[np.float32],
    rule: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    rows: Sequence[int] | NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Apply a rule to every weight by itself.

    Parameters
    ----------
    matrix : ndarray
        ``(n, P) float32``.
    rule : Callable
        Makes ``(width,)`` of ``(width, n) float32``, which it may overwrite.
    rows : Sequence[int], optional
        Only these updates; all without.
    """
    result = np.empty(matrix.shape[1])
    for part in column_blocks(matrix):
        block = matrix[:, part] if rows is None else matrix[rows, part]
        result[part] = rule(block.T.copy())
    return result


def mean_of_rows(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of each row of ``(width, n)``."""
    means: NDArray[np.float64] = values.mean(axis=1, dtype=np.float64)
    return means


def weighted_sum(
    matrix: NDArray[np.float32], factors: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the sum of the rows of ``(n, P)``, each times its factor ``(n,)``."""
    total = np.zeros(matrix.shape[1])
    scaled = np.empty(matrix.shape[1])
    for row in np.flatnonzero(factors):
        np.multiply(matrix[row], float(factors[row]), out=scaled, dtype=np.float64)
        total += scaled
    return total


def distances(
    matrix: NDArray[np.float32], centre: NDArray[np.float64] | NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return each row's Euclidean distance ``(n,)`` to a point ``(P,)``."""
    squares = np.zeros(len(matrix))
    for part in column_blocks(matrix):
        moved = np.subtract(matrix[:, part], centre[part], dtype=np.float64)
        squares += np.einsum("ij,ij->i", moved, moved)
    return np.sqrt(squares)
