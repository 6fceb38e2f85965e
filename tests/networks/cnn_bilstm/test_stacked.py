"""Every detector of a stack is the plain one: same logits, same gradients, its own weights."""

from __future__ import annotations

import math

import numpy as np
import oracles
import pytest
from detector_oracles import Gradients, PlainDetector, WithoutMask, measure
from hypothesis import given
from hypothesis import strategies as st
from network_factory import changed, cnn_bilstm

from fednids.flows.windows import Windows
from fednids.networks.cells import Detectors
from fednids.networks.cnn_bilstm.stacked import stacked_places
from fednids.networks.interface import NOWHERE
from fednids.training.jobs import WindowReader

FLOWS, VECTORS = 7, 6
SIZES = {
    # name: (members, window, channels, kernel, pools, hidden, dense)
    "one convolution, a rest": (3, 7, (4,), 3, (2,), 5, 0),
    "as in default": (2, 6, (4,), 1, (1,), 3, 5),
    "one flow": (3, 1, (4,), 3, (1,), 5, 5),
    "as in paper, one step left": (3, 10, (3, 4), 3, (2, 5), 4, 5),
    "a rest in both pools": (2, 15, (3, 4), 3, (2, 3), 7, 0),
    "kernel wider than window": (4, 3, (4, 3), 5, (1, 1), 1, 0),
    "two of kernel 1": (3, 5, (3, 4), 1, (2, 1), 3, 5),
}
EVERY_DAY = ("as in default", "as in paper, one step left", "a rest in both pools")
GRADED = [
    name if name in EVERY_DAY else pytest.param(name, marks=pytest.mark.slow) for name in SIZES
]
SMALL = st.integers(1, 5)


def build(name):
    _, window, channels, kernel, pools, hidden, dense = SIZES[name]
    return cnn_bilstm(3, window, 4, channels, kernel, pools, hidden, dense, 0.0, "last")


def stack_of(architecture, members):
    return Detectors(architecture, architecture.network.stacked(members))


@st.composite
def architectures(draw):
    convolutions = draw(st.integers(1, 3))
    sizes = st.lists(SMALL, min_size=convolutions, max_size=convolutions).map(tuple)
    pools = draw(sizes)
    window, kernel = math.prod(pools) + draw(st.integers(0, 5)), draw(st.sampled_from([1, 3, 5]))
    classes, dense = draw(st.integers(2, 5)), draw(st.integers(0, 3))
    return cnn_bilstm(
        draw(SMALL), window, classes, draw(sizes), kernel, pools, draw(SMALL), dense, 0.0, "last"
    )


# --- logits and gradients -----------------------------------------------------------------------


class Examples:
    """Several detectors' examples, and what a stack of them makes of these."""

    def __init__(self, architecture, members):
        rng = np.random.default_rng(3)
        self.architecture, self.members = architecture, range(members)
        vectors = rng.normal(size=(VECTORS, architecture.features)).astype(np.float32)
        # so small that no gate saturates: MindSpore's Tanh is off by 1e-5 from 3, by 1e-4 at 5
        self.weights = [1.5 * architecture.initial_weights(rng) for _ in self.members]
        shape = (members, FLOWS)
        self.labels = rng.integers(architecture.classes, size=shape).astype(np.int32)
        self.coefficients = rng.uniform(0.5, 2, shape).astype(np.float32)
        orders = rng.integers(VECTORS, size=shape).astype(np.int32)
        window = architecture.window
        self.windows = [oracles.windows_by_loop(vectors, order, window) for order in orders]
        stack = stack_of(architecture, members)
        for member in self.members:
            stack.weights.load(member, self.weights[member])
        taps = WindowReader(stack.steps, architecture.window, zero_row=VECTORS)
        table = stack.table(vectors)
        pairs = zip(orders, self.labels, strict=True)
        rows = [taps.rows(Windows(*pair), np.arange(FLOWS)) for pair in pairs]
        self._measure(stack, table[np.array(rows)].reshape(stack.input_shape))

    def _measure(self, stack, rows):
        parameters = stack.cell.trainable_params()
        (self.loss, logits), gradients = measure(
            Gradients(WithoutMask(stack.cell), parameters),
            rows,
            self.labels.ravel(),
            self.coefficients.ravel(),
            self.architecture.classes,
        )
        self.logits = logits.reshape(len(self.members), FLOWS, -1)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.asnumpy()[...] = gradient  # a gradient lies in the stack as weights do
        self.gradients = [stack.weights.read(member) for member in self.members]
        self.of_first = stack.cell.first.weight.asnumpy()


@pytest.mark.parametrize("name", GRADED)
def test_logits_and_gradients_are_those_of_the_plain_network(name):
    stacked = Examples(build(name), SIZES[name][0])
    plain = PlainDetector(stacked.architecture, np.random.default_rng(4))
    total = 0.0
    for member in stacked.members:
        loss, logits, gradient = plain.gradient(
            stacked.weights[member],
            stacked.windows[member],
            stacked.labels[member],
            stacked.coefficients[member],
        )
        total += loss
        np.testing.assert_allclose(stacked.logits[member], logits, atol=1e-5, rtol=0)
        np.testing.assert_allclose(stacked.gradients[member], gradient, atol=1e-5, rtol=0)
        assert np.abs(gradient).max() > 0.01
        assert np.ptp(logits, axis=0).min() > 1e-4  # different windows, different answers
    assert stacked.loss == pytest.approx(total, abs=5e-5)
    nowhere = stacked_places(stacked.architecture.network)["conv1"] == NOWHERE
    assert not stacked.of_first[:, nowhere].any()


# --- where the weights lie ----------------------------------------------------------------------


@given(architectures())
def test_every_flat_weight_has_one_place_in_the_stack(architecture):
    places = stacked_places(architecture.network)
    every = np.concatenate([array.ravel() for array in places.values()])
    np.testing.assert_array_equal(np.sort(every[every != NOWHERE]), np.arange(architecture.size))
    nowhere = {name for name, array in places.items() if (array == NOWHERE).any()}
    assert nowhere == ({"conv1"} if architecture.network.kernel > 1 else set())
    spare = np.count_nonzero(every == NOWHERE)
    assert spare == (architecture.network.kernel - 1) * architecture.network.channels[0]


@pytest.mark.parametrize("name", SIZES)
def test_what_is_read_are_the_bits_that_were_loaded(name):
    architecture, members = build(name), SIZES[name][0]
    stack, rng = stack_of(architecture, members), np.random.default_rng(5)
    bits = rng.integers(2**32, size=(members, architecture.size), dtype=np.uint32)
    loaded = bits.view(np.float32)
    for member in rng.permutation(members):
        stack.weights.load(member, loaded[member])
    for _ in range(5):
        member = rng.integers(members)
        loaded[member] = architecture.initial_weights(rng)
        before = [stack.weights.read(other) for other in range(members)]
        stack.weights.load(member, loaded[member])
        before[member] = loaded[member]
        for other in range(members):
            read = stack.weights.read(other)
            assert read.tobytes() == before[other].tobytes() == loaded[other].tobytes()
            read[:] = np.nan  # a copy


def test_a_stack_loads_zeros_where_no_weight_lies():
    architecture = build("a rest in both pools")
    stack = stack_of(architecture, 2)
    places = stacked_places(architecture.network)["conv1"]
    memory = stack.cell.first.weight.asnumpy()
    memory[...] = np.nan
    stack.weights.load(1, architecture.initial_weights(np.random.default_rng(6)))
    assert (places == NOWHERE).any()
    np.testing.assert_array_equal(memory[1] == 0, places == NOWHERE)
    assert np.isnan(memory[0]).all()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"channels": (4, 5), "pools": (1, 2)}, True),
        ({"dropout": 0.1}, False),
        ({"readout": "states"}, False),
        ({"readout": "mean"}, False),
    ],
)
def test_only_the_last_readout_without_dropout_is_stacked(change, expected):
    stacked = changed(build("one convolution, a rest"), **change).network.stacked(2)
    assert (stacked is not None) == expected
