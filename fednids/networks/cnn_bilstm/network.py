"""The CNN-BiLSTM as a MindSpore graph.

Written for speed on a processor, with the mathematics of ``nn.Conv1d``, ``nn.MaxPool1d``
and ``nn.LSTM``: the convolution is one matrix product over gathered rows, the pooled
steps are laid out so that pooling is elementwise, the LSTM is one primitive with packed
weights, and with readout ``last`` the reverse direction is the single step it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fednids.networks.cells import Tanh
from fednids.networks.framework import Parameter, Tensor, nn, ops
from fednids.networks.interface import Weights

if TYPE_CHECKING:
    from fednids.networks.cnn_bilstm.declaration import CNNBiLSTM


class Pool(nn.Cell):
    """Max pooling and ReLU of steps in pooled order, which lie along one axis."""

    def __init__(self, pool: int, axis: int):
        super().__init__()
        self.pool, self.split, self.relu = pool, ops.Split(axis, pool), ops.ReLU()

    def construct(self, responses: Tensor) -> Tensor:
        """Keep the most of each pool, and no less than 0."""
        if self.pool == 1:
            return self.relu(responses)
        pooled = self.split(responses)
        most = pooled[0]
        for other in pooled[1:]:
            most = most + self.relu(other - most)
        return self.relu(most)


class Dense(nn.Cell):
    """Affine layer."""

    def __init__(self, name: str, parts: dict[str, Weights]):
        super().__init__()
        self.weight = Parameter(Tensor(parts[f"{name}.weight"]), name=f"{name}.weight")
        self.bias = Parameter(Tensor(parts[f"{name}.bias"]), name=f"{name}.bias")
        self.product, self.add = ops.MatMul(), ops.BiasAdd()

    def construct(self, inputs: Tensor) -> Tensor:
        """Multiply and add."""
        return self.add(self.product(inputs, self.weight), self.bias)


class Convolution(Dense):
    """Convolution, max pooling and ReLU over gathered rows.

    Takes ``(pool * q * B, k * in)`` rows in pooled order, returns ``(q * B, out)``.
    """

    def __init__(self, name: str, parts: dict[str, Weights], pool: int):
        super().__init__(name, parts)
        self.pool = Pool(pool, 0)

    def construct(self, rows: Tensor) -> Tensor:
        """Convolve, pool and rectify."""
        return self.pool(self.add(self.product(rows, self.weight), self.bias))


class Rows(nn.Cell):
    """Gather the rows of a convolution that follows another: ``(steps * B, in)`` in."""

    def __init__(self, steps: int, kernel: int, order: NDArray[np.int64]):
        super().__init__()
        self.steps, self.kernel, self.reach = steps, kernel, kernel // 2
        self.order = Tensor(order.astype(np.int32))
        self.join_steps, self.join_taps = ops.Concat(0), ops.Concat(2)

    def construct(self, pooled: Tensor) -> Tensor:
        """Put each step beside its neighbours, zeros beyond the ends."""
        width = pooled.shape[1]
        steps = ops.reshape(pooled, (self.steps, -1, width))
        if self.reach:
            edge = ops.zeros((self.reach, steps.shape[1], width), steps.dtype)
            steps = self.join_steps((edge, steps, edge))
        taps: tuple[Tensor, ...] = ()
        for tap in range(self.kernel):
            taps = (*taps, steps[tap : tap + self.steps])
        rows = ops.gather(self.join_taps(taps), self.order, 0)
        return ops.reshape(rows, (-1, self.kernel * width))


class BiLSTM(nn.Cell):
    """Both directions and the readout: ``(q * B, in)`` in, ``(B, 2 * H)`` out."""

    def __init__(self, network: CNNBiLSTM, parts: dict[str, Weights]):
        super().__init__()
        self.hidden, self.steps = network.hidden, network.steps[-1]
        self.width = network.width
        self.readout, last = network.readout, network.readout == "last"
        self.directions = 1 if last else 2
        prefix = "lstm.forward." if last else "lstm."
        packed = np.concatenate([a.ravel() for n, a in parts.items() if n.startswith(prefix)])
        self.packed = Parameter(Tensor(packed.reshape(-1, 1, 1)), name="lstm.packed")
        if last:
            self.once = Parameter(Tensor(parts["lstm.reverse.input"]), name="lstm.reverse.input")
            self.once_bias = Parameter(Tensor(parts["lstm.reverse.bias"]), name="lstm.reverse.bias")
        self.lstm = ops.LSTM(self.width, self.hidden, 1, True, not last, 0.0)
        self.join, self.gates = ops.Concat(1), ops.Split(1, 3)
        self.product, self.add, self.cut = ops.MatMul(), ops.BiasAdd(), ops.Slice()
        self.sigmoid, self.tanh = ops.Sigmoid(), Tanh()

    def construct(self, rows: Tensor) -> Tensor:
        """Read the sequence in both directions."""
        batch = rows.shape[0] // self.steps
        zeros = ops.zeros((self.directions, batch, self.hidden), rows.dtype)
        steps = ops.reshape(rows, (self.steps, batch, self.width))
        outputs, states, _, _, _ = self.lstm(steps, zeros, zeros, self.packed)
        if self.readout == "mean":
            return ops.mean(outputs, 0)
        if self.readout == "states":
            return self.join((states[0], states[1]))
        last = self.cut(rows, ((self.steps - 1) * batch, 0), (batch, self.width))
        return self.join((ops.reshape(states, (batch, self.hidden)), self._reverse(last)))

    def _reverse(self, last: Tensor) -> Tensor:
        """One step from a zero state: the forget gate and W_hh have nothing to act on."""
        gates = self.gates(self.add(self.product(last, self.once), self.once_bias))
        return self.sigmoid(gates[2]) * self.tanh(self.sigmoid(gates[0]) * self.tanh(gates[1]))


class Last(nn.Cell):
    """What the head reads without a BiLSTM: ``(q * B, in)`` in, ``(B, in)`` out."""

    def __init__(self, network: CNNBiLSTM):
        super().__init__()
        self.steps, self.width = network.steps[-1], network.width
        self.mean, self.cut = network.readout == "mean", ops.Slice()

    def construct(self, rows: Tensor) -> Tensor:
        """Take the last step, or the mean over steps."""
        batch = rows.shape[0] // self.steps
        if self.mean:
            return ops.mean(ops.reshape(rows, (self.steps, batch, self.width)), 0)
        return self.cut(rows, ((self.steps - 1) * batch, 0), (batch, self.width))


class CNNBiLSTMCell(nn.Cell):
    """Logits ``(B, C)`` from the gathered rows of ``B`` windows."""

    def __init__(self, network: CNNBiLSTM):
        super().__init__()
        layout = network.layout()
        parts = layout.unpack(np.zeros(layout.size, np.float32))
        self.inputs = (-1, network.kernel * network.features)
        pools, kernel = network.pools, network.kernel
        convolutions = [Convolution(f"conv{k}", parts, pool) for k, pool in enumerate(pools, 1)]
        later = [(network.steps[k], network.pool_order(k)) for k in range(1, len(pools))]
        self.first = convolutions[0] if convolutions else ops.Identity()
        self.gathers = nn.CellList([Rows(steps, kernel, order) for steps, order in later])
        self.convolutions = nn.CellList(convolutions[1:])
        self.bilstm = BiLSTM(network, parts) if network.hidden else Last(network)
        self.has_dense = network.dense > 0
        self.dense = Dense("dense", parts) if self.has_dense else ops.Identity()
        self.head, self.relu = Dense("head", parts), ops.ReLU()

    def construct(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the logits.

        The first convolution reads the rows, ``(pool * q * B, k, F) float32``. For dropout the
        BiLSTM's input is multiplied with the mask, ``(q * B, channels) float32``.
        """
        return self.classify(self.represent(rows, mask))

    def represent(self, rows: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute what the head reads, ``(B, D)``."""
        steps = self.first(ops.reshape(rows, self.inputs))
        for gather, convolution in zip(self.gathers, self.convolutions):  # noqa: B905
            steps = convolution(gather(steps))
        if mask is not None:
            steps = steps * mask
        read = self.bilstm(steps)
        if self.has_dense:
            read = self.relu(self.dense(read))
        return read

    def classify(self, read: Tensor) -> Tensor:
        """Compute the logits from what the head reads."""
        return self.head(read)
