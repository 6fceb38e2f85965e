"""Sizes and layout: pack and unpack are inverse, initial weights lie within their bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_factory import cnn_bilstm

SMALL = st.integers(1, 6)


@st.composite
def architectures(draw):
    convolutions = draw(st.integers(1, 3))
    sizes = st.lists(SMALL, min_size=convolutions, max_size=convolutions).map(tuple)
    pools = draw(sizes)
    window = math.prod(pools) + draw(st.integers(0, 9))
    return cnn_bilstm(
        draw(SMALL),
        window,
        draw(st.integers(2, 6)),
        draw(sizes),
        draw(st.sampled_from([1, 3, 5])),
        pools,
        draw(SMALL),
        draw(st.integers(0, 4)),
        0.0,
        draw(st.sampled_from(["last", "states", "mean"])),
    )


@given(architectures(), st.integers(0, 2**32))
def test_pack_and_unpack_are_inverse(architecture, seed):
    weights = np.random.default_rng(seed).normal(size=architecture.size).astype(np.float32)
    parts = architecture.layout.unpack(weights)
    assert [(n, p.shape) for n, p in parts.items()] == [
        (p.name, p.shape) for p in architecture.layout.parameters
    ]
    assert all(np.shares_memory(part, weights) for part in parts.values())
    packed = architecture.layout.pack(dict(reversed(parts.items())))
    assert packed.dtype == np.float32
    np.testing.assert_array_equal(packed, weights)
    again = architecture.layout.unpack(packed)
    assert all(np.array_equal(again[name], part) for name, part in parts.items())


@given(architectures())
def test_names_are_unique_and_sizes_add_up(architecture):
    names = [parameter.name for parameter in architecture.layout.parameters]
    assert len(set(names)) == len(names)
    assert architecture.size == sum(math.prod(p.shape) for p in architecture.layout.parameters)


@given(architectures(), st.integers(0, 2**32))
def test_initial_weights_are_uniform_within_the_bounds_and_given_by_the_seed(architecture, seed):
    weights = architecture.initial_weights(np.random.default_rng(seed))
    assert weights.shape == (architecture.size,)
    assert weights.dtype == np.float32
    again = architecture.initial_weights(np.random.default_rng(seed))
    np.testing.assert_array_equal(weights, again)
    other = architecture.initial_weights(np.random.default_rng(seed + 1))
    assert not np.array_equal(weights, other)
    parts = architecture.layout.unpack(weights)
    for name, part in parts.items():
        kind = name.rpartition(".")[0]
        lstm = name.startswith("lstm.")
        fan_in = architecture.network.hidden if lstm else len(parts[f"{kind}.weight"])
        assert np.abs(part).max() <= np.float32(1 / math.sqrt(fan_in)), name


@pytest.mark.parametrize("readout", ["last", "states", "mean"])
def test_initial_weights_fill_their_bounds_evenly(readout):
    architecture = cnn_bilstm(20, 6, 40, (30,), 3, (2,), 40, 30, 0.0, readout)
    weights = architecture.initial_weights(np.random.default_rng(1))
    parts = architecture.layout.unpack(weights)
    for parameter in architecture.layout.parameters:
        scaled = parts[parameter.name].ravel() / parameter.bound
        spread = 5 / math.sqrt(len(scaled))
        assert abs(scaled.mean()) < spread, parameter.name
        assert abs((scaled**2).mean() - 1 / 3) < spread, parameter.name
        assert len(np.unique(scaled)) > 0.9 * len(scaled)


def test_a_bias_has_the_bound_of_its_weight():
    architecture = cnn_bilstm(3, 6, 5, (4, 7), 3, (2, 1), 9, 8, 0.0, "states")
    bounds = {p.name: p.bound for p in architecture.layout.parameters}
    assert bounds["conv1.weight"] == bounds["conv1.bias"] == 1 / math.sqrt(9)
    assert bounds["conv2.weight"] == bounds["conv2.bias"] == 1 / math.sqrt(12)
    assert bounds["dense.weight"] == bounds["dense.bias"] == 1 / math.sqrt(18)
    assert bounds["head.weight"] == bounds["head.bias"] == 1 / math.sqrt(8)
    assert {b for n, b in bounds.items() if n.startswith("lstm.")} == {1 / 3}


@pytest.mark.parametrize(
    ("window", "pools", "steps"),
    [
        (10, (2, 5), (10, 5, 1)),
        (7, (2,), (7, 3)),
        (1, (1,), (1, 1)),
        (23, (2, 5), (23, 11, 2)),
        (3, (4,), (3, 0)),
    ],
)
def test_steps_after_each_pool(window, pools, steps):
    channels = (4,) * len(pools)
    architecture = cnn_bilstm(3, window, 5, channels, 3, pools, 4, 0, 0.0, "last")
    assert architecture.network.steps == steps
