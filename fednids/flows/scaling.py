"""Standardisation whose statistics add: fitted over gateways without moving a flow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.flows.windows import Windows

LEAST_SCALE = 0.05
"""Smallest standard deviation divided by, so that a rare flag is not blown up."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over training flows; they add over gateways.

    Attributes
    ----------
    count : int
        Number of flows.
    sums, squares : ndarray
        ``(F,) float64``: sums of the features and of their squares.
    """

    count: int
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray[np.float32], windows: Windows) -> Moments:
        """Sum over the flows of some windows; `vectors` is their ``(V, F)`` table.

        Without a matrix product, whose last bits depend on the number of threads.
        """
        times = np.bincount(windows.order)
        seen = np.flatnonzero(times)
        table, weights = vectors[seen].astype(np.float64), times[seen, None].astype(np.float64)
        return cls(len(windows), (weights * table).sum(axis=0), (weights * table**2).sum(axis=0))

    def __add__(self, other: Moments) -> Moments:
        """Sum over both sets of flows."""
        return Moments(
            self.count + other.count, self.sums + other.sums, self.squares + other.squares
        )


@dataclass(frozen=True, eq=False)
class Scaler:
    """Mean and scale of every feature over the training flows.

    Attributes
    ----------
    mean, scale : ndarray
        ``(F,) float64``.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, moments: Moments) -> Scaler:
        """Fit to summed moments of at least one flow.

        A scale is the standard deviation, at least `LEAST_SCALE`; 1 for a constant.
        """
        mean = moments.sums / moments.count
        variance = np.maximum(moments.squares / moments.count - mean**2, 0.0)
        deviation = np.sqrt(variance)
        constant = deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6)
        return cls(mean, np.where(constant, 1.0, np.maximum(deviation, LEAST_SCALE)))

    def __eq__(self, other: object) -> bool:
        """Whether both scale alike, bit for bit."""
        return (
            isinstance(other, Scaler)
            and np.array_equal(self.mean, other.mean)
            and np.array_equal(self.scale, other.scale)
        )

    __hash__ = None  # type: ignore[assignment]

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scale ``(V, F) float32`` vectors."""
        return ((vectors - self.mean) / self.scale).astype(np.float32)
