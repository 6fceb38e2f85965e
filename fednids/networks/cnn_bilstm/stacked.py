"""Several detectors as one MindSpore graph: stacked weights, one batched product for all.

With small batches a step is mostly the start of kernels. Here one kernel serves ``K``
detectors, each with weights of its own. The mathematics is `fednids.networks.cnn_bilstm.network`'s;
biases are rows of the weights that a column of ones meets, because adding a vector to the
rows of a stack is slow on a processor, and the LSTM's backward pass is written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fednids.networks.cells import Tanh
from fednids.networks.cnn_bilstm.network import Pool
from fednids.networks.framework import Parameter, Tensor, grads, nn, ops
from fednids.networks.interface import NOWHERE, Stacked

if TYPE_CHECKING:
    from fednids.networks.cnn_bilstm.declaration import CNNBiLSTM


def stack(network: CNNBiLSTM, members: int) -> Stacked:
    """Return ``K`` detectors as one cell."""
    places = stacked_places(network)
    parameters = {
        name: Parameter(Tensor(np.zeros((members, *array.shape), np.float32)), name=f"stack.{name}")
        for name, array in places.items()
    }
    cell = StackedCNNBiLSTM(network, parameters)
    names = {id(parameter): name for name, parameter in parameters.items()}
    order = [names[id(parameter)] for parameter in cell.trainable_params()]
    return Stacked(members, cell, tuple(places[name] for name in order))


def stacked_places(network: CNNBiLSTM) -> dict[str, NDArray[np.int64]]:
    """Return where in a detector's flat weights each weight of its place in the stack lies.

    The arrays, by the name of the stacked parameter, have the shape of one detector's part. They
    hold places in the flat weights, or `NOWHERE` for a weight that is always 0.
    """
    layout = network.layout()
    flat = layout.unpack(np.arange(layout.size))  # type: ignore[arg-type]
    parts: Mapping[str, NDArray[np.int64]] = flat  # type: ignore[assignment]
    places = {"conv1": _first_convolution(network, parts)}
    for place in range(2, len(network.channels) + 1):
        places[f"conv{place}"] = _with_bias(parts, f"conv{place}")
    places["lstm.input"] = np.vstack([parts["lstm.forward.input"].T, parts["lstm.forward.bias"]])
    places["lstm.hidden"] = parts["lstm.forward.hidden"].T
    places["lstm.once"] = np.vstack([parts["lstm.reverse.input"], parts["lstm.reverse.bias"]])
    for name in ("dense", "head")[not network.dense :]:
        places[name] = _with_bias(parts, name)
    return places


def _with_bias(parts: Mapping[str, NDArray[np.int64]], name: str) -> NDArray[np.int64]:
    return np.vstack([parts[f"{name}.weight"], parts[f"{name}.bias"]])


def _first_convolution(
    network: CNNBiLSTM, parts: Mapping[str, NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Return every tap with a row for its column of ones; the middle one's is the bias."""
    taps = parts["conv1.weight"].reshape(network.kernel, network.features, -1)
    ones = np.full((network.kernel, 1, taps.shape[2]), NOWHERE)
    ones[network.kernel // 2] = parts["conv1.bias"]
    rows: NDArray[np.int64] = np.concatenate([taps, ones], axis=1).reshape(-1, taps.shape[2])
    return rows


class StackedConvolution(nn.Cell):
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


class StackedRows(nn.Cell):
    """Gather the rows of a convolution that follows another: ``(K, steps * B, in)`` in."""

    def __init__(self, members: int, steps: int, kernel: int, order: NDArray[np.int64]):
        super().__init__()
        self.members, self.steps, self.kernel, self.reach = members, steps, kernel, kernel // 2
        self.order = Tensor(order.astype(np.int32))
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
    """Run an LSTM over the steps; return its last state ``(K, B, H)``.

    Takes ``(K, q * B, in + 1)`` with a last column of ones, input weights
    ``(K, in + 1, 4 * H)`` and hidden weights ``(K, H, 4 * H)``, gates in the order i, f,
    g, o. What else it returns is what its gradient needs.
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

    Its parameters are those of `stacked_places`, each with a first axis of ``K``.
    """

    def __init__(self, network: CNNBiLSTM, stack: Mapping[str, Parameter]):
        super().__init__()
        places = stacked_places(network)
        members = len(stack["head"])
        self.members, self.classes = members, network.classes
        self.inputs = (members, -1, network.kernel * (network.features + 1))
        pools, kernel = network.pools, network.kernel
        convolutions = [
            StackedConvolution(stack[f"conv{k}"], places[f"conv{k}"], pool)
            for k, pool in enumerate(pools, 1)
        ]
        later = [(network.steps[k], network.pool_order(k)) for k in range(1, len(pools))]
        self.first, self.convolutions = convolutions[0], nn.CellList(convolutions[1:])
        self.gathers = nn.CellList([StackedRows(members, n, kernel, order) for n, order in later])
        self.input, self.hidden = stack["lstm.input"], stack["lstm.hidden"]
        self.once, self.head = stack["lstm.once"], stack["head"]
        self.has_dense = network.dense > 0
        if self.has_dense:
            self.dense = stack["dense"]
        self.steps, self.width = network.steps[-1], network.channels[-1] + 1
        self.scan, self.gates = Scan(self.steps), ops.Split(2, 3)
        self.product, self.join, self.cut = ops.BatchMatMul(), ops.Concat(2), ops.Slice()
        self.sigmoid, self.tanh, self.relu = ops.Sigmoid(), Tanh(), ops.ReLU()

    def construct(self, rows: Tensor) -> Tensor:
        """Compute the logits of all detectors from the first convolution's rows.

        These are ``(K, pool * q * B, k, F + 1) float32``: every tap's features and a one.
        """
        steps = self.first(ops.reshape(rows, self.inputs))
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
