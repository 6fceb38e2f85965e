"""What `benchmarks.search` tries: settings beside the defaults, by name."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fednids.config import Config
from fednids.networks.interface import Architecture

Settings = Mapping[str, object]

NETWORKS: dict[str, Settings] = {
    "channels 16": {"model.channels": "16"},
    "channels 96": {"model.channels": "96"},
    "kernel 3": {"model.kernel": 3},
    "pool 2": {"model.pools": "2"},
    "pool 5": {"model.pools": "5"},
    "hidden 16": {"model.hidden": 16},
    "hidden 64": {"model.hidden": 64},
    "no dense layer": {"model.dense": 0},
    "readout mean": {"model.readout": "mean"},
    "window 1": {"data.window": 1},
    "window 5": {"data.window": 5},
    "window 20": {"data.window": 20},
    "paper": {"model.preset": "paper"},
}
"""One size at a time off the default."""

TRAININGS: dict[str, Settings] = {
    "rate 0.001": {"train.learning_rate": 0.001},
    "rate 0.01": {"train.learning_rate": 0.01},
    "batch 256": {"train.batch_size": 256},
    "batch 256, rate 0.01": {"train.batch_size": 256, "train.learning_rate": 0.01},
}
"""One setting of training at a time off the default."""

LOSSES: dict[str, Settings] = {
    "balance 0": {"train.balance": 0},
    "balance 0.5": {"train.balance": 0.5},
    "balance 1": {"train.balance": 1},
    "focal 2": {"train.balance": 0, "train.loss": "focal"},
    "tau 0.5": {"train.balance": 0, "train.logit_adjustment": 0.5},
    "tau 1": {"train.balance": 0, "train.logit_adjustment": 1},
    "balanced sampling": {"train.balance": 0, "train.sampling": "balanced"},
}
"""Ways against imbalance, each alone: class weights, focal loss, logit adjustment, sampling."""

_LITE: dict[str, tuple[float, ...] | tuple[str, ...]] = {
    "model.channels": ("16", "24", "32", "48"),
    "model.hidden": (8, 12, 16),
    "model.dense": (0, 0, 16, 32),
    "data.window": (2, 3, 5),
    "train.batch_size": (128, 256),
    "train.learning_rate": (0.006, 0.01),
}
"""What small networks are drawn from. A first search had pools of 2 and 5, which no network bore
(macro-F1 without Theft under 0.7), windows of 10 and batches of 512, at which three rounds are too
few. At a batch of 64 the start of kernels alone takes more than a quarter of the default's step."""


def lite_networks(number: int, features: int, rng: np.random.Generator) -> dict[str, Settings]:
    """Draw networks of at most a quarter of the default's parameters, and their training.

    Parameters
    ----------
    number : int
        How many different ones.
    features : int
        ``F``, on which the number of parameters depends.
    rng : numpy.random.Generator
        Draws each size on its own; what is too large or was there before is drawn anew.
    """
    most = _parameters({}, features) / 4
    found: dict[str, Settings] = {}
    while len(found) < number:
        drawn = {name: rng.choice(values).item() for name, values in _LITE.items()}
        if _parameters(drawn, features) <= most:
            found["small " + " ".join(f"{value}" for value in drawn.values())] = drawn
    return found


def _parameters(settings: Settings, features: int) -> int:
    config = Config.resolve(settings)
    return Architecture.of(config.model, features, config.data.window, 5).size
