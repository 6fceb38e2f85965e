"""The plain network of MindSpore's own layers, for tests to compare the fast one with.

It runs operator by operator and not as a compiled graph: another engine than the fast one's,
and nothing to compile.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import oracles
from detector_factory import NETWORK, START, VECTORS

from fednids.networks.framework import ParameterTuple, Tensor, mindspore, nn, ops


class NoLSTM(nn.Cell):
    """Gives what it is given, in nn.LSTM's form."""

    def construct(self, steps):
        return steps, (steps, steps)


class PlainNetwork(nn.Cell):
    """Logits ``(B, C)`` from ``(B, T, F)`` windows by nn.Conv1d, nn.MaxPool1d and nn.LSTM."""

    def __init__(self, architecture):
        super().__init__()
        inputs, reach = (
            (architecture.features, *architecture.network.channels),
            architecture.network.kernel // 2,
        )
        self.convolutions = nn.CellList(
            [
                nn.Conv1d(
                    width,
                    out,
                    architecture.network.kernel,
                    pad_mode="pad",
                    padding=reach,
                    has_bias=True,
                )
                for width, out in zip(inputs, architecture.network.channels, strict=False)
            ]
        )
        self.pools = nn.CellList([nn.MaxPool1d(pool, pool) for pool in architecture.network.pools])
        steps = zip(architecture.network.steps, architecture.network.pools, strict=False)
        self.cuts = tuple(step % pool for step, pool in steps)
        self.hidden, self.readout = architecture.network.hidden, architecture.network.readout
        self.lstm = NoLSTM()
        self.has_dense, width = architecture.network.dense > 0, 2 * self.hidden or inputs[-1]
        if self.hidden:
            self.lstm = nn.LSTM(inputs[-1], self.hidden, batch_first=True, bidirectional=True)
        self.dense = nn.Identity()
        if self.has_dense:
            self.dense, width = (
                nn.Dense(width, architecture.network.dense),
                architecture.network.dense,
            )
        self.head, self.places = nn.Dense(width, architecture.classes), range(len(self.cuts))

    def construct(self, windows):
        steps = ops.transpose(windows, (0, 2, 1))
        for place in self.places:
            steps = ops.relu(self.convolutions[place](steps))
            steps = self.pools[place](steps[:, :, self.cuts[place] :])
        outputs, (states, _) = self.lstm(ops.transpose(steps, (0, 2, 1)))
        if self.readout == "last":
            read = outputs[:, -1]
        elif self.readout == "states":
            read = ops.concat((states[0], states[1]), 1)
        else:
            read = outputs.mean(1)
        if self.has_dense:
            read = ops.relu(self.dense(read))
        return self.head(read)


class Gradients(nn.Cell):
    """Weighted cross-entropy of any network, its logits, and the gradients of some weights."""

    def __init__(self, network, weights):
        super().__init__()
        self.network = network
        self.gradient = ops.value_and_grad(self.loss, None, ParameterTuple(weights), has_aux=True)

    def loss(self, inputs, codes, coefficients):
        logits = self.network(inputs)
        return -(ops.log_softmax(logits, 1) * codes).sum(1).mul(coefficients).sum(), logits

    def construct(self, inputs, codes, coefficients):
        return self.gradient(inputs, codes, coefficients)


class WithoutMask(nn.Cell):
    """A fast network as a function of its rows alone."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def construct(self, rows):
        return self.network(rows)


def training_loss(logits, labels, gamma=0.0, adjustment=0.0):
    """Loss ``(B,)`` and its gradient by the logits ``(B, C)``, window by window in float64."""
    losses, gradients = [], []
    for row, label in zip(logits.astype(np.float64) + adjustment, labels, strict=True):
        p = np.exp(row - row.max())
        p /= p.sum()
        truth = p[label]
        losses.append(-((1 - truth) ** gamma) * np.log(truth))
        slope = -((1 - truth) ** gamma) / truth
        if gamma:
            slope += gamma * (1 - truth) ** (gamma - 1) * np.log(truth)
        gradients.append(slope * truth * ((np.arange(len(row)) == label) - p))
    return np.array(losses), np.array(gradients)


class PlainDetector:
    """The plain network behind flat weights; `rng` draws what the flat weights leave out."""

    def __init__(self, architecture, rng):
        self.architecture, self.rng = architecture, rng
        network = PlainNetwork(architecture)
        self.parameters = {}
        for place, cell in enumerate(network.convolutions, 1):
            self.parameters[f"conv{place}.weight"] = cell.weight
            self.parameters[f"conv{place}.bias"] = cell.bias
        if architecture.network.hidden:
            self._name_lstm(network.lstm)
        for name in ("dense", "head")[not architecture.network.dense :]:
            self.parameters[f"{name}.weight"] = getattr(network, name).weight
            self.parameters[f"{name}.bias"] = getattr(network, name).bias
        self.graph = Gradients(network, list(self.parameters.values()))

    def _name_lstm(self, lstm):
        kinds = zip(
            ("input", "hidden", "bias1", "bias2"),
            (lstm.w_ih_list, lstm.w_hh_list, lstm.b_ih_list, lstm.b_hh_list),
            strict=True,
        )
        for kind, both in kinds:
            for direction, parameter in zip(("forward", "reverse"), both, strict=True):
                self.parameters[f"{direction}.{kind}"] = parameter

    def gradient(self, weights, windows, labels, coefficients):
        """Return loss, logits ``(B, C)`` and flat gradient ``(P,)``."""
        plain = oracles.plain_parameters(self.architecture, weights, self.rng)
        assert plain.keys() == self.parameters.keys()
        for name, parameter in self.parameters.items():
            live = parameter.asnumpy()
            live[...] = plain[name].reshape(live.shape)
        with _operator_by_operator():
            (loss, logits), gradients = measure(
                self.graph, windows, labels, coefficients, self.architecture.classes
            )
        shaped = {
            name: gradient.reshape(plain[name].shape)
            for name, gradient in zip(self.parameters, gradients, strict=True)
        }
        return loss, logits, oracles.flat_gradient(self.architecture, shaped)


@contextmanager
def _operator_by_operator():
    mindspore.set_context(mode=mindspore.PYNATIVE_MODE)
    try:
        yield
    finally:
        mindspore.set_context(mode=mindspore.GRAPH_MODE)


def measure(graph, inputs, labels, coefficients, classes):
    """Call `Gradients` with arrays and give arrays."""
    codes = np.eye(classes, dtype=np.float32)[labels]
    (loss, logits), gradients = graph(
        Tensor(inputs), Tensor(codes), Tensor(coefficients.astype(np.float32))
    )
    arrays = [gradient.asnumpy().copy() for gradient in gradients]
    return (float(loss.asnumpy()), logits.asnumpy().copy()), arrays


_DEFINITIONS = {"adam": oracles.AdamByDefinition, "sgd": oracles.SgdByDefinition}


def by_steps(
    plain, optimiser, windows, batches, local, *, start=START, pull=0.0, anchor=None, shift=0.0
):
    """Train one batch after another on the plain network, with whatever terms.

    Give the weights, each batch's loss, which weights ever had a gradient so faint that its
    rounding decides about a step of Adam, and the mean of the losses' gradients.
    """
    inputs = oracles.windows_by_loop(VECTORS, windows.order, NETWORK.window)
    weights, losses, faint = start.astype(np.float64), [], np.zeros(len(start), bool)
    anchor = start if anchor is None else anchor
    definition, plain_gradients = _DEFINITIONS[optimiser](), []
    for batch in batches:
        labels = windows.labels[batch]
        coefficients = local.class_weights[labels] / len(batch)
        loss, _, gradient = plain.gradient(
            weights.astype(np.float32), inputs[batch], labels, coefficients
        )
        plain_gradients.append(gradient.astype(np.float64))
        gradient = plain_gradients[-1] + shift
        if pull:
            gradient = gradient + oracles.gradient_by_differences(
                lambda w: pull / 2 * np.sum((w - anchor) ** 2), weights
            )
        weights = definition.step(weights, gradient, local.learning_rate)
        losses.append(loss)
        faint |= (gradient != 0) & (np.abs(gradient) < 1e-5)
    return weights, losses, faint, np.mean(plain_gradients, axis=0)
