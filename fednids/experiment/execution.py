"""One run from settings to a finished run folder."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fednids.config import Config
from fednids.detector.model_file import Detector, save_detector
from fednids.detector.presets import build_architecture
from fednids.engine import find_engine
from fednids.errors import InterruptedRunError, RunError
from fednids.experiment.arms import ARMS
from fednids.fleet import Fleet
from fednids.metrics import scores
from fednids.runs.folder import MODEL, Checkpoint, RunFolder, prepare_folder, read_checkpoint
from fednids.runs.pictures import draw_run
from fednids.runs.records import Observer, Outcome
from fednids.runs.result import Clock, build_result
from partitions import find_partitioner
from server.strategies import find_strategy

MODELS = "models"
"""Folder of the local arm's detectors, one of each gateway."""


@dataclass(frozen=True)
class Job:
    """A run that is about to start or to go on.

    Attributes
    ----------
    kind : str
        The arm.
    config, fleet, folder
        Settings, flows, and where the run is written.
    started : float
        When the command began, by `time.perf_counter`.
    baselines : bool
        Whether gradient boosting is fitted as well.
    """

    kind: str
    config: Config
    fleet: Fleet
    folder: RunFolder
    started: float
    baselines: bool = False


def execute(
    kind: str,
    config: Config,
    out: Path,
    *,
    force: bool = False,
    baselines: bool = False,
    observers: Sequence[Observer] = (),
) -> Mapping[str, Any]:
    """Run one arm and write its folder.

    Parameters
    ----------
    kind : str
        A name in `fednids.experiment.arms.ARMS`.
    config : Config
        Settings.
    out : Path
        The run folder, new or empty.
    force : bool
        Overwrite a run that is there.
    baselines : bool
        Fit gradient boosting to the same flows as well.
    observers : Sequence[Observer]
        Told of each round.

    Returns
    -------
    Mapping
        As written to ``result.json``.

    Raises
    ------
    FednidsError
        A setting, a file or the run is not as it must be; found before round 1 where
        possible.
    """
    started = time.perf_counter()
    check_settings(config)
    fleet = Fleet.open(config)
    prepare_folder(out, force=force)
    folder = RunFolder(out, fleet.classes)
    folder.create(kind, config)
    return _run(Job(kind, config, fleet, folder, started, baselines), observers, None)


def resume(path: Path, *, observers: Sequence[Observer] = ()) -> Mapping[str, Any]:
    """Go on with a run that was stopped, from its last whole round.

    Raises
    ------
    RunError
        There is no such run, or it has ended.
    """
    started = time.perf_counter()
    checkpoint = read_checkpoint(path)
    if checkpoint.server_round >= checkpoint.config.federation.rounds:
        raise RunError(
            f"expected a run with rounds left, got {path}, which has done all "
            f"{checkpoint.server_round}; start a new run with more federation.rounds"
        )
    fleet = Fleet.open(checkpoint.config)
    folder = RunFolder(path, fleet.classes)
    folder.reopen(checkpoint)
    job = Job(checkpoint.kind, checkpoint.config, fleet, folder, started)
    return _run(job, observers, checkpoint)


def check_settings(config: Config) -> None:
    """Find what is wrong with the settings before any flow is read.

    Raises
    ------
    ConfigError, PartitionError
        An unknown name, or sizes that do not fit together.
    """
    build_architecture(config.model, 1, config.data.window)
    find_engine(config.run.engine)
    find_strategy(config.federation)
    find_partitioner(config.partition.scheme)


def _run(job: Job, observers: Sequence[Observer], resumed: Checkpoint | None) -> Mapping[str, Any]:
    """Train, then write what came of it."""
    clock = Clock(prepare=time.perf_counter() - job.started)
    watching = [clock, job.folder, *observers]
    try:
        outcome = ARMS[job.kind](job.config, job.fleet, watching, resumed)
    except KeyboardInterrupt:
        raise InterruptedRunError(_how_to_go_on(job.folder)) from None
    seconds = time.perf_counter() - job.started
    fleet, rounds = job.fleet, job.folder.rounds
    result = build_result(job.kind, job.config, fleet, outcome, rounds, clock, seconds)
    if job.baselines:
        result["baselines"] = {"boosting": _boosting(job)}
    _save_detectors(job, outcome)
    owned = fleet.plan.label_counts(fleet.labels.astype(np.uint8), len(fleet.classes))
    draw_run(result, owned, job.folder.path)
    job.folder.finish(result)
    return result


def _boosting(job: Job) -> dict[str, Any]:
    """Score gradient boosting; scikit-learn is imported only where it is asked for."""
    from fednids.experiment.baselines import boosting

    counts, novel = boosting(job.config, job.fleet)
    classes = job.fleet.classes
    return {
        "final": scores(counts, classes).to_json(),
        "final_novel": scores(novel, classes).to_json(),
    }


def _save_detectors(job: Job, outcome: Outcome) -> None:
    """Write the one detector, or each gateway's."""
    fleet, path = job.fleet, job.folder.path
    names = [path / MODEL]
    if len(outcome.weights) > 1:
        (path / MODELS).mkdir(exist_ok=True)
        names = [path / MODELS / f"gateway-{k:05d}.safetensors" for k in range(fleet.gateways)]
    columns, features = job.config.data.features, fleet.flows.features
    for name, weights, task in zip(names, outcome.weights, outcome.tasks, strict=True):
        network, classes = outcome.architecture, fleet.classes
        save_detector(Detector(network, weights, task.scaler, classes, features, columns), name)


def _how_to_go_on(folder: RunFolder) -> str:
    done = len(folder.rounds)
    if not done:
        return f"stopped before the first round ended; {folder.path} holds the settings only"
    return (
        f"stopped after round {done}; all of it is in {folder.path}, and "
        f"`fednids resume {folder.path}` goes on from there"
    )
