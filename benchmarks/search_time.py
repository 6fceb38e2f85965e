"""How long networks train, in turn: the part of `benchmarks.search` that measures time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

from benchmarks.harness import spread
from benchmarks.search_space import Settings
from benchmarks.validation import validation_fleet
from fednids.config import Config
from fednids.flows.windows import Windows
from fednids.messages.values import Statistics
from fednids.training.initial import initial_task, initial_weights, run_architecture
from fednids.training.jobs import LocalTraining, TrainingJob
from fednids.training.trainer import Trainer

WINDOWS = 16_384
REPEATS = 9


def times(base: Settings, candidates: Mapping[str, Settings]) -> dict[str, dict[str, object]]:
    """Time the candidates in turn, the first of them being what the others are compared with.

    Returns
    -------
    dict
        By name: microseconds a window by the clock, processor microseconds a window, and the
        medians over pairs of both over the first candidate's.
    """
    runs = {name: _runner({**base, **settings}) for name, settings in candidates.items()}
    walls: dict[str, list[float]] = {name: [] for name in runs}
    processors: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(REPEATS):
        for name, run in runs.items():
            wall, processor = time.perf_counter(), time.process_time()
            run()
            walls[name].append((time.perf_counter() - wall) * 1e6 / WINDOWS)
            processors[name].append((time.process_time() - processor) * 1e6 / WINDOWS)
    first = next(iter(runs))
    return {
        name: {
            "microseconds": spread(walls[name]),
            "processor_microseconds": spread(processors[name]),
            "ratio": _ratio(walls[name], walls[first]),
            "processor_ratio": _ratio(processors[name], processors[first]),
        }
        for name in runs
    }


def _runner(settings: Settings) -> Callable[[], None]:
    """Give what trains one epoch over the first windows; compiled already."""
    config = Config.resolve(settings)
    fleet = validation_fleet(config)
    whole = fleet.training(0)
    windows = Windows(whole.order[:WINDOWS], whole.labels[:WINDOWS])
    task = initial_task([Statistics(0, fleet.moments(0), fleet.initial_support(0))], config)
    architecture = run_architecture(task, config)
    trainer = Trainer(
        architecture,
        task.scaler.apply(fleet.flows.vectors),
        batch_size=config.train.batch_size,
        optimiser=config.train.optimiser,
    )
    local = LocalTraining(1, config.train.learning_rate, task.class_weights)
    start = initial_weights(architecture, config)

    def run() -> None:
        trainer.train(TrainingJob(start, windows, np.random.default_rng(1)), local)

    run()
    return run


def _ratio(ours: list[float], theirs: list[float]) -> float:
    return statistics.median([a / b for a, b in zip(ours, theirs, strict=True)])
