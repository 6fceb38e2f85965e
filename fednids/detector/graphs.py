"""What runs in one graph call: some optimiser steps, or the scores of some windows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from fednids.detector.compile_cache import compile_cache
from fednids.detector.framework import Parameter, ParameterTuple, Tensor, live, mindspore, nn, ops
from fednids.detector.network import CNNBiLSTM
from fednids.detector.optimisers import Optimiser
from fednids.detector.stacked_network import StackedCNNBiLSTM


class Compiled:
    """A graph, compiled by its first call.

    Parameters
    ----------
    graph : nn.Cell
        What to call.
    identity : str
        All that the graph depends on but its arguments' shapes, for the cache on disk.

    Attributes
    ----------
    compile_seconds : float
        How long compiling took; 0 before the first call.
    """

    def __init__(self, graph: nn.Cell, identity: str):
        self._graph, self._identity, self.compile_seconds = graph, identity, 0.0

    def __call__(self, *arguments: Tensor | None) -> Any:
        """Call the graph. Later calls must have arguments of the same shapes and types."""
        if not self.compile_seconds:
            started = time.perf_counter()
            shapes = [each if each is None else (each.shape, each.dtype) for each in arguments]
            with compile_cache(f"{type(self._graph).__name__} {self._identity} {shapes}"):
                self._graph.compile(*arguments)
            self.compile_seconds = time.perf_counter() - started
        return self._graph(*arguments)


class Loss(nn.Cell):
    """Weighted cross-entropy of one batch of each of ``K`` detectors.

    Gives the sum, which is differentiated, and the ``(K,)`` parts.
    """

    def __init__(self, network: CNNBiLSTM | StackedCNNBiLSTM, classes: int, members: int):
        super().__init__()
        self.network, self.entropy = network, ops.SoftmaxCrossEntropyWithLogits()
        self.codes = Tensor(np.eye(classes, dtype=np.float32))
        self.members = members

    def construct(
        self, rows: Tensor, mask: Tensor | None, labels: Tensor, weights: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Compare logits with labels."""
        losses, _ = self.entropy(self.network(rows, mask), ops.gather(self.codes, labels, 0))
        each = ops.reshape(losses * weights, (self.members, -1)).sum(1)
        return each.sum(), each


class Steps(nn.Cell):
    """Some optimiser steps of each of ``K`` detectors in one graph call.

    With `proximal`, FedProx's ``mu/2 * ||w - w_t||**2`` (Li et al., "Federated Optimization
    in Heterogeneous Networks", MLSys 2020, eq. 2) is added through its gradient.
    """

    def __init__(
        self, loss: Loss, optimiser: Optimiser, row_shape: tuple[int, ...], proximal: bool
    ):
        super().__init__()
        self.optimiser, self.row_shape, self.proximal = optimiser, row_shape, proximal
        self.weights_ = ParameterTuple(loss.network.trainable_params())
        self.anchors = ParameterTuple([_anchor(w) for w in self.weights_] if proximal else [])
        self._anchored = list(zip(live(self.anchors), live(self.weights_), strict=False))
        self.gradient = ops.value_and_grad(loss, None, self.weights_, has_aux=True)
        self.places, self.members = range(len(self.weights_)), loss.members

    def construct(self, table, rows, labels, weights, masks, draws, steps, learning_rate, mu):  # type: ignore[no-untyped-def]  # noqa: PLR0913
        """Give each detector's sum of its steps' losses, ``(K,)``.

        Every Tensor is an argument of its own: inside a tuple it would be a constant, and
        the graph compiled anew for each.
        """
        total, step = ops.zeros((self.members,), mindspore.float32), Tensor(0, mindspore.int32)
        while step < steps:
            taken = ops.reshape(ops.gather(table, ops.gather(rows, step, 0), 0), self.row_shape)
            mask = None
            if masks is not None:
                mask = ops.gather(masks, ops.gather(draws, step, 0), 0)
            (_, each), gradients = self.gradient(
                taken, mask, ops.gather(labels, step, 0), ops.gather(weights, step, 0)
            )
            if self.proximal:
                gradients = self._pulled(gradients, mu)
            total = total + ops.depend(each, self.optimiser(gradients, learning_rate))
            step = step + 1
        return total

    def anchor(self) -> None:
        """Take the weights as they are for the ones that FedProx pulls to."""
        for anchor, weight in self._anchored:
            anchor[...] = weight

    def _pulled(self, gradients: tuple[Tensor, ...], mu: Tensor) -> tuple[Tensor, ...]:
        pulled: tuple[Tensor, ...] = ()
        for k in self.places:
            pulled = (*pulled, gradients[k] + mu * (self.weights_[k] - self.anchors[k]))
        return pulled


def _anchor(weight: Parameter) -> Parameter:
    return Parameter(ops.zeros(weight.shape, weight.dtype), f"anchor.{weight.name}", False)


class Scores(nn.Cell):
    """Class and cross-entropy of each window."""

    def __init__(self, network: CNNBiLSTM, classes: int, row_shape: tuple[int, int]):
        super().__init__()
        self.network, self.row_shape = network, row_shape
        self.entropy = ops.SoftmaxCrossEntropyWithLogits()
        self.codes = Tensor(np.eye(classes, dtype=np.float32))

    def construct(self, table: Tensor, rows: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Compare logits with labels."""
        logits = self.network(ops.reshape(ops.gather(table, rows, 0), self.row_shape), None)
        losses, _ = self.entropy(logits, ops.gather(self.codes, labels, 0))
        return logits.argmax(1), losses
