"""Training and evaluation of one detector after another in one compiled network.

A `Trainer` compiles its graphs once and serves any number of gateways of any size: weights
are written in place, optimiser state is cleared in place, and the loop over minibatches
runs inside the graph, which gathers each batch by index.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.detector.architecture import Architecture, Weights
from fednids.detector.batches import Batches, Taps, fill
from fednids.detector.framework import Parameter, ParameterTuple, Tensor, mindspore, nn, ops
from fednids.detector.network import CNNBiLSTM
from fednids.detector.optimisers import OPTIMISERS, Optimiser
from fednids.flows.windows import Windows

STEPS_PER_CALL = 32
"""Optimiser steps in one graph call; more gain nothing, fewer cost a call each."""

EVALUATION_BATCH = 1024
"""Windows scored in one graph call."""

_MASKS = 4096


@dataclass(frozen=True)
class LocalTraining:
    """What one gateway does in one round.

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
    """

    epochs: int
    learning_rate: float
    class_weights: NDArray[np.float32]
    proximal_mu: float = 0.0


@dataclass(frozen=True)
class Trained:
    """What came of it.

    Attributes
    ----------
    weights : ndarray
        ``(P,) float32``, a copy.
    loss : float
        Mean weighted cross-entropy over all steps, without the proximal term.
    steps : int
        Optimiser steps made.
    """

    weights: Weights
    loss: float
    steps: int


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


class _Loss(nn.Cell):
    """Weighted cross-entropy of one batch."""

    def __init__(self, network: CNNBiLSTM, classes: int):
        super().__init__()
        self.network, self.entropy = network, ops.SoftmaxCrossEntropyWithLogits()
        self.codes = Tensor(np.eye(classes, dtype=np.float32))

    def construct(
        self, rows: Tensor, mask: Tensor | None, labels: Tensor, weights: Tensor
    ) -> Tensor:
        losses, _ = self.entropy(self.network(rows, mask), ops.gather(self.codes, labels, 0))
        return (losses * weights).sum()


class _Steps(nn.Cell):
    """Some optimiser steps in one graph call.

    With `proximal`, FedProx's ``mu/2 * ||w - w_t||**2`` (Li et al., "Federated Optimization
    in Heterogeneous Networks", MLSys 2020, eq. 2) is added through its gradient.
    """

    def __init__(
        self, loss: _Loss, optimiser: Optimiser, row_shape: tuple[int, int], proximal: bool
    ):
        super().__init__()
        self.optimiser, self.row_shape, self.proximal = optimiser, row_shape, proximal
        self.weights_ = ParameterTuple(loss.network.trainable_params())
        self.anchors = ParameterTuple([_anchor(w) for w in self.weights_] if proximal else [])
        self.gradient = ops.value_and_grad(loss, None, self.weights_)
        self.places = range(len(self.weights_))

    def construct(self, table, rows, labels, weights, masks, draws, steps, learning_rate, mu):  # type: ignore[no-untyped-def]  # noqa: PLR0913
        """Give the sum of the steps' losses.

        Every Tensor is an argument of its own: inside a tuple it would be a constant, and
        the graph compiled anew for each.
        """
        total, step = ops.zeros((), mindspore.float32), Tensor(0, mindspore.int32)
        while step < steps:
            taken = ops.reshape(ops.gather(table, ops.gather(rows, step, 0), 0), self.row_shape)
            mask = None
            if masks is not None:
                mask = ops.gather(masks, ops.gather(draws, step, 0), 0)
            loss, gradients = self.gradient(
                taken, mask, ops.gather(labels, step, 0), ops.gather(weights, step, 0)
            )
            if self.proximal:
                gradients = self._pulled(gradients, mu)
            total = total + ops.depend(loss, self.optimiser(gradients, learning_rate))
            step = step + 1
        return total

    def _pulled(self, gradients: tuple[Tensor, ...], mu: Tensor) -> tuple[Tensor, ...]:
        pulled: tuple[Tensor, ...] = ()
        for k in self.places:
            pulled = (*pulled, gradients[k] + mu * (self.weights_[k] - self.anchors[k]))
        return pulled


def _anchor(weight: Parameter) -> Parameter:
    return Parameter(ops.zeros(weight.shape, weight.dtype), f"anchor.{weight.name}", False)


class _Scores(nn.Cell):
    """Class and cross-entropy of each window."""

    def __init__(self, network: CNNBiLSTM, classes: int, row_shape: tuple[int, int]):
        super().__init__()
        self.network, self.row_shape = network, row_shape
        self.entropy = ops.SoftmaxCrossEntropyWithLogits()
        self.codes = Tensor(np.eye(classes, dtype=np.float32))

    def construct(self, table: Tensor, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.network(ops.reshape(ops.gather(table, rows, 0), self.row_shape), None)
        losses, _ = self.entropy(logits, ops.gather(self.codes, labels, 0))
        return logits.argmax(1), losses


class Trainer:
    """One compiled network that trains and scores any detector of its architecture.

    Parameters
    ----------
    architecture : Architecture
        The network.
    vectors : ndarray
        ``(V, F) float32``: the distinct scaled feature vectors; windows refer to them.
    batch_size : int
        Windows per optimiser step.
    optimiser : str
        A name in `fednids.detector.optimisers.OPTIMISERS`.
    proximal : bool
        Whether tasks have a `proximal_mu`.

    Attributes
    ----------
    compile_seconds : float
        Time spent compiling so far.
    proximal : bool
        As given.
    """

    def __init__(
        self,
        architecture: Architecture,
        vectors: NDArray[np.float32],
        *,
        batch_size: int,
        optimiser: str,
        proximal: bool = False,
    ):
        self._architecture, self._batch_size, self.proximal = architecture, batch_size, proximal
        self.show(vectors)
        self._network = CNNBiLSTM(architecture)
        self._parameters = self._network.trainable_params()
        self._optimiser = OPTIMISERS[optimiser](self._parameters)
        row_shape = (-1, architecture.kernel * architecture.features)
        loss = _Loss(self._network, architecture.classes)
        self._steps = _Steps(loss, self._optimiser, row_shape, proximal)
        self._scores = _Scores(self._network, architecture.classes, row_shape)
        self._compiled: list[nn.Cell] = []
        self.compile_seconds = 0.0

    def show(self, vectors: NDArray[np.float32]) -> None:
        """Replace the ``(V, F) float32`` vectors that windows refer to."""
        padding = np.zeros((1, self._architecture.features), np.float32)
        self._table = Tensor(np.concatenate([vectors, padding]))
        self._taps = Taps(self._architecture, zero_row=len(vectors))

    def train(
        self, start: Weights, windows: Windows, task: LocalTraining, rng: np.random.Generator
    ) -> Trained:
        """Train on one gateway's windows with fresh optimiser state.

        Parameters
        ----------
        start : ndarray
            ``(P,) float32`` weights to start from; left as they are.
        windows : Windows
            The gateway's training windows, at least one.
        task : LocalTraining
            What to do.
        rng : numpy.random.Generator
            Draws the order of the windows and the dropout masks.

        Returns
        -------
        Trained
            New weights and mean loss.
        """
        self._load(start)
        self._optimiser.reset()
        for anchor, weight in zip(self._steps.anchors, self._parameters, strict=False):
            anchor.asnumpy()[...] = weight.asnumpy()
        shape = (STEPS_PER_CALL, self._batch_size)
        total, steps = 0.0, 0
        for ends in _calls(rng, len(windows), task.epochs, shape):
            batches = fill(windows, ends, self._taps, class_weights=task.class_weights, shape=shape)
            total += self._run(batches, self._dropout(rng), task)
            steps += batches.steps
        return Trained(self._read(), total / steps, steps)

    def score(self, weights: Weights, windows: Windows) -> Scored:
        """Score windows with the given ``(P,) float32`` weights."""
        self._load(weights)
        predicted, loss = np.empty(len(windows), np.int32), 0.0
        for start in range(0, len(windows), EVALUATION_BATCH):
            ends = np.arange(start, min(start + EVALUATION_BATCH, len(windows)))
            padded = np.resize(ends, EVALUATION_BATCH)
            rows, labels = self._taps.rows(windows, padded).ravel(), windows.labels[padded]
            classes, losses = self._call(self._scores, self._table, Tensor(rows), Tensor(labels))
            predicted[ends] = classes.asnumpy()[: len(ends)]
            loss += float(losses.asnumpy()[: len(ends)].sum(dtype=np.float64))
        return Scored(predicted, loss)

    def _run(
        self, batches: Batches, dropout: tuple[Tensor | None, Tensor | None], task: LocalTraining
    ) -> float:
        loss = self._call(
            self._steps,
            self._table,
            Tensor(batches.rows),
            Tensor(batches.labels),
            Tensor(batches.weights),
            *dropout,
            Tensor(batches.steps, mindspore.int32),
            Tensor(task.learning_rate, mindspore.float32),
            Tensor(task.proximal_mu, mindspore.float32),
        )
        return float(loss.asnumpy())

    def _call(self, graph: nn.Cell, *arguments: Tensor | None) -> Any:
        """Call a graph; the first time, compile it and note how long that took."""
        if graph not in self._compiled:
            started = time.perf_counter()
            graph.compile(*arguments)
            self.compile_seconds += time.perf_counter() - started
            self._compiled.append(graph)
        return graph(*arguments)

    def _dropout(self, rng: np.random.Generator) -> tuple[Tensor | None, Tensor | None]:
        """Draw channel masks, and which of them each step of each window gets."""
        drop = self._architecture.dropout
        if not drop:
            return None, None
        kept = rng.random((_MASKS, self._architecture.channels[-1])) >= drop
        choices = self._architecture.steps[-1] * self._batch_size
        draws = rng.integers(_MASKS, size=(STEPS_PER_CALL, choices), dtype=np.int32)
        return Tensor(kept.astype(np.float32) / np.float32(1 - drop)), Tensor(draws)

    def _load(self, weights: Weights) -> None:
        """Write weights into the live parameters.

        In place, because ``set_data`` and its kin bind a parameter to new memory while
        the compiled graph goes on with the old: training would then do nothing, silently.
        """
        place = 0
        for parameter in self._parameters:
            live = parameter.asnumpy()
            live[...] = weights[place : place + live.size].reshape(live.shape)
            place += live.size

    def _read(self) -> Weights:
        return np.concatenate([parameter.asnumpy().ravel() for parameter in self._parameters])


def _calls(
    rng: np.random.Generator, examples: int, epochs: int, shape: tuple[int, int]
) -> Iterator[NDArray[np.int64]]:
    """Give the examples of each graph call: every epoch in an order of its own."""
    size = math.prod(shape)
    for _ in range(epochs):
        order = rng.permutation(examples)
        for start in range(0, examples, size):
            yield order[start : start + size]
