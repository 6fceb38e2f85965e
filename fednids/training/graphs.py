"""What runs in one graph call: some optimiser steps, or the scores of some windows."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from fednids.networks.cnn_bilstm.network import CNNBiLSTM
from fednids.networks.cnn_bilstm.stacked import StackedCNNBiLSTM
from fednids.networks.framework import ParameterTuple, Tensor, mindspore, nn, ops
from fednids.training.compile_cache import compile_cache
from fednids.training.jobs import Terms
from fednids.training.optimisers import Optimiser, zeros_like

_LEAST_MISSED = 1e-12
"""Added to ``1 - p`` under focal loss, whose logarithm is taken."""


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
    """Weighted loss of one batch of each of ``K`` detectors.

    Gives the sum, which is differentiated, and the ``(K,)`` parts. The loss of a window is
    cross-entropy ``h``, of the logits plus the adjustment where there is one; with a gamma
    it is ``(1 - exp(-h)) ** gamma * h``: focal loss, since ``exp(-h)`` is the probability
    that the detector gives to the window's class.

    References
    ----------
    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 4.
    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, eq. 10.
    """

    def __init__(self, network: CNNBiLSTM | StackedCNNBiLSTM, classes: int, members: int):
        super().__init__()
        self.network, self.entropy = network, ops.SoftmaxCrossEntropyWithLogits()
        self.codes = Tensor(np.eye(classes, dtype=np.float32))
        self.members, self.add, self.relu = members, ops.BiasAdd(), ops.ReLU()

    def construct(self, rows, mask, labels, weights, gamma, adjustment):  # type: ignore[no-untyped-def]
        """Compare logits with labels; `gamma` and `adjustment` are Tensors, or None."""
        logits = self.network(rows, mask)
        if adjustment is not None:
            logits = self.add(logits, adjustment)
        losses, _ = self.entropy(logits, ops.gather(self.codes, labels, 0))
        if gamma is not None:
            losses = self._focused(losses, gamma)
        each = ops.reshape(losses * weights, (self.members, -1)).sum(1)
        return each.sum(), each

    def _focused(self, losses: Tensor, gamma: Tensor) -> Tensor:
        """Take from each loss what is easy; gradients stay finite where nothing is left."""
        missed = self.relu(-ops.expm1(-losses)) + _LEAST_MISSED
        return ops.exp(gamma * ops.log(missed)) * losses


class Steps(nn.Cell):
    """Some optimiser steps of each of ``K`` detectors in one graph call.

    Attributes
    ----------
    anchors, shifts, sums : ParameterTuple
        What the weights are pulled to, what is added to the gradients, and the sums of the
        gradients before that. They lie as the weights do; those that `Terms` leaves out are
        empty.
    """

    def __init__(self, loss: Loss, optimiser: Optimiser, row_shape: tuple[int, ...], terms: Terms):
        super().__init__()
        self.optimiser, self.row_shape = optimiser, row_shape
        self.pull, self.shift, self.tracked = terms.pull, terms.shift, terms.tracked
        weights = loss.network.trainable_params()
        self.weights_ = ParameterTuple(weights)
        self.anchors = zeros_like(weights if terms.pull else [], "anchor")
        self.shifts = zeros_like(weights if terms.shift else [], "shift")
        self.sums = zeros_like(weights if terms.tracked else [], "sum")
        self.gradient = ops.value_and_grad(loss, None, self.weights_, has_aux=True)
        self.places, self.members = range(len(self.weights_)), loss.members

    def construct(  # type: ignore[no-untyped-def]  # noqa: PLR0913
        self, table, rows, labels, weights, masks, draws, steps, learning_rate, strength,
        gamma, adjustment,
    ):  # fmt: skip
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
                taken, mask, ops.gather(labels, step, 0), ops.gather(weights, step, 0),
                gamma, adjustment,
            )  # fmt: skip
            if self.tracked:
                each = self._summed(each, gradients)
            if self.pull:
                gradients = self._pulled(gradients, strength)
            if self.shift:
                gradients = self._shifted(gradients)
            total = total + ops.depend(each, self.optimiser(gradients, learning_rate))
            step = step + 1
        return total

    def _summed(self, each: Tensor, gradients: tuple[Tensor, ...]) -> Tensor:
        """Add to the sums; give `each` as something that waits for it."""
        for k in self.places:
            each = ops.depend(each, ops.assign_add(self.sums[k], gradients[k]))
        return each

    def _pulled(self, gradients: tuple[Tensor, ...], strength: Tensor) -> tuple[Tensor, ...]:
        pulled: tuple[Tensor, ...] = ()
        for k in self.places:
            pulled = (*pulled, gradients[k] + strength * (self.weights_[k] - self.anchors[k]))
        return pulled

    def _shifted(self, gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        shifted: tuple[Tensor, ...] = ()
        for k in self.places:
            shifted = (*shifted, gradients[k] + self.shifts[k])
        return shifted


class Scores(nn.Cell):
    """Class, cross-entropy and logits of each window."""

    def __init__(self, network: CNNBiLSTM, classes: int, row_shape: tuple[int, int]):
        super().__init__()
        self.network, self.row_shape = network, row_shape
        self.entropy = ops.SoftmaxCrossEntropyWithLogits()
        self.codes = Tensor(np.eye(classes, dtype=np.float32))

    def construct(self, table: Tensor, rows: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Compare logits with labels."""
        logits = self.network(ops.reshape(ops.gather(table, rows, 0), self.row_shape), None)
        losses, _ = self.entropy(logits, ops.gather(self.codes, labels, 0))
        return logits.argmax(1), losses, logits
