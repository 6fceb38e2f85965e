"""Focal loss, logit adjustment and balanced sampling, against slow twins in NumPy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracles
import pytest
from detector_factory import BATCH, CLASSES, NETWORK, PLAIN, START, gateway, losses_by_loops, run
from detector_factory import same as same_bits
from detector_oracles import training_loss

from fednids.networks.framework import Tensor, nn, ops
from fednids.training.graphs import Loss
from fednids.training.jobs import TrainingJob

WEIGHTED = replace(PLAIN, class_weights=np.array([1.0, 0.5, 2.0, 3.0], np.float32))
SHARES = np.log(np.array([0.6, 0.3, 0.09, 0.01])).astype(np.float32)
WAYS = [
    {"focal_gamma": 2.0},
    {"focal_gamma": 0.5},
    {"adjustment": SHARES},
    {"focal_gamma": 1.0, "adjustment": 2 * SHARES},
]


def settings_of(way):
    """Return how to train, and what is added to the logits."""
    rest = {key: value for key, value in way.items() if key == "focal_gamma"}
    return replace(WEIGHTED, **rest), way.get("adjustment")


class Given(nn.Cell):
    """A network whose logits are its input."""

    def construct(self, rows):
        return rows


class LogitGradient(nn.Cell):
    """Loss of logits and its gradient by them."""

    def __init__(self):
        super().__init__()
        self.loss = Loss(Given(), CLASSES, 1)
        self.gradient = ops.value_and_grad(self.loss, 0, None, has_aux=True)

    def construct(self, logits, labels, weights, gamma, adjustment):
        return self.gradient(logits, None, labels, weights, gamma, adjustment, ())


def by_graph(logits, labels, weights, gamma, adjustment):
    gamma = None if gamma is None else Tensor(np.float32(gamma))
    adjustment = None if adjustment is None else Tensor(adjustment[None, None])
    arrays = (Tensor(logits), Tensor(labels), Tensor(weights))
    (total, _), gradient = LogitGradient()(*arrays, gamma, adjustment)
    return float(total.asnumpy()), gradient.asnumpy()


def by_definition(way, windows, weights=START):
    """Mean weighted loss of one batch."""
    _, logits = losses_by_loops(weights, windows)
    losses, _ = training_loss(
        np.asarray(logits), windows.labels, way.get("focal_gamma", 0.0), way.get("adjustment", 0.0)
    )
    return np.mean(losses * WEIGHTED.class_weights[windows.labels])


def test_the_twin_s_gradient_is_that_of_differences():
    rng = np.random.default_rng(1)
    logits, labels = rng.normal(0, 2, (6, CLASSES)), rng.integers(CLASSES, size=6)
    for gamma in (0.0, 0.5, 1.0, 2.0):
        _, gradient = training_loss(logits, labels, gamma, SHARES)
        expected = oracles.gradient_by_differences(
            lambda flat, gamma=gamma: training_loss(
                flat.reshape(logits.shape), labels, gamma, SHARES
            )[0].sum(),
            logits.ravel(),
        )
        np.testing.assert_allclose(gradient.ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_focal_loss_of_adjusted_logits_and_its_gradient(gamma):
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2, (9, CLASSES)).astype(np.float32)
    labels = rng.integers(CLASSES, size=9).astype(np.int32)
    weights = rng.random(9).astype(np.float32)
    total, gradient = by_graph(logits, labels, weights, gamma, SHARES)
    losses, slopes = training_loss(logits, labels, gamma, SHARES)
    assert total == pytest.approx(losses @ weights, rel=1e-5)
    np.testing.assert_allclose(gradient, slopes * weights[:, None], atol=1e-5)
    sure = np.full_like(logits, -200)
    sure[np.arange(9), labels] = 200  # no loss at all: 0 ** gamma has no finite slope below 1
    total, gradient = by_graph(sure, labels, weights, gamma, SHARES)
    assert total == 0
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_step_is_down_the_definition(way, sgd):
    """Plain SGD at rate 1: the step is the gradient, in chosen directions by differences."""
    windows = gateway(BATCH - 3)  # the padding must add nothing
    local, adjustment = settings_of(way)
    local = replace(local, learning_rate=1.0)
    trained = run(sgd, windows=windows, local=local, adjustment=adjustment)
    assert trained.loss == pytest.approx(by_definition(way, windows), abs=1e-5)
    step = START - trained.weights
    rng = np.random.default_rng(8)
    for _ in range(3):
        direction, reach = rng.normal(size=NETWORK.size), 1e-3
        ahead, behind = (
            by_definition(way, windows, START.astype(np.float64) + sign * reach * direction)
            for sign in (1, -1)
        )
        assert step @ direction == pytest.approx((ahead - behind) / (2 * reach), rel=5e-3, abs=5e-3)


def test_gamma_0_and_no_adjustment_are_cross_entropy_bit_for_bit(sgd):
    plain = run(sgd, local=WEIGHTED)
    assert same_bits(run(sgd, local=replace(WEIGHTED, focal_gamma=0.0)), plain)
    near = run(sgd, local=WEIGHTED, adjustment=np.zeros(CLASSES, np.float32))
    np.testing.assert_allclose(near.weights, plain.weights, atol=1e-6)
    assert not same_bits(run(sgd, local=replace(WEIGHTED, focal_gamma=2.0)), plain)


@pytest.mark.parametrize("way", [*WAYS, {"sampling": "balanced"}], ids=str)
def test_together_as_alone(way, adam):
    local, adjustment = settings_of(way)
    local = replace(local, epochs=2, learning_rate=1e-3)

    def jobs():
        own = [None, None] if adjustment is None else [adjustment, adjustment[::-1]]
        return [
            TrainingJob(
                NETWORK.initial_weights(rng),
                gateway(count, seed),
                rng,
                adjustment=own[seed],
                sampling=way.get("sampling", "all"),
            )
            for seed, count in enumerate((9, 40))
            for rng in [np.random.default_rng(seed)]
        ]

    together, alone = adam.train_all(jobs(), local), [adam.train(each, local) for each in jobs()]
    for one, other in zip(together, alone, strict=True):
        assert one.loss == pytest.approx(other.loss, abs=1e-5)
        np.testing.assert_allclose(one.weights, other.weights, atol=2e-4)
