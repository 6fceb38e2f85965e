"""Jobs of a trainer, how their windows are laid out for a graph, and what comes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from fednids.flows.windows import Windows
from fednids.networks.interface import Weights
from fednids.training.objective import Objective

ALL_WINDOWS = "all"
"""The sampling in which an epoch has every window once."""


@dataclass(frozen=True)
class LocalTraining:
    """How clients train in one round.

    Attributes
    ----------
    epochs : int
        Passes over the client's windows.
    learning_rate : float
        Of this round.
    class_weights : ndarray
        ``(C,) float32`` weight of each class in the loss.
    shuffle : bool
        Whether every epoch has an order of its own, or all the order of the flows.
    focal_gamma : float
        Exponent of focal loss, from 0, which is cross-entropy.
    fresh : bool
        Whether the optimiser begins without state, as a client's does in each round; else it
        goes on from the training before, which must have been of the same detector.
    """

    epochs: int
    learning_rate: float
    class_weights: NDArray[np.float32]
    shuffle: bool = True
    focal_gamma: float = 0.0
    fresh: bool = True


@dataclass(frozen=True)
class TrainingJob:
    """One client's training.

    Attributes
    ----------
    start : ndarray
        ``(P,) float32`` weights to start from; left as they are.
    windows : Windows
        The client's training windows, at least one.
    rng : numpy.random.Generator
        Draws the order of the windows and the dropout masks.
    objective : Objective
        What is added to the loss and the gradients.
    most_steps : int, optional
        Optimiser steps after which to stop, at least 1. Up to there everything is as
        without: the batches, and the dropout masks.
    adjustment : ndarray, optional
        ``(C,) float32`` added to the logits in training alone; all jobs that are trained
        together have one, or none has.
    sampling : {"all", "balanced", "square-root"}
        Which windows an epoch has: all, in an order; or as many, drawn with replacement, where
        the classes that the client has are equally likely, or likely by the square root of
        their numbers of windows. `LocalTraining.shuffle` does not matter then.
    """

    start: Weights
    windows: Windows
    rng: np.random.Generator
    objective: Objective = field(default_factory=Objective)
    most_steps: int | None = None
    adjustment: NDArray[np.float32] | None = None
    sampling: str = ALL_WINDOWS

    def steps(self, local: LocalTraining, batch_size: int) -> int:
        """Count the optimiser steps."""
        steps = local.epochs * -(-len(self.windows) // batch_size)
        return steps if self.most_steps is None else min(steps, self.most_steps)

    def batches(
        self, local: LocalTraining, batch_size: int, ahead: int = 1
    ) -> Iterator[NDArray[np.int64]]:
        """Draw the windows of each optimiser step; the last of an epoch may be short.

        ``ahead`` batches are drawn at a time, those behind `most_steps` as well, so that
        `most_steps` changes nothing that the generator draws in between.
        """
        drawn = self._drawn(local, batch_size)
        calls = iter(lambda: list(islice(drawn, ahead)), [])
        return islice(chain.from_iterable(calls), self.steps(local, batch_size))

    def _drawn(self, local: LocalTraining, batch_size: int) -> Iterator[NDArray[np.int64]]:
        for _ in range(local.epochs):
            order = self._order(local)
            for start in range(0, len(order), batch_size):
                yield order[start : start + batch_size]

    def _order(self, local: LocalTraining) -> NDArray[np.int64]:
        if self.sampling != ALL_WINDOWS:
            power = 0.5 if self.sampling == "square-root" else 0.0
            return class_draws(self.windows.labels, self.rng, power)
        examples = len(self.windows)
        return self.rng.permutation(examples) if local.shuffle else np.arange(examples)


def class_draws(
    labels: NDArray[np.int32], rng: np.random.Generator, power: float = 0.0
) -> NDArray[np.int64]:
    """Draw as many examples as there are, with replacement, by classes.

    The draws are ``(n,) int64`` places in the ``(n,) int32`` labels, at least one. A class is
    drawn with a chance that grows as its number of examples to a power from 0, where all classes
    that are there are equally likely, to 1.

    References
    ----------
    Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition",
    ICLR 2020, eq. 1: class-balanced (0) and square-root (1/2) sampling.
    """
    counts = np.bincount(labels)
    present = np.flatnonzero(counts)
    chances = counts[present] ** power
    drawn = rng.choice(present, size=len(labels), p=chances / chances.sum() if power else None)
    within = (rng.random(len(labels)) * counts[drawn]).astype(np.int64)
    by_class = np.argsort(labels, kind="stable")
    places: NDArray[np.int64] = by_class[(np.cumsum(counts) - counts)[drawn] + within]
    return places


@dataclass(frozen=True)
class TrainingResult:
    """What came of a job.

    Attributes
    ----------
    weights : ndarray
        ``(P,) float32``, a copy.
    loss : float
        Mean weighted loss over all steps, focal and adjusted if training is, without the
        objective's terms.
    steps : int
        Optimiser steps made.
    seconds : float
        Time that training took, without compiling; the job's share where several jobs
        were trained as one.
    gradient : ndarray, optional
        ``(P,) float32`` mean over all steps of the loss's gradient, where the objective tracks it.
    """

    weights: Weights
    loss: float
    steps: int
    seconds: float
    gradient: Weights | None = None


@dataclass(frozen=True)
class Predictions:
    """A detector's answers on some windows.

    Attributes
    ----------
    predicted : ndarray
        ``(n,) int32`` class of each window.
    loss : float
        Sum of the unweighted cross-entropies.
    logits : ndarray
        ``(n, C) float32``, of which the classes are the largest.
    """

    predicted: NDArray[np.int32]
    loss: float
    logits: NDArray[np.float32]


class WindowReader:
    """Looks up what a network reads of the windows that end at given flows.

    Steps are those of `fednids.networks.interface.Network.gathered`, ``(n, k)``, of windows of
    ``T``; the zero row is the place of the row of zeros, for what lies beyond a window's ends.
    """

    def __init__(self, steps: NDArray[np.int64], window: int, zero_row: int):
        self._beyond = (steps < 0) | (steps >= window)
        self._offsets = np.minimum(steps, window - 1) - (window - 1)
        self._zero_row = zero_row
        self.per_step, self.per_window = len(steps), steps.size

    def rows(self, windows: Windows, ends: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return ``(n, B, k) int32`` places of vectors for ``(B,)`` ends."""
        rows = windows.vectors(ends[None, :, None], self._offsets[:, None, :])
        rows[np.broadcast_to(self._beyond[:, None, :], rows.shape)] = self._zero_row
        return rows


def fill(
    feeds: Sequence[tuple[Windows, Sequence[NDArray[np.int64]]]],
    reader: WindowReader,
    class_weights: NDArray[np.float32],
    shape: tuple[int, int, int],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
    """Lay windows out as the batches of one graph call.

    Parameters
    ----------
    feeds : Sequence[tuple[Windows, Sequence[ndarray]]]
        Of at most ``K`` clients: its windows, and the ends of those of each step, at most
        ``B``. All clients have the same number of steps, or none.
    reader : WindowReader
        Looks up their rows.
    class_weights : ndarray
        ``(C,) float32`` weight of each class in the loss.
    shape : tuple[int, int, int]
        Steps of the call at most, clients and windows a step: ``S``, ``K`` and ``B``.

    Returns
    -------
    rows : ndarray
        ``(S, K * n * B * k) int32``. Of all three, what lies beyond the steps is undefined.
    labels : ndarray
        ``(S, K * B) int32``.
    weights : ndarray
        ``(S, K * B) float32``: what each example counts in its batch's mean loss; 0 for
        the padding of a short last batch, and for a client that has no steps left.
    """
    steps = max(len(batches) for _, batches in feeds)
    most, members, size = shape
    rows = np.empty((most, members, reader.per_window * size), np.int32)
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
        taken = reader.rows(windows, ends.ravel())
        by_step = taken.reshape(len(taken), steps, size, -1).swapaxes(0, 1)
        rows[:steps, member] = by_step.reshape(steps, -1)
        labels[:steps, member] = windows.labels[ends]
        wanted = class_weights[labels[:steps, member]] / counts[:, None].astype(np.float32)
        weights[:steps, member] = np.where(real, wanted, np.float32(0))
    return rows.reshape(most, -1), labels.reshape(most, -1), weights.reshape(most, -1)


def fill_evaluation(
    clients: Sequence[Windows],
    bounds: NDArray[np.int64],
    start: int,
    reader: WindowReader,
    size: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Lay the next windows of several clients out as one batch.

    Parameters
    ----------
    clients : Sequence[Windows]
        Whose windows lie end to end.
    bounds : ndarray
        ``(n + 1,)``: where each client's windows begin, and where the last one's end.
    start, size : int
        Place of the batch's first window, and ``B``; what is left free is padded with anything.

    Returns
    -------
    tuple[ndarray, ndarray]
        ``(n * B * k,) int32`` rows, and ``(B,) int32`` labels.
    """
    rows = np.zeros((reader.per_step, size, reader.per_window // reader.per_step), np.int32)
    labels = np.zeros(size, np.int32)
    stop = min(start + size, int(bounds[-1]))
    first = int(np.searchsorted(bounds, start, side="right")) - 1
    for windows, begin in zip(clients[first:], bounds[first:], strict=False):
        if begin >= stop:
            break
        ends = np.arange(max(start - begin, 0), min(stop - begin, len(windows)))
        places = ends + (begin - start)
        rows[:, places] = reader.rows(windows, ends)
        labels[places] = windows.labels[ends]
    return rows.ravel(), labels
