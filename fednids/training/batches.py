"""Which rows a graph gathers for a batch of windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.flows.windows import Windows
from fednids.networks.cnn_bilstm.architecture import Architecture
from fednids.networks.cnn_bilstm.network import pooled_order


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
        steps = pooled_order(window, architecture.first_pool)
        neighbours = steps[:, None] + np.arange(-reach, reach + 1)
        self._beyond = (neighbours < 0) | (neighbours >= window)
        self._offsets = np.minimum(neighbours, window - 1) - (window - 1)
        self._zero_row = zero_row
        self.per_step, self.per_window = len(steps), neighbours.size

    def rows(self, windows: Windows, ends: NDArray[np.int64]) -> NDArray[np.int32]:
        """Give ``(pool * q, B, k) int32`` places of vectors for ``(B,)`` ends."""
        rows = windows.vectors(ends[None, :, None], self._offsets[:, None, :])
        rows[np.broadcast_to(self._beyond[:, None, :], rows.shape)] = self._zero_row
        return rows


@dataclass(frozen=True)
class Batches:
    """Some optimiser steps of each of ``K`` gateways, for one graph call of at most ``S``.

    Attributes
    ----------
    steps : int
        How many of the steps are real; what lies beyond them is undefined.
    rows : ndarray
        ``(S, K * pool * q * B * k) int32``.
    labels : ndarray
        ``(S, K * B) int32``.
    weights : ndarray
        ``(S, K * B) float32``: what each example counts in its batch's mean loss; 0 for
        the padding of a short last batch, and for a gateway that has no steps left.
    """

    steps: int
    rows: NDArray[np.int32]
    labels: NDArray[np.int32]
    weights: NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """Sizes of a graph call: ``S`` steps at most, ``K`` gateways, ``B`` windows a step."""

    steps: int
    members: int
    size: int


def fill(
    feeds: Sequence[tuple[Windows, Sequence[NDArray[np.int64]]]],
    taps: Taps,
    *,
    class_weights: NDArray[np.float32],
    shape: Shape,
) -> Batches:
    """Lay windows out as the batches of one graph call.

    Parameters
    ----------
    feeds : Sequence[tuple[Windows, Sequence[ndarray]]]
        Of at most ``K`` gateways: its windows, and the ends of those of each step, at most
        ``B``. All gateways have the same number of steps, or none.
    taps : Taps
        Gathers their rows.
    class_weights : ndarray
        ``(C,) float32`` weight of each class in the loss.
    shape : Shape
        Sizes of the call.

    Returns
    -------
    Batches
        Short batches are padded with examples of weight 0.
    """
    steps = max(len(batches) for _, batches in feeds)
    most, members, size = shape.steps, shape.members, shape.size
    rows = np.empty((most, members, taps.per_window * size), np.int32)
    labels = np.empty((most, members, size), np.int32)
    weights = np.empty((most, members, size), np.float32)
    rows[:steps], labels[:steps], weights[:steps] = 0, 0, 0
    for member, (windows, batches) in enumerate(feeds):
        if not batches:
            continue
        counts = np.array([len(batch) for batch in batches])
        real = np.arange(size) < counts[:, None]
        ends = np.zeros((steps, size), np.int64)
        ends[real] = np.concatenate(batches)
        taken = taps.rows(windows, ends.ravel())
        by_step = taken.reshape(len(taken), steps, size, -1).swapaxes(0, 1)
        rows[:steps, member] = by_step.reshape(steps, -1)
        labels[:steps, member] = windows.labels[ends]
        wanted = class_weights[labels[:steps, member]] / counts[:, None].astype(np.float32)
        weights[:steps, member] = np.where(real, wanted, np.float32(0))
    return Batches(
        steps, rows.reshape(most, -1), labels.reshape(most, -1), weights.reshape(most, -1)
    )


def fill_evaluation(
    gateways: Sequence[Windows], bounds: NDArray[np.int64], start: int, taps: Taps, size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Lay the next windows of several gateways out as one batch.

    Parameters
    ----------
    gateways : Sequence[Windows]
        Whose windows lie end to end.
    bounds : ndarray
        ``(n + 1,)``: where each gateway's windows begin, and where the last one's end.
    start : int
        Place of the batch's first window.
    taps : Taps
        Gathers their rows.
    size : int
        ``B``; what is left free is padded with anything.

    Returns
    -------
    tuple[ndarray, ndarray]
        ``(pool * q * B * k,) int32`` rows, and ``(B,) int32`` labels.
    """
    rows = np.zeros((taps.per_step, size, taps.per_window // taps.per_step), np.int32)
    labels = np.zeros(size, np.int32)
    stop = min(start + size, int(bounds[-1]))
    first = int(np.searchsorted(bounds, start, side="right")) - 1
    for windows, begin in zip(gateways[first:], bounds[first:], strict=False):
        if begin >= stop:
            break
        ends = np.arange(max(start - begin, 0), min(stop - begin, len(windows)))
        places = ends + (begin - start)
        rows[:, places] = taps.rows(windows, ends)
        labels[places] = windows.labels[ends]
    return rows.ravel(), labels
