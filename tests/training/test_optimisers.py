"""Every optimiser follows its definition inside a graph, and forgets everything on reset."""

from __future__ import annotations

import numpy as np
import oracles
import pytest

from fednids.networks.framework import Parameter, Tensor, nn
from fednids.training.optimisers import OPTIMISERS

DEFINITIONS = {"adam": oracles.AdamByDefinition, "sgd": oracles.SgdByDefinition}
SHAPES = ((3, 4), (5,))
RATES = (0.1, 0.1, 0.03, 0.01, 0.3, 0.1)


class Stepper(nn.Cell):
    """Two parameters and their optimiser in a graph."""

    def __init__(self, name):
        super().__init__()
        self.parameters = [
            Parameter(Tensor(np.zeros(shape, np.float32)), name=f"weight{place}")
            for place, shape in enumerate(SHAPES)
        ]
        self.optimiser = OPTIMISERS[name](self.parameters)

    def construct(self, first, second, learning_rate):
        return self.optimiser((first, second), learning_rate)

    def run(self, start, gradients):
        """Load weights, make steps, and give the weights after each."""
        for parameter, array in zip(self.parameters, start, strict=True):
            parameter.asnumpy()[...] = array
        after = []
        for both, rate in zip(gradients, RATES, strict=False):
            self(*map(Tensor, both), Tensor(np.float32(rate)))
            after.append([parameter.asnumpy().copy() for parameter in self.parameters])
        return after


@pytest.fixture(scope="module", params=sorted(OPTIMISERS))
def stepper(request):
    stepper = Stepper(request.param)
    stepper.name_of_rule = request.param
    return stepper


def examples(seed, size=1.0):
    rng = np.random.default_rng(seed)
    start = [rng.normal(size=shape).astype(np.float32) for shape in SHAPES]
    gradients = [
        [(size * rng.normal(size=shape)).astype(np.float32) for shape in SHAPES] for _ in RATES
    ]
    return start, gradients


def test_every_optimiser_has_a_definition_here():
    assert DEFINITIONS.keys() == OPTIMISERS.keys()


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6, 1e-8, 100.0])
def test_follows_its_definition(stepper, size):
    start, gradients = examples(1, size)
    stepper.optimiser.reset()
    after = stepper.run(start, gradients)
    for place in range(len(SHAPES)):
        definition = DEFINITIONS[stepper.name_of_rule]()
        weights = start[place].astype(np.float64)
        for step, rate in enumerate(RATES):
            weights = definition.step(weights, gradients[step][place].astype(np.float64), rate)
            np.testing.assert_allclose(after[step][place], weights, rtol=2e-5, atol=2e-6)


def test_without_gradient_nothing_moves(stepper):
    start, gradients = examples(2)
    stepper.optimiser.reset()
    after = stepper.run(start, [[0 * g for g in both] for both in gradients])
    for both in after:
        for left, given in zip(both, start, strict=True):
            np.testing.assert_array_equal(left, given)


def test_reset_forgets_everything(stepper):
    start, gradients = examples(3)
    stepper.optimiser.reset()
    fresh = stepper.run(start, gradients)
    stepper.run(*examples(4, 50.0))
    stepper.optimiser.reset()
    again = stepper.run(start, gradients)
    for one, other in zip(fresh, again, strict=True):
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)


def test_reset_leaves_the_weights(stepper):
    after = stepper.run(*examples(5))
    stepper.optimiser.reset()
    for parameter, array in zip(stepper.parameters, after[-1], strict=True):
        np.testing.assert_array_equal(parameter.asnumpy(), array)


def test_only_adam_remembers():
    stepper = Stepper("adam")
    start, gradients = examples(6)
    first, second = stepper.run(start, gradients), stepper.run(start, gradients)
    assert not np.array_equal(first[0][0], second[0][0])
