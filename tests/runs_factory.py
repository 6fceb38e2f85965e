"""Small runs: a config that trains in a second, and the fleet that belongs to it."""

from __future__ import annotations

from fednids.config import Config

SMALL: dict[str, object] = {
    "strategy.name": "fedavg",
    "data.flows": 1200,
    "data.window": 4,
    "partition.gateways": 3,
    "federation.rounds": 2,
    "train.batch_size": 32,
    "model.channels": "8",
    "model.hidden": 8,
    "model.dense": 0,
}


def small_config(**settings: object) -> Config:
    """Resolve the small settings with changes, ``__`` standing for the dot."""
    changed = {name.replace("__", "."): value for name, value in settings.items()}
    return Config.resolve({**SMALL, **changed}, lenient=True)
