"""What a trainer is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from fednids.flows.windows import Windows
from fednids.networks.cnn_bilstm.architecture import Weights


@dataclass(frozen=True)
class Terms:
    """What is done with a step's gradient beside handing it to the optimiser.

    Attributes
    ----------
    pull : bool
        Add ``strength * (w - anchor)``, which pulls the weights to a job's anchor: the
        gradient of ``strength / 2 * ||w - anchor||**2``. FedProx, FedDyn and Ditto do.
    shift : bool
        Add a job's constant vector: ``c - c_i`` in SCAFFOLD, the negative of the gradient
        that a gateway remembers in FedDyn.
    tracked : bool
        Give the mean of the gradients without pull and shift. It is SCAFFOLD's new ``c_i``;
        under plain SGD the paper's option II, ``c_i - c + (x - y) / (K * eta)``, is the same.

    References
    ----------
    Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, eq. 2.
    Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning",
    ICML 2020, eq. 3 and 4.
    Acar et al., "Federated Learning Based on Dynamic Regularization", ICLR 2021, eq. 1.
    """

    pull: bool = False
    shift: bool = False
    tracked: bool = False


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
    pull : float
        Strength of the pull to a job's anchor, from 0; needs `Terms.pull`.
    shuffle : bool
        Whether every epoch has an order of its own, or all the order of the flows.
    balanced : bool
        Whether an epoch draws as many windows as there are, with replacement, each class
        that the gateway has being equally likely; whatever `shuffle` says.
    focal_gamma : float
        Exponent of focal loss, from 0, which is cross-entropy.
    adjustment : ndarray, optional
        ``(C,) float32`` added to the logits in training alone.
    fresh : bool
        Whether the optimiser begins without state, as a gateway's does in each round. Without,
        it goes on from the training before, which must have been of the same detector.
    """

    epochs: int
    learning_rate: float
    class_weights: NDArray[np.float32]
    pull: float = 0.0
    shuffle: bool = True
    balanced: bool = False
    focal_gamma: float = 0.0
    adjustment: NDArray[np.float32] | None = None
    fresh: bool = True


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
    anchor : ndarray, optional
        ``(P,) float32`` that the weights are pulled to, by default `start`; of no effect
        without `Terms.pull`.
    shift : ndarray, optional
        ``(P,) float32`` that is added to every gradient, by default zeros; of no effect
        without `Terms.shift`.
    most_steps : int, optional
        Optimiser steps after which to stop, at least 1. Up to there everything is as
        without: the batches, and the dropout masks.
    """

    start: Weights
    windows: Windows
    rng: np.random.Generator
    anchor: Weights | None = None
    shift: Weights | None = None
    most_steps: int | None = None

    def steps(self, local: LocalTraining, batch_size: int) -> int:
        """Count the optimiser steps."""
        steps = local.epochs * -(-len(self.windows) // batch_size)
        return steps if self.most_steps is None else min(steps, self.most_steps)

    def batches(
        self, local: LocalTraining, batch_size: int, ahead: int = 1
    ) -> Iterator[NDArray[np.int64]]:
        """Give the windows of each optimiser step; the last of an epoch may be short.

        So many batches `ahead` are drawn at a time, those behind `most_steps` as well: what
        else the generator draws at the same places is then the same with it and without.
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
        """Give the windows of an epoch."""
        if local.balanced:
            return balanced_draws(self.windows.labels, self.rng)
        examples = len(self.windows)
        return self.rng.permutation(examples) if local.shuffle else np.arange(examples)


def balanced_draws(labels: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw as many examples as there are, with replacement, all classes equally likely.

    Parameters
    ----------
    labels : ndarray
        ``(n,) int32``, at least one; a class that is not there is not drawn.
    rng : numpy.random.Generator
        Makes the draws.

    Returns
    -------
    ndarray
        ``(n,) int64`` places in `labels`.
    """
    counts = np.bincount(labels)
    drawn = rng.choice(np.flatnonzero(counts), size=len(labels))
    within = (rng.random(len(labels)) * counts[drawn]).astype(np.int64)
    by_class = np.argsort(labels, kind="stable")
    places: NDArray[np.int64] = by_class[(np.cumsum(counts) - counts)[drawn] + within]
    return places


@dataclass(frozen=True)
class Trained:
    """What came of a job.

    Attributes
    ----------
    weights : ndarray
        ``(P,) float32``, a copy.
    loss : float
        Mean weighted loss over all steps, focal and adjusted if training is, without pull
        and shift.
    steps : int
        Optimiser steps made.
    seconds : float
        Time that training took, without compiling; the job's share where several jobs
        were trained as one.
    gradient : ndarray, optional
        ``(P,) float32`` mean over all steps of the loss's gradient, without pull and
        shift; with `Terms.tracked`.
    """

    weights: Weights
    loss: float
    steps: int
    seconds: float
    gradient: Weights | None = None


@dataclass(frozen=True)
class Scored:
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
