"""What rules are written on: the updates of a round as one matrix, and sums over it.

Sums are float64, in the order of partition ids, and never in BLAS, whose last bits depend on
the number of its threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fednids.networks.interface import Weights

State = Mapping[str, NDArray[np.float64]]
"""What a server optimiser remembers from round to round: ``(P,)`` arrays by name."""

_CELLS = 2**20
"""Cells of a block of the matrix: it and its float64 copy stay near the processor."""


@dataclass(frozen=True)
class Updates:
    """The usable updates of one round that were trained on some windows.

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


class Rule(Protocol):
    """Makes new weights of all updates of a round: a function of nothing else."""

    def fault(self, count: int) -> str | None:
        """Say what is wrong with the settings for this many updates.

        Returns
        -------
        str or None
            ``"what was expected, got what"``; None where the rule is defined.
        """
        ...

    def combine(self, updates: Updates) -> NDArray[np.float64]:
        """Give ``(P,)`` new weights; `Updates` stays as it is."""
        ...


class ServerOptimiser(Protocol):
    """Moves the global weights towards the mean of the updates, in a way of its own."""

    @property
    def memory(self) -> tuple[str, ...]:
        """Names of what it remembers; all are zero before round 1."""
        ...

    def step(
        self,
        start: NDArray[np.float64],
        mean: NDArray[np.float64],
        state: State,
        server_round: int,
    ) -> tuple[NDArray[np.float64], State]:
        """Give ``(P,)`` new weights and what to remember, from the old ones and FedAvg's mean."""
        ...


def blocks(matrix: NDArray[np.float32]) -> Iterator[slice]:
    """Cut the columns of ``(n, P)`` into parts, which depend on the shape alone."""
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
    for part in blocks(matrix):
        block = matrix[:, part] if rows is None else matrix[rows, part]
        result[part] = rule(block.T.copy())
    return result


def mean_of_rows(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average each row of ``(width, n)``."""
    means: NDArray[np.float64] = values.mean(axis=1, dtype=np.float64)
    return means


def weighted_sum(
    matrix: NDArray[np.float32], factors: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.float64]:
    """Add rows of ``(n, P)``, each as often as its factor ``(n,)`` says; 0 leaves one out."""
    total = np.zeros(matrix.shape[1])
    scaled = np.empty(matrix.shape[1])
    for row in np.flatnonzero(factors):
        np.multiply(matrix[row], float(factors[row]), out=scaled, dtype=np.float64)
        total += scaled
    return total


def distances(
    matrix: NDArray[np.float32], centre: NDArray[np.float64] | NDArray[np.float32]
) -> NDArray[np.float64]:
    """Give each row's Euclidean distance ``(n,)`` to a point ``(P,)``."""
    squares = np.zeros(len(matrix))
    for part in blocks(matrix):
        moved = np.subtract(matrix[:, part], centre[part], dtype=np.float64)
        squares += np.einsum("ij,ij->i", moved, moved)
    return np.sqrt(squares)
