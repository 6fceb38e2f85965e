"""Which rows a graph gathers for a batch of windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.detector.architecture import Architecture
from fednids.detector.network import pooled_order
from fednids.flows.windows import Windows


class Taps:
    """Gathers the rows of the first convolution for the windows that end at given flows.

    Parameters
    ----------
    architecture : Architecture
        Gives window, kernel and first pool.
    zero_row : int
        Place of the row of zeros that stands for what lies beyond a window's ends.
    """

    def __init__(self, architecture: Architecture, zero_row: int):
        window, reach = architecture.window, architecture.kernel // 2
        steps = pooled_order(window, architecture.pools[0])
        neighbours = steps[:, None] + np.arange(-reach, reach + 1)
        self._beyond = (neighbours < 0) | (neighbours >= window)
        self._offsets = np.minimum(neighbours, window - 1) - (window - 1)
        self._zero_row = zero_row
        self.per_window = neighbours.size

    def rows(self, windows: Windows, ends: NDArray[np.int64]) -> NDArray[np.int32]:
        """Give ``(pool * q, B, k) int32`` places of vectors for ``(B,)`` ends."""
        rows = windows.vectors(ends[None, :, None], self._offsets[:, None, :])
        rows[np.broadcast_to(self._beyond[:, None, :], rows.shape)] = self._zero_row
        return rows


@dataclass(frozen=True)
class Batches:
    """Some optimiser steps of one gateway, padded to a fixed number of them.

    Attributes
    ----------
    steps : int
        How many of the steps are real.
    rows : ndarray
        ``(S, pool * q * B * k) int32``.
    labels : ndarray
        ``(S, B) int32``.
    weights : ndarray
        ``(S, B) float32``: what each example counts in its batch's mean loss; 0 for
        the padding of a short last batch.
    """

    steps: int
    rows: NDArray[np.int32]
    labels: NDArray[np.int32]
    weights: NDArray[np.float32]


def fill(
    windows: Windows,
    ends: NDArray[np.int64],
    taps: Taps,
    *,
    class_weights: NDArray[np.float32],
    shape: tuple[int, int],
) -> Batches:
    """Lay windows out as the batches of one graph call.

    Parameters
    ----------
    windows : Windows
        Flows of the gateway.
    ends : ndarray
        At most ``S * B`` labelled flows in the order of training.
    taps : Taps
        Gathers their rows.
    class_weights : ndarray
        ``(C,) float32`` weight of each class in the loss.
    shape : tuple[int, int]
        ``(S, B)``: steps per graph call and batch size.

    Returns
    -------
    Batches
        All of ``ends``, the last batch padded with examples of weight 0.
    """
    most, size = shape
    steps = -(-len(ends) // size)
    rows = np.zeros((most, taps.per_window * size), np.int32)
    labels = np.zeros((most, size), np.int32)
    weights = np.zeros((most, size), np.float32)
    for step in range(steps):
        batch = ends[step * size : (step + 1) * size]
        taken = taps.rows(windows, batch)
        rows[step].reshape(taken.shape[0], size, -1)[:, : len(batch)] = taken
        labels[step, : len(batch)] = windows.labels[batch]
        weights[step, : len(batch)] = class_weights[labels[step, : len(batch)]] / len(batch)
    return Batches(steps, rows, labels, weights)
