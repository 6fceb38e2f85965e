"""A tiny detector, gateways with a few flows, and jobs on them, for tests of the trainer."""

from __future__ import annotations

import numpy as np
import oracles
from network_factory import cnn_bilstm

from fednids.flows.windows import Windows
from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.objective import Objective, Proximal
from fednids.training.trainer import Trainer

BATCH = 8
CLASSES = 4
NETWORK = cnn_bilstm(3, 5, CLASSES, (4,), 3, (2,), 4, 0, 0.0, "last")
VECTORS = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
START = 3 * NETWORK.initial_weights(np.random.default_rng(6))
OTHER = 3 * NETWORK.initial_weights(np.random.default_rng(2))
PLAIN = LocalTraining(1, 0.05, np.ones(CLASSES, np.float32))


def gateway(count, seed=0):
    """Return a gateway of so many flows."""
    rng = np.random.default_rng(100 + seed)
    order = rng.integers(len(VECTORS), size=count).astype(np.int32)
    return Windows(order, rng.integers(CLASSES, size=count).astype(np.int32))


def make(optimiser, network=NETWORK, *, batch_size=BATCH, **settings):
    """Return a trainer on `VECTORS`."""
    return Trainer(network, VECTORS, batch_size=batch_size, optimiser=optimiser, **settings)


def pulled(strength, anchor=None):
    """Return the objective of FedProx."""
    return Objective((Proximal(strength, anchor),))


def run(trainer, start=START, windows=None, local=PLAIN, seed=5, objective=None, adjustment=None):
    """Train one job alone."""
    windows = gateway(27) if windows is None else windows
    rng, objective = np.random.default_rng(seed), objective or Objective()
    return trainer.train(TrainingJob(start, windows, rng, objective, None, adjustment), local)


def same(one, other):
    """Whether two results of training are the same, bit for bit."""
    return (
        one.weights.tobytes() == other.weights.tobytes()
        and one.loss == other.loss
        and one.steps == other.steps
    )


def losses_by_loops(weights, windows):
    """Cross-entropy and logits of each window, in NumPy."""
    plain = oracles.plain_parameters(NETWORK, weights, np.random.default_rng(4))
    inputs = oracles.windows_by_loop(VECTORS, windows.order, NETWORK.window)
    logits = oracles.logits_by_loops(NETWORK, plain, inputs)
    return oracles.cross_entropy_by_loop(logits, windows.labels), logits
