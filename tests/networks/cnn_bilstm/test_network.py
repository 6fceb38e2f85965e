"""The fast network is the plain one: same logits, same gradients, for every kind of sizes."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from detector_oracles import Gradients, PlainDetector, WithoutMask, measure
from hypothesis import given
from hypothesis import strategies as st
from network_factory import cnn_bilstm

from fednids.flows.windows import Windows
from fednids.networks.cells import Detectors
from fednids.networks.cnn_bilstm.declaration import pooled_order
from fednids.training.jobs import WindowReader

FLOWS = 9
SIZES = {
    # name: (window, channels, kernel, pools, dense, readout)
    "last": (7, (4,), 3, (2,), 0, "last"),
    "last, as in default": (10, (4,), 1, (1,), 5, "last"),
    "last, one flow": (1, (4,), 3, (1,), 5, "last"),
    "last, as in paper": (10, (3, 4), 3, (2, 5), 5, "last"),
    "last, a rest in both pools": (23, (3, 4), 3, (2, 5), 0, "last"),
    "last, kernel wider than window": (3, (4, 3), 5, (1, 1), 0, "last"),
    "states": (5, (4,), 3, (2,), 0, "states"),
    "states, a rest in both pools": (23, (3, 4), 3, (2, 5), 5, "states"),
    "mean": (7, (4,), 3, (2,), 5, "mean"),
    "mean, a rest in both pools": (23, (3, 4), 3, (2, 5), 0, "mean"),
    "last, cnn alone, a rest": (23, (3, 4), 3, (2, 5), 5, "last"),
    "mean, cnn alone": (7, (4,), 3, (2,), 0, "mean"),
    "last, bilstm alone": (5, (), 1, (), 5, "last"),
    "states, bilstm alone, no rest": (4, (), 1, (), 0, "states"),
}


def build(name):
    window, channels, kernel, pools, dense, readout = SIZES[name]
    hidden = 0 if "cnn" in name else 5
    return cnn_bilstm(3, window, 4, channels, kernel, pools, hidden, dense, 0.0, readout)


class Compared:
    """One architecture's examples, and both networks' results on them."""

    def __init__(self, architecture):
        rng = np.random.default_rng(3)
        self.architecture = architecture
        vectors = rng.normal(size=(7, architecture.features)).astype(np.float32)
        self.weights = 2 * architecture.initial_weights(rng)
        self.labels = rng.integers(architecture.classes, size=FLOWS).astype(np.int32)
        self.coefficients = rng.uniform(0.5, 2, FLOWS).astype(np.float32)
        windows = Windows(rng.integers(7, size=FLOWS).astype(np.int32), self.labels)
        self.windows = oracles.windows_by_loop(vectors, windows.order, architecture.window)
        self.loss, self.logits, self.gradient = self._fast(vectors, windows)

    def _fast(self, vectors, windows):
        architecture = self.architecture
        single = Detectors(architecture)
        single.weights.load(0, self.weights)
        table = single.table(vectors)
        taken = table[
            WindowReader(single.steps, architecture.window, zero_row=7).rows(
                windows, np.arange(FLOWS)
            )
        ]
        parameters = single.cell.trainable_params()
        (loss, logits), gradients = measure(
            Gradients(WithoutMask(single.cell), parameters),
            taken.reshape(single.input_shape),
            self.labels,
            self.coefficients,
            architecture.classes,
        )
        return loss, logits, np.concatenate([gradient.ravel() for gradient in gradients])


@pytest.mark.parametrize(
    "name",
    [n if "rest" in n or "paper" in n else pytest.param(n, marks=pytest.mark.slow) for n in SIZES],
)
def test_logits_and_gradients_are_those_of_the_plain_network(name):
    fast = Compared(build(name))
    plain = PlainDetector(fast.architecture, np.random.default_rng(4))
    for _ in range(2):  # each time with other values of all that the flat weights leave out
        loss, logits, gradient = plain.gradient(
            fast.weights, fast.windows, fast.labels, fast.coefficients
        )
        assert fast.loss == pytest.approx(loss, abs=2e-5)
        np.testing.assert_allclose(fast.logits, logits, atol=1e-5, rtol=0)
        np.testing.assert_allclose(fast.gradient, gradient, atol=1e-5, rtol=0)
    assert np.ptp(fast.logits, axis=0).min() > 1e-3  # different windows, different answers
    parts = fast.architecture.layout.unpack(fast.gradient)
    unused = {n for n, part in parts.items() if not part.any()}
    # one step of a sequence from a zero state never multiplies the recurrent weights
    expected = {n for n in parts if n.endswith(".hidden")}
    assert unused == (expected if fast.architecture.network.steps[-1] == 1 else set())
    by_loops = oracles.logits_by_loops(
        fast.architecture,
        oracles.plain_parameters(fast.architecture, fast.weights, np.random.default_rng(5)),
        fast.windows,
    )
    np.testing.assert_allclose(fast.logits, by_loops, atol=1e-5, rtol=0)


@pytest.mark.parametrize("convolutions", [1, 2])
@pytest.mark.parametrize("dense", [0, 3])
@pytest.mark.parametrize("readout", ["last", "states", "mean"])
def test_parameters_lie_in_the_order_of_the_layout(readout, dense, convolutions):
    channels, pools = (4, 6)[:convolutions], (2, 1)[:convolutions]
    architecture = cnn_bilstm(3, 8, 5, channels, 3, pools, 7, dense, 0.0, readout)
    network = Detectors(architecture).cell
    live = {"conv1.weight": network.first.weight, "conv1.bias": network.first.bias}
    for place, cell in enumerate(network.convolutions, 2):
        live |= {f"conv{place}.weight": cell.weight, f"conv{place}.bias": cell.bias}
    live["lstm.packed"] = network.bilstm.packed
    if readout == "last":
        live["lstm.reverse.input"] = network.bilstm.once
        live["lstm.reverse.bias"] = network.bilstm.once_bias
    for name in ("dense", "head")[not dense :]:
        cell = getattr(network, name)
        live |= {f"{name}.weight": cell.weight, f"{name}.bias": cell.bias}
    expected = []  # the layout, with neighbours that the network packs into one put together
    for parameter in architecture.layout.parameters:
        name = parameter.name if parameter.name in live else "lstm.packed"
        if expected and expected[-1][0] == name:
            expected[-1] = (name, expected[-1][1] + parameter.size)
        else:
            expected.append((name, parameter.size))
    names = {id(parameter): name for name, parameter in live.items()}
    trained = network.trainable_params()
    assert [(names[id(parameter)], parameter.size) for parameter in trained] == expected
    assert sum(parameter.size for parameter in trained) == architecture.size


@pytest.mark.parametrize("name", ["last, as in paper", "states, a rest in both pools"])
def test_what_is_read_are_the_bits_that_were_loaded(name):
    architecture = build(name)
    single = Detectors(architecture)
    rng = np.random.default_rng(6)
    first = rng.integers(2**32, size=architecture.size, dtype=np.uint32).view(np.float32)
    second = architecture.initial_weights(rng)
    single.weights.load(0, first)
    read = single.weights.read(0)
    assert read.dtype == np.float32
    assert read.tobytes() == first.tobytes()
    single.weights.load(0, second)
    assert single.weights.read(0).tobytes() == second.tobytes()
    assert read.tobytes() == first.tobytes()  # a copy
    # in the order of the layout, parameter after parameter
    parameters = [p.asnumpy().ravel() for p in single.cell.trainable_params()]
    assert np.concatenate(parameters).tobytes() == second.tobytes()


@given(st.integers(1, 40), st.integers(1, 8))
def test_pooled_order_puts_the_end_of_the_window_in_a_pool(steps, pool):
    order = pooled_order(steps, pool)
    count = steps // pool
    pools = [order[place::count].tolist() for place in range(count)]
    expected, last = [], steps
    for _ in range(count):
        expected.insert(0, list(range(last - pool, last)))
        last -= pool
    assert pools == expected
