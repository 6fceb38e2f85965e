"""Cells of networks in MindSpore: built and checked, with flat weights in and out.

Whatever imports this starts MindSpore.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from fednids.errors import ConfigError
from fednids.networks.framework import Parameter, Tensor, live, nn, ops
from fednids.networks.interface import NOWHERE, Architecture, Stacked, Weights


class Tanh(nn.Cell):
    """The hyperbolic tangent, from the sigmoid.

    MindSpore's own kernel is off by 1e-5 from 3 on and by 1e-4 at 5.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sigmoid = ops.Sigmoid()

    def construct(self, x: Tensor) -> Tensor:
        """Compute it elementwise."""
        return 2 * self.sigmoid(2 * x) - 1


def build_cell(architecture: Architecture) -> nn.Cell:
    """Return a network's cell, and check that its parameters are those of its layout.

    Raises
    ------
    ConfigError
        They are not, or the cell keeps something beside its weights.
    """
    cell, layout = architecture.network.build(), architecture.layout
    fault = _fault(cell, [parameter.shape for parameter in layout.parameters])
    if fault:
        raise ConfigError(
            f"expected the cell of model.network={architecture.name} to have {fault}; correct its "
            "build() or its layout()"
        )
    return cell


def _fault(cell: nn.Cell, declared: Sequence[tuple[int, ...]]) -> str | None:
    dropping = [c for _, c in cell.cells_and_names() if isinstance(c, nn.Dropout) and c.p]
    if dropping:
        return "no nn.Dropout, whose draws cannot be repeated, got one; declare it in dropout()"
    trained = cell.trainable_params()
    if others := [p.name for p in cell.get_parameters() if not p.requires_grad]:
        return f"trainable parameters alone, got {', '.join(others)} beside"
    shapes = [tuple(parameter.shape) for parameter in trained]
    ends, known = np.cumsum([_size(s) for s in shapes]), np.cumsum([_size(s) for s in declared])
    whole = len(shapes) != len(declared) or shapes == [*declared]
    if not whole or not set(ends) <= set(known) or ends[-1:] != known[-1:]:
        return f"trainable parameters of the shapes {[*declared]}, in this order, got {shapes}"
    return None


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


class _Single:
    """Live memory of one detector's parameters: ``(P,) float32`` weights in and, copied, out."""

    def __init__(self, parameters: Iterable[Parameter]):
        self._live = live(parameters)

    def load(self, member: int, weights: Weights) -> None:
        place = 0
        for array in self._live:
            array[...] = weights[place : place + array.size].reshape(array.shape)
            place += array.size

    def read(self, member: int) -> Weights:
        return np.concatenate([array.ravel() for array in self._live])


class _Stacked:
    """The same of several detectors."""

    def __init__(self, parameters: Iterable[Parameter], places: Sequence[NDArray[np.int64]]):
        self._size = 1 + max(int(where.max()) for where in places)
        memory = zip(live(parameters), places, strict=True)
        self._parts = [(array, where, where != NOWHERE) for array, where in memory]

    def load(self, member: int, weights: Weights) -> None:
        for array, places, real in self._parts:
            array[member] = np.where(real, weights[places], np.float32(0))

    def read(self, member: int) -> Weights:
        weights = np.empty(self._size, np.float32)
        for array, places, real in self._parts:
            weights[places[real]] = array[member][real]
        return weights


LiveWeights = _Single | _Stacked


class Detectors:
    """``K`` detectors of one architecture in one cell: how weights get into it and out of it.

    Attributes
    ----------
    architecture : Architecture
        The network.
    members : int
        ``K``: those of the network's stacked form, or one in the network's own cell.
    cell : nn.Cell
        Computes the logits.
    steps : ndarray
        ``(n, k)`` steps of a window that the cell reads; any beyond the window is a row of zeros.
    input_shape : tuple[int, ...]
        Of the cell's inputs, once their rows are gathered.
    weights : LiveWeights
        Of the cell's parameters.

    Raises
    ------
    ConfigError
        The cell is not as its network declares it.
    """

    def __init__(self, architecture: Architecture, stacked: Stacked | None = None):
        self.architecture, self._stacked = architecture, stacked
        gathered, features = architecture.network.gathered(), architecture.features
        self.steps = np.arange(architecture.window)[None] if gathered is None else gathered
        self.members = stacked.members if stacked else 1
        self.cell = stacked.cell if stacked else build_cell(architecture)
        one = (-1, self.steps.shape[1], features)
        self.input_shape = (self.members, *one[:-1], features + 1) if stacked else one
        self.weights = self.memory(self.cell.trainable_params())

    def memory(self, parameters: Iterable[Parameter]) -> LiveWeights:
        """Return the memory of parameters that lie as the cell's do."""
        if self._stacked is None:
            return _Single(parameters)
        return _Stacked(parameters, self._stacked.places)

    def table(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the rows that are gathered from: all vectors, and a row of zeros.

        A stack's have a column of ones.
        """
        width = vectors.shape[1]
        table = np.zeros((len(vectors) + 1, width + (self._stacked is not None)), np.float32)
        table[:-1, :width], table[:-1, width:] = vectors, 1
        return table
