"""What a trainer is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.detector.architecture import Weights
from fednids.flows.windows import Windows


@dataclass(frozen=True)
class LocalTraining:
    """What gateways do in one round.

    Attributes
    ----------
    epochs : int
        Passes over the gateway's windows.
    learning_rate : float
        Of this round.
    class_weights : ndarray
        ``(C,) float32`` weight of each class in the loss.
    proximal_mu : float
        FedProx's mu; 0 for plain training.
    shuffle : bool
        Whether every epoch has an order of its own, or all the order of the flows.
    """

    epochs: int
    learning_rate: float
    class_weights: NDArray[np.float32]
    proximal_mu: float = 0.0
    shuffle: bool = True


@dataclass(frozen=True)
class Job:
    """One gateway's training.

    Attributes
    ----------
    start : ndarray
        ``(P,) float32`` weights to start from; left as they are.
    windows : Windows
        The gateway's training windows, at least one.
    rng : numpy.random.Generator
        Draws the order of the windows and the dropout masks.
    """

    start: Weights
    windows: Windows
    rng: np.random.Generator

    def steps(self, local: LocalTraining, batch_size: int) -> int:
        """Count the optimiser steps."""
        return local.epochs * -(-len(self.windows) // batch_size)

    def batches(self, local: LocalTraining, batch_size: int) -> Iterator[NDArray[np.int64]]:
        """Give the windows of each optimiser step; the last of an epoch may be short."""
        for _ in range(local.epochs):
            examples = len(self.windows)
            order = self.rng.permutation(examples) if local.shuffle else np.arange(examples)
            for start in range(0, examples, batch_size):
                yield order[start : start + batch_size]


@dataclass(frozen=True)
class Trained:
    """What came of a job.

    Attributes
    ----------
    weights : ndarray
        ``(P,) float32``, a copy.
    loss : float
        Mean weighted cross-entropy over all steps, without the proximal term.
    steps : int
        Optimiser steps made.
    seconds : float
        Time that training took, without compiling; the job's share where several jobs
        were trained as one.
    """

    weights: Weights
    loss: float
    steps: int
    seconds: float


@dataclass(frozen=True)
class Scored:
    """A detector's answers on some windows.

    Attributes
    ----------
    predicted : ndarray
        ``(n,) int32`` class of each window.
    loss : float
        Sum of the unweighted cross-entropies.
    """

    predicted: NDArray[np.int32]
    loss: float
