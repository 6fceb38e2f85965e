"""The three arms: one way to train each, on the same flows, network and step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fednids.algorithms import find_algorithm
from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import PartitionError
from fednids.experiment.root import Root
from fednids.messages.client_state import Memory
from fednids.messages.codec import WeightCodec
from fednids.messages.values import Task
from fednids.networks.interface import Weights
from fednids.runs.checkpoint import Checkpoint, selection_of
from fednids.runs.layout import memories
from fednids.runs.rounds import Observer, Outcome, Round
from fednids.runs.selection import validation_macro_f1
from fednids.simulation.engines import Clients, open_grid
from fednids.training.initial import initial_task, initial_weights, run_architecture, stack_size
from server.rounds import Federation

if TYPE_CHECKING:
    from fednids.training.local import LocalTrainer

CLIENT_APP = "clients.app:app"

Arm = Callable[
    [Config, FederatedDataset, Sequence[Observer], Checkpoint | None, Path | None], Outcome
]
"""From settings, flows, observers of rounds, where to go on, and the run folder, if any."""


def federated(
    config: Config,
    dataset: FederatedDataset,
    observers: Sequence[Observer],
    resumed: Checkpoint | None,
    out: Path | None = None,
) -> Outcome:
    """Gateways train, a server aggregates: Flower's apps on one of our engines."""
    run, rounds = config.run, config.federation
    sizes = dataset.training_sizes
    work = rounds.rounds * rounds.fraction * config.train.epochs * sum(sizes)
    settings = {"settings": config.to_json(), "out": str(out or "")}
    algorithm = find_algorithm(config)
    remembers = algorithm.remembers or algorithm.personal or WeightCodec(config).feedback
    kept = memories(out) if out and remembers else None
    clients = Clients(CLIENT_APP, dataset.gateways, settings, sizes, stack_size(config), kept)
    grid = open_grid(run.engine, clients, workers=run.workers, work=int(work))
    try:
        outcome = Federation(grid, config, observers, Root(config, dataset)).run(resumed)
    finally:
        grid.close()
    return _own_detectors(outcome, config, out) if algorithm.personal else outcome


def centralised(
    config: Config,
    dataset: FederatedDataset,
    observers: Sequence[Observer],
    resumed: Checkpoint | None,
    out: Path | None = None,
) -> Outcome:
    """All flows in one place: a single gateway that owns everything."""
    return replace(local(config, dataset.pooled(), observers, resumed), personal=False)


def local(
    config: Config,
    dataset: FederatedDataset,
    observers: Sequence[Observer],
    resumed: Checkpoint | None,
    out: Path | None = None,
) -> Outcome:
    """Every gateway alone: its own scaler, class weights and detector, never averaged.

    Raises
    ------
    PartitionError
        A gateway has no training flows.
    """
    from fednids.training.local import (
        LocalTrainer,
    )  # needs MindSpore, which a federated server does not

    trainer = LocalTrainer(config, dataset)
    gateways = range(dataset.gateways)
    for k in gateways:
        if not len(dataset.training(k)):
            raise PartitionError(
                f"expected training flows at every gateway, got none at gateway {k}; raise "
                "partition.minimum or take fewer gateways"
            )
    tasks = [initial_task([trainer.statistics(k)], config) for k in gateways]
    architecture = run_architecture(tasks[0], config)
    weights = [initial_weights(architecture, config) for _ in gateways]
    done = 0
    if resumed and resumed.weights:
        done, weights = resumed.server_round, list(resumed.weights)
    ended, selection = None, selection_of(config, resumed)
    while done < config.federation.rounds and not selection.stops:
        done += 1
        ended = _round(trainer, weights, [replace(t, server_round=done) for t in tasks])
        selection.round_ended(done, validation_macro_f1(ended), weights)
        for observer in observers:
            observer.round_ended(ended, weights)
    if selection.chosen:
        done, ended = selection.chosen.server_round, None
        weights = list(selection.chosen.weights)
    if ended is None:
        ended = _scored(trainer, weights, [replace(t, server_round=done) for t in tasks])
    return Outcome(architecture, tasks, weights, ended, personal=True)


ARMS: dict[str, Arm] = {"centralised": centralised, "local": local, "federated": federated}
"""Arms by the name that stands as ``kind`` in ``result.json``."""


def _own_detectors(outcome: Outcome, config: Config, out: Path | None) -> Outcome:
    """Return an outcome with the detector that each client is judged by after the last round.

    No message brings it: it is put together here, in the simulation, from what the server
    has and what the client has kept. A gateway that never trained has its initial layers,
    or the global detector.
    """
    from clients.client import FlowClient  # needs MindSpore, which a federated server does not
    from fednids.training.local import open_trainer

    weights = outcome.weights[0]
    rounds = outcome.last.number if outcome.last else config.federation.rounds
    gateways = range(config.partition.gateways)
    task = replace(outcome.tasks[0], server_round=rounds)
    packed, _ = WeightCodec(config).pack(weights, rounds)
    trainer, folder = open_trainer(config), memories(out) if out else None
    own = [FlowClient(trainer, k, Memory(folder, k)).detector(packed, task) for k in gateways]
    whole = len(weights) == outcome.architecture.size
    return replace(
        outcome,
        tasks=[task for _ in gateways],
        weights=own,
        personal=True,
        overall=weights if whole else None,
    )


def _round(trainer: LocalTrainer, weights: list[Weights], tasks: Sequence[Task]) -> Round:
    """Train and score every gateway's own detector; `weights` is changed in place."""
    started = time.perf_counter()
    updates = []
    for k, task in enumerate(tasks):
        update = trainer.train(k, weights[k], task).update
        weights[k] = update.weights
        updates.append(replace(update, weights=update.weights[:0]))
    trained = time.perf_counter()
    scored = _scored(trainer, weights, tasks)
    return replace(scored, updates=updates, train_seconds=trained - started)


def _scored(trainer: LocalTrainer, weights: Sequence[Weights], tasks: Sequence[Task]) -> Round:
    started = time.perf_counter()
    evaluations = [trainer.evaluate(k, weights[k], task) for k, task in enumerate(tasks)]
    seconds = time.perf_counter() - started
    return Round(tasks[0].server_round, [], evaluations, [], 0.0, seconds)
