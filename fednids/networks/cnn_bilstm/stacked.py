"""Several detectors as one MindSpore graph: stacked weights, one batched product for all.

With small batches a step is mostly the start of kernels. Here one kernel serves ``K``
detectors, each with weights of its own. The mathematics is `fednids.networks.cnn_bilstm.network`'s;
biases are rows of the weights that a column of ones meets, because adding a vector to the
rows of a stack is slow on a processor, and the LSTM's backward pass is written out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.networks.cnn_bilstm.architecture import Architecture, Weights
from fednids.networks.cnn_bilstm.network import Pool, Tanh, pooled_order
from fednids.networks.framework import Parameter, Tensor, grads, live, nn, ops

NOWHERE = -1


def stackable(architecture: Architecture) -> bool:
    """Tell whether detectors of this architecture can share a graph."""
    whole = bool(architecture.channels and architecture.hidden)
    return whole and architecture.readout == "last" and not architecture.dropout


def stacked_places(architecture: Architecture) -> dict[str, NDArray[np.int64]]:
    """Say where in a detector's flat weights each weight of its place in the stack lies.

    Returns
    -------
    dict[str, ndarray]
        By name of the stacked parameter, in the shape that one detector has in it; the
        value is a place in the flat weights, or `NOWHERE` for a weight that is always 0.
    """
    flat = architecture.unpack(np.arange(architecture.size))  # type: ignore[arg-type]
    parts: Mapping[str, NDArray[np.int64]] = flat  # type: ignore[assignment]
    places = {"conv1": _first_convolution(architecture, parts)}
    for place in range(2, len(architecture.channels) + 1):
        places[f"conv{place}"] = _with_bias(parts, f"conv{place}")
    places["lstm.input"] = np.vstack(
        [parts["lstm.forward.input"].T, parts["lstm.forward.bias"][None]]
    )
    places["lstm.hidden"] = parts["lstm.forward.hidden"].T
    reverse = (parts["lstm.reverse.input"], parts["lstm.reverse.bias"][None])
    places["lstm.once"] = np.vstack(reverse)
    for name in ("dense", "head")[not architecture.dense :]:
        places[name] = _with_bias(parts, name)
    return places


def _with_bias(parts: Mapping[str, NDArray[np.int64]], name: str) -> NDArray[np.int64]:
    return np.vstack([parts[f"{name}.weight"], parts[f"{name}.bias"][None]])


def _first_convolution(
    architecture: Architecture, parts: Mapping[str, NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Give every tap a row for its column of ones; the middle one's is the bias."""
    taps = parts["conv1.weight"].reshape(architecture.kernel, architecture.features, -1)
    ones = np.full((architecture.kernel, 1, taps.shape[2]), NOWHERE)
    ones[architecture.kernel // 2] = parts["conv1.bias"]
    rows: NDArray[np.int64] = np.concatenate([taps, ones], axis=1).reshape(-1, taps.shape[2])
    return rows


class Convolution(nn.Cell):
    """Convolution, max pooling and ReLU: ``(K, pool * q * B, k * in)`` to ``(K, q * B, out)``."""

    def __init__(self, weight: Parameter, places: NDArray[np.int64], pool: int):
        super().__init__()
        self.weight, self.product, self.pool = weight, ops.BatchMatMul(), Pool(pool, 1)
        self.partial = bool((places == NOWHERE).any())
        self.real = Tensor(np.broadcast_to(places != NOWHERE, weight.shape).astype(np.float32))

    def construct(self, rows: Tensor) -> Tensor:
        """Convolve, pool and rectify."""
        weight = self.weight * self.real if self.partial else self.weight
        return self.pool(self.product(rows, weight))


class Rows(nn.Cell):
    """Gather the rows of a convolution that follows another: ``(K, steps * B, in)`` in."""

    def __init__(self, members: int, steps: int, kernel: int, pool: int):
        super().__init__()
        self.members, self.steps, self.kernel, self.reach = members, steps, kernel, kernel // 2
        self.order = Tensor(pooled_order(steps, pool).astype(np.int32))
        self.join_steps, self.join_taps = ops.Concat(1), ops.Concat(3)

    def construct(self, pooled: Tensor) -> Tensor:
        """Put each step beside its neighbours, zeros beyond the ends, and a one."""
        width, size = pooled.shape[2], pooled.shape[1] // self.steps
        steps = ops.reshape(pooled, (self.members, self.steps, size, width))
        ones = ops.ones((self.members, self.steps, size, 1), steps.dtype)
        taps: tuple[Tensor, ...] = ()
        padded = steps
        if self.reach:
            edge = ops.zeros((self.members, self.reach, size, width), steps.dtype)
            padded = self.join_steps((edge, steps, edge))
        for tap in range(self.kernel):
            taps = (*taps, padded[:, tap : tap + self.steps])
        rows = ops.gather(self.join_taps((*taps, ones)), self.order, 1)
        return ops.reshape(rows, (self.members, -1, self.kernel * width + 1))


class Scan(nn.Cell):
    """Run an LSTM over the steps; give its last state ``(K, B, H)``.

    Takes ``(K, q * B, in + 1)`` with a last column of ones, input weights
    ``(K, in + 1, 4 * H)`` and hidden weights ``(K, H, 4 * H)``, gates in the order i, f,
    g, o. What else it gives is what its gradient needs.
    """

    def __init__(self, steps: int):
        super().__init__()
        self.product, self.sigmoid, self.tanh = ops.BatchMatMul(), ops.Sigmoid(), Tanh()
        self.by_transposed = ops.BatchMatMul(transpose_b=True)
        self.transposed_by = ops.BatchMatMul(transpose_a=True)
        self.steps, self.gates = ops.Split(1, steps), ops.Split(2, 4)
        self.join_steps, self.join_gates = ops.Concat(1), ops.Concat(2)
        self.through_sigmoid, self.through_tanh = grads.SigmoidGrad(), grads.TanhGrad()
        self.later = tuple(range(steps - 1, 0, -1))

    def construct(self, inputs: Tensor, input_weight: Tensor, hidden_weight: Tensor) -> Any:
        """Step from zero states."""
        drives = self.steps(self.product(inputs, input_weight))
        i, f, g, o = self._gates(drives[0])
        cell = i * g
        bent = self.tanh(cell)
        state = o * bent
        gates: tuple[Any, ...] = ((i, f, g, o),)
        cells: tuple[Tensor, ...] = (cell,)
        bents: tuple[Tensor, ...] = (bent,)
        states: tuple[Tensor, ...] = (state,)
        for drive in drives[1:]:
            i, f, g, o = self._gates(drive + self.product(state, hidden_weight))
            cell = f * cell + i * g
            bent = self.tanh(cell)
            state = o * bent
            gates, cells = (*gates, (i, f, g, o)), (*cells, cell)
            bents, states = (*bents, bent), (*states, state)
        return state, gates, cells, bents, states

    def bprop(
        self, inputs: Tensor, input_weight: Tensor, hidden_weight: Tensor, out: Any, dout: Any
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Step back from the gradient of the last state."""
        _, gates, cells, bents, states = out
        to_state = dout[0]
        to_cell = ops.zeros_like(to_state)
        later: tuple[Tensor, ...] = ()
        for step in self.later:
            i, f, g, o = gates[step]
            to_cell = to_cell + self.through_tanh(bents[step], to_state * o)
            to_drive = self.join_gates(
                (
                    self.through_sigmoid(i, to_cell * g),
                    self.through_sigmoid(f, to_cell * cells[step - 1]),
                    self.through_tanh(g, to_cell * i),
                    self.through_sigmoid(o, to_state * bents[step]),
                )
            )
            later = (to_drive, *later)
            to_cell = to_cell * f
            to_state = self.by_transposed(to_drive, hidden_weight)
        i, f, g, o = gates[0]
        to_cell = to_cell + self.through_tanh(bents[0], to_state * o)
        to_first = self.join_gates(
            (
                self.through_sigmoid(i, to_cell * g),
                ops.zeros_like(f),
                self.through_tanh(g, to_cell * i),
                self.through_sigmoid(o, to_state * bents[0]),
            )
        )
        to_drives = self.join_steps((to_first, *later))
        to_hidden = ops.zeros_like(hidden_weight)
        if self.later:
            to_hidden = self.transposed_by(self.join_steps(states[:-1]), self.join_steps(later))
        to_inputs = self.by_transposed(to_drives, input_weight)
        return to_inputs, self.transposed_by(inputs, to_drives), to_hidden

    def _gates(self, drive: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        i, f, g, o = self.gates(drive)
        return self.sigmoid(i), self.sigmoid(f), self.tanh(g), self.sigmoid(o)


class StackedCNNBiLSTM(nn.Cell):
    """Logits ``(K * B, C)`` of ``K`` detectors, each on windows of its own.

    Parameters
    ----------
    architecture : Architecture
        All sizes; must be `stackable`.
    stack : Mapping[str, Parameter]
        The parameters of `stacked_places`, each with a first axis of ``K``.
    """

    def __init__(self, architecture: Architecture, stack: Mapping[str, Parameter]):
        super().__init__()
        places = stacked_places(architecture)
        members = len(stack["head"])
        self.members, self.classes = members, architecture.classes
        gathers, convolutions = [], []
        for place, pool in enumerate(architecture.pools, 1):
            name = f"conv{place}"
            convolutions.append(Convolution(stack[name], places[name], pool))
            if place > 1:
                steps = architecture.steps[place - 1]
                gathers.append(Rows(members, steps, architecture.kernel, pool))
        self.first, self.gathers = convolutions[0], nn.CellList(gathers)
        self.convolutions = nn.CellList(convolutions[1:])
        self.input, self.hidden = stack["lstm.input"], stack["lstm.hidden"]
        self.once, self.head = stack["lstm.once"], stack["head"]
        self.has_dense = architecture.dense > 0
        if self.has_dense:
            self.dense = stack["dense"]
        self.steps, self.width = architecture.steps[-1], architecture.channels[-1] + 1
        self.scan, self.gates = Scan(self.steps), ops.Split(2, 3)
        self.product, self.join, self.cut = ops.BatchMatMul(), ops.Concat(2), ops.Slice()
        self.sigmoid, self.tanh, self.relu = ops.Sigmoid(), Tanh(), ops.ReLU()

    def construct(self, rows: Tensor, mask: Tensor | None) -> Tensor:
        """Compute the logits of all detectors from the first convolution's rows.

        Parameters
        ----------
        rows : Tensor
            ``(K, pool * q * B, k * (F + 1)) float32``: every tap's features and a one.
        mask : Tensor, optional
            Never given: detectors with dropout are not stacked.
        """
        steps = self.first(rows)
        for gather, convolution in zip(self.gathers, self.convolutions):  # noqa: B905
            steps = convolution(gather(steps))
        size = steps.shape[1] // self.steps
        one = ops.ones((self.members, size, 1), steps.dtype)
        steps = self.join((steps, ops.ones((self.members, self.steps * size, 1), steps.dtype)))
        state = self.scan(steps, self.input, self.hidden)[0]
        last = self.cut(steps, (0, (self.steps - 1) * size, 0), (self.members, size, self.width))
        i, g, o = self.gates(self.product(last, self.once))
        reverse = self.sigmoid(o) * self.tanh(self.sigmoid(i) * self.tanh(g))
        read = self.join((state, reverse, one))
        if self.has_dense:
            read = self.join((self.relu(self.product(read, self.dense)), one))
        return ops.reshape(self.product(read, self.head), (-1, self.classes))


def _parameter(name: str, members: int, shape: tuple[int, ...]) -> Parameter:
    return Parameter(Tensor(np.zeros((members, *shape), np.float32)), name=f"stack.{name}")


class StackMemory:
    """Live memory of parameters that lie as the stack's do: flat weights in and out.

    Parameters
    ----------
    parameters : Iterable[Parameter]
        In order and shape as ``network.trainable_params()``.
    places : Sequence[ndarray]
        Of each, as in `stacked_places`.
    """

    def __init__(self, parameters: Iterable[Parameter], places: Sequence[NDArray[np.int64]]):
        self._size = 1 + max(int(where.max()) for where in places)
        memory = zip(live(parameters), places, strict=True)
        self._parts = [(array, where, where != NOWHERE) for array, where in memory]

    def load(self, member: int, weights: Weights) -> None:
        """Write ``(P,) float32`` weights into a member's place."""
        for array, places, real in self._parts:
            array[member] = np.where(real, weights[places], np.float32(0))

    def read(self, member: int) -> Weights:
        """Copy a member's weights out, ``(P,) float32``."""
        weights = np.empty(self._size, np.float32)
        for array, places, real in self._parts:
            weights[places[real]] = array[member][real]
        return weights


class Stack:
    """``K`` detectors as one network: how flat weights get into it and out of it.

    Parameters
    ----------
    architecture : Architecture
        All sizes; must be `stackable`.
    members : int
        Number of detectors ``K``.

    Attributes
    ----------
    architecture : Architecture
        As given.
    network : StackedCNNBiLSTM
        The network.
    row_shape : tuple[int, int, int]
        Shape of the first convolution's rows.
    weights : StackMemory
        Of the network's parameters.
    """

    def __init__(self, architecture: Architecture, members: int):
        self.architecture = architecture
        places = stacked_places(architecture)
        stack = {name: _parameter(name, members, array.shape) for name, array in places.items()}
        self.network = StackedCNNBiLSTM(architecture, stack)
        self.row_shape = (members, -1, architecture.kernel * (architecture.features + 1))
        trained = self.network.trainable_params()
        named = {id(parameter): places[name] for name, parameter in stack.items()}
        self._places = [named[id(parameter)] for parameter in trained]
        self.weights = self.memory(trained)

    def memory(self, parameters: Iterable[Parameter]) -> StackMemory:
        """Give the memory of parameters that lie as the network's do."""
        return StackMemory(parameters, self._places)

    def table(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add a column of ones, and a row of zeros for what lies beyond a window's ends."""
        table = np.zeros((len(vectors) + 1, vectors.shape[1] + 1), np.float32)
        table[:-1, :-1], table[:-1, -1] = vectors, 1
        return table
