"""Cells of one graph call: some optimiser steps, or the scores of some windows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fednids.errors import ConfigError
from fednids.networks.cells import Detectors, LiveWeights, build_cell
from fednids.networks.framework import ParameterTuple, Tensor, mindspore, nn, ops
from fednids.networks.interface import Architecture, Weights
from fednids.training.compile_cache import code_digest, compile_cache
from fednids.training.objective import Objective, Term
from fednids.training.optimisers import Optimiser, zeros_like

_LEAST_MISSED = 1e-12
"""Added to ``1 - p`` under focal loss, whose logarithm is taken."""

_LEAST_SQUARES = 1e-24
"""Added to the sum of a gradient's squares, whose root divides."""


class CompiledGraph:
    """A graph, compiled by its first call.

    Its identity is all that it depends on but its arguments' shapes and the code of cells, for the
    cache on disk; parts are cells that it reads and does not hold.

    Attributes
    ----------
    compile_seconds : float
        How long compiling took; 0 before the first call.
    """

    def __init__(self, graph: nn.Cell, identity: str, parts: Sequence[nn.Cell] = ()):
        self._graph, self.compile_seconds = graph, 0.0
        cells = [cell for part in (graph, *parts) for _, cell in part.cells_and_names()]
        functions = [getattr(cell, "function", None) for cell in cells]
        self._identity = f"{identity} {code_digest([*map(type, cells), *functions])}"

    def __call__(self, *arguments: Tensor | None) -> Any:
        """Call the graph. Later calls must have arguments of the same shapes and types."""
        if not self.compile_seconds:
            started = time.perf_counter()
            shapes = [each if each is None else (each.shape, each.dtype) for each in arguments]
            with compile_cache(f"{type(self._graph).__name__} {self._identity} {shapes}"):
                self._graph.compile(*arguments)
            self.compile_seconds = time.perf_counter() - started
        return self._graph(*arguments)


class _Changed(nn.Cell):
    """The gradients as a term changes them; it reads its own of the numbers of all terms.

    Its vectors are one `ParameterTuple`, one vector behind the other, since `nn.Cell` knows no
    parameter in a tuple of tuples.
    """

    def __init__(
        self, term: Term, first: int, weights: ParameterTuple, vectors: Sequence[ParameterTuple]
    ):
        super().__init__()
        self.function: Any = term.gradient
        self.places = range(len(weights))
        self.first, self.end = first, first + len(term.numbers())
        self.weights_ = weights
        self.vectors = ParameterTuple([each for vector in vectors for each in vector])
        self.starts = [k * len(weights) for k, _ in enumerate(vectors)]

    def construct(self, gradients, numbers):  # type: ignore[no-untyped-def]
        changed: tuple[Tensor, ...] = ()
        for k in self.places:
            mine = numbers[self.first : self.end]
            for start in self.starts:
                mine = (*mine, self.vectors[start + k])
            changed = (*changed, self.function(gradients[k], self.weights_[k], *mine))
        return changed


class _Added(nn.Cell):
    """The loss of each window that a term adds; it holds the networks that the term reads."""

    def __init__(self, term: Term, first: int, cell: nn.Cell, networks: Sequence[nn.Cell]):
        super().__init__()
        self.networks = nn.CellList(list(networks))
        self.cell, self.first, self.end = cell, first, first + len(term.numbers())

    def construct(self, inputs, represented, logits, labels, numbers):  # type: ignore[no-untyped-def]
        mine = numbers[self.first : self.end]
        return self.cell(inputs, represented, logits, labels, *mine)


@dataclass(frozen=True)
class TermCells:
    """A term's part of a graph, and the memory of what it reads.

    Attributes
    ----------
    changed, added : nn.Cell or None
        Its gradients, and its loss.
    memories : tuple[LiveWeights, ...]
        Of its vectors, then of its networks.
    """

    changed: nn.Cell | None
    added: nn.Cell | None
    memories: tuple[LiveWeights, ...]

    def load(self, member: int, term: Term | None, start: Weights) -> None:
        """Write what a client's term reads; without a client, ``start`` everywhere."""
        arrays = [start] * len(self.memories)
        if term is not None:
            arrays = [*term.vectors(start), *term.networks(start)]
        for memory, array in zip(self.memories, arrays, strict=True):
            memory.load(member, array)


def build_terms(detectors: Detectors, objective: Objective) -> tuple[TermCells, ...]:
    """Build the cells of all terms of an objective.

    Raises
    ------
    ConfigError
        A term reads what the network's cell does not return.
    """
    weights, built, first = ParameterTuple(detectors.cell.trainable_params()), [], 0
    example = np.zeros(detectors.architecture.size, np.float32)
    for place, term in enumerate(objective.terms):
        if term.reads_representation and not hasattr(detectors.cell, "represent"):
            raise ConfigError(
                f"expected a network that shows what its head reads, for {type(term).__name__}, "
                f"got model.network={detectors.architecture.name}; choose another"
            )
        vectors = [
            zeros_like(weights, f"term{place}.{k}") for k, _ in enumerate(term.vectors(example))
        ]
        others = [
            _frozen(detectors.architecture, f"term{place}.network{k}")
            for k, _ in enumerate(term.networks(example))
        ]
        loss = term.loss(others)
        changed = _Changed(term, first, weights, vectors) if term.gradient is not None else None
        added = _Added(term, first, loss, others) if loss is not None else None
        read = [*vectors, *(list(cell.get_parameters()) for cell in others)]
        built.append(TermCells(changed, added, tuple(map(detectors.memory, read))))
        first += len(term.numbers())
    return tuple(built)


def _frozen(architecture: Architecture, name: str) -> nn.Cell:
    """Build another network, which is not trained."""
    cell = build_cell(architecture)
    for parameter in cell.trainable_params():
        parameter.name, parameter.requires_grad = f"{name}.{parameter.name}", False
    return cell


class Loss(nn.Cell):
    """Weighted loss of one batch of each of ``K`` detectors.

    Returns the sum, which is differentiated, and the ``(K,)`` parts without what terms add. The
    loss of a window is cross-entropy ``h``, of the logits plus the adjustment where there is one;
    with a gamma it is ``(1 - exp(-h)) ** gamma * h``: focal loss, since ``exp(-h)`` is the
    predicted probability of the window's class.

    References
    ----------
    Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 4.
    Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, eq. 10.
    """

    def __init__(
        self, network: nn.Cell, classes: int, members: int, added: Sequence[nn.Cell] = (),
        *, represents: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.network, self.entropy = network, ops.SoftmaxCrossEntropyWithLogits()
        self.codes = Tensor(np.eye(classes, dtype=np.float32))
        self.members, self.relu = members, ops.ReLU()
        self.added, self.adds = nn.CellList(list(added)), len(added) > 0
        self.represents = represents

    def construct(  # type: ignore[no-untyped-def]
        self, inputs, mask, labels, weights, gamma, adjustment, numbers
    ):
        """Compare logits with labels.

        `gamma` and `adjustment`, ``(K, 1, C)``, are Tensors, or None.
        """
        represented, logits = self._forward(inputs, mask)
        adjusted = logits
        if adjustment is not None:
            classes = logits.shape[1]
            members = ops.reshape(logits, (self.members, -1, classes)) + adjustment
            adjusted = ops.reshape(members, (-1, classes))
        losses, _ = self.entropy(adjusted, ops.gather(self.codes, labels, 0))
        if gamma is not None:
            losses = self._focused(losses, gamma)
        each = ops.reshape(losses * weights, (self.members, -1)).sum(1)
        total = each.sum()
        if self.adds:
            real = (weights > 0).astype(mindspore.float32)
            for term in self.added:
                found = term(inputs, represented, logits, labels, numbers)
                total = total + (found * real).sum() / real.sum()
        return total, each

    def _forward(self, inputs: Tensor, mask: Tensor | None) -> tuple[Any, Tensor]:
        if not self.represents:
            return None, self.network(inputs) if mask is None else self.network(inputs, mask)
        if mask is None:
            represented = self.network.represent(inputs)
        else:
            represented = self.network.represent(inputs, mask)
        return represented, self.network.classify(represented)

    def _focused(self, losses: Tensor, gamma: Tensor) -> Tensor:
        """Take from each loss what is easy; gradients stay finite where nothing is left."""
        missed = self.relu(-ops.expm1(-losses)) + _LEAST_MISSED
        return ops.exp(gamma * ops.log(missed)) * losses


class TrainingSteps(nn.Cell):
    """Some optimiser steps of each of ``K`` detectors in one graph call.

    A graph that comes from disk is given the memory of those parameters alone that this cell
    knows as its own, by ``parameters_dict()``, so every parameter that it reads is in there.

    Attributes
    ----------
    sums : ParameterTuple
        The sums of the gradients before terms change them. They lie as the weights do; empty
        where the objective does not track them.
    kept : ParameterTuple
        The weights while gradients are taken elsewhere; empty without sharpness.
    """

    def __init__(
        self,
        detectors: Detectors,
        optimiser: Optimiser,
        objective: Objective,
        terms: Sequence[TermCells],
    ):
        super().__init__()
        loss = Loss(
            detectors.cell,
            detectors.architecture.classes,
            detectors.members,
            [each.added for each in terms if each.added is not None],
            represents=any(term.reads_representation for term in objective.terms),
        )
        self.optimiser, self.input_shape = optimiser, detectors.input_shape
        weights = detectors.cell.trainable_params()
        self.weights_, self.places = ParameterTuple(weights), range(len(weights))
        self.changed = nn.CellList([each.changed for each in terms if each.changed is not None])
        self.added = loss.added  # so that this cell knows the parameters of their networks
        self.tracked, self.members = objective.track_gradient, detectors.members
        self.sums = zeros_like(weights if self.tracked else [], "sum")
        self.sharp = objective.sharpness > 0
        self.kept = zeros_like(weights if self.sharp else [], "kept")
        self.gradient = ops.value_and_grad(loss, None, self.weights_, has_aux=True)

    def construct(  # type: ignore[no-untyped-def]  # noqa: PLR0913
        self, table, rows, labels, weights, masks, draws, steps, learning_rate,
        gamma, adjustment, *numbers,
    ):  # fmt: skip
        """Return each detector's sum of its steps' losses, ``(K,)``.

        Every Tensor is an argument of its own: inside a tuple it would be a constant, and
        the graph compiled anew for each.
        """
        total, step = ops.zeros((self.members,), mindspore.float32), Tensor(0, mindspore.int32)
        while step < steps:
            taken = ops.reshape(ops.gather(table, ops.gather(rows, step, 0), 0), self.input_shape)
            mask = None
            if masks is not None:
                mask = ops.gather(masks, ops.gather(draws, step, 0), 0)
            (_, each), gradients = self.gradient(
                taken, mask, ops.gather(labels, step, 0), ops.gather(weights, step, 0),
                gamma, adjustment, numbers,
            )  # fmt: skip
            if self.sharp:
                taken = ops.depend(taken, self._climb(gradients, numbers[-1]))
                _, gradients = self.gradient(
                    taken, mask, ops.gather(labels, step, 0), ops.gather(weights, step, 0),
                    gamma, adjustment, numbers,
                )  # fmt: skip
                each = ops.depend(each, self._return(gradients))
            if self.tracked:
                each = self._summed(each, gradients)
            for term in self.changed:
                gradients = term(gradients, numbers)
            total = total + ops.depend(each, self.optimiser(gradients, learning_rate))
            step = step + 1
        return total

    def _climb(self, gradients: tuple[Tensor, ...], radius: Tensor) -> Tensor:
        """Keep the weights, and go up the gradient by the radius."""
        squares = ops.zeros((), mindspore.float32)
        for gradient in gradients:
            squares = squares + (gradient * gradient).sum()
        scale, done = radius / ops.sqrt(squares + _LEAST_SQUARES), squares
        for k in self.places:
            kept = ops.depend(gradients[k] * scale, ops.assign(self.kept[k], self.weights_[k]))
            done = ops.depend(done, ops.assign_add(self.weights_[k], kept))
        return done

    def _return(self, gradients: tuple[Tensor, ...]) -> Tensor:
        """Go back to the weights that were kept, once all gradients are there."""
        done = gradients[0].sum()
        for gradient in gradients:
            done = ops.depend(done, gradient)
        for k in self.places:
            done = ops.depend(done, ops.assign(self.weights_[k], ops.depend(self.kept[k], done)))
        return done

    def _summed(self, each: Tensor, gradients: tuple[Tensor, ...]) -> Tensor:
        """Add to the sums; return `each` as something that waits for it."""
        for k in self.places:
            each = ops.depend(each, ops.assign_add(self.sums[k], gradients[k]))
        return each


class RepresentedWindows(nn.Cell):
    """What the head reads of each window, ``(B, D)``."""

    def __init__(self, detectors: Detectors):
        super().__init__()
        self.network, self.input_shape = detectors.cell, detectors.input_shape

    def construct(self, table: Tensor, rows: Tensor) -> Tensor:
        """Compute it."""
        return self.network.represent(ops.reshape(ops.gather(table, rows, 0), self.input_shape))


class ScoredWindows(nn.Cell):
    """Class, cross-entropy and logits of each window."""

    def __init__(self, detectors: Detectors):
        super().__init__()
        self.network, self.input_shape = detectors.cell, detectors.input_shape
        self.entropy = ops.SoftmaxCrossEntropyWithLogits()
        self.codes = Tensor(np.eye(detectors.architecture.classes, dtype=np.float32))

    def construct(self, table: Tensor, rows: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """Compare logits with labels."""
        logits = self.network(ops.reshape(ops.gather(table, rows, 0), self.input_shape))
        losses, _ = self.entropy(logits, ops.gather(self.codes, labels, 0))
        return logits.argmax(1), losses, logits
