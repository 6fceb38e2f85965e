"""Every gateway's detector, and the global ones, on every gateway's test flows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.federated import Fleet
from fednids.errors import RunError
from fednids.flows.windows import Windows
from fednids.networks.cnn_bilstm.architecture import Architecture
from fednids.networks.model_file import Detector, load_detector
from fednids.studies.cross_runs import FEDERATED, FinishedRun, open_runs
from fednids.training.trainer import Trainer

Told = Callable[[int, int], None]
"""Called with detectors scored and detectors in all."""

Counts = NDArray[np.int32]
"""Confusion counts of ``M`` detectors at ``K`` gateways, ``(M, K, C, C)``."""


@dataclass(frozen=True, eq=False)
class CrossMatrix:
    """Confusion counts of each detector at each gateway.

    Attributes
    ----------
    runs : Sequence[FinishedRun]
        Where the detectors come from, the local run last.
    fleet : Fleet
        Flows, split and plan of all of them.
    names : tuple[str, ...]
        Of the global detectors: their arm, or arm and folder where several are of one arm.
    counts : ndarray
        ``(M, K, C, C) int32``, true class by predicted class, on the gateway's test flows:
        global detectors first, then, if there is a local run, gateway 0's and so on.
    """

    runs: Sequence[FinishedRun]
    fleet: Fleet
    names: tuple[str, ...]
    counts: Counts

    @property
    def overall(self) -> Counts:
        """Counts of the global detectors, ``(G, K, C, C)``."""
        return self.counts[: len(self.names)]

    @property
    def local(self) -> Counts:
        """Counts of the gateways' own detectors, ``(K, K, C, C)``, or none."""
        return self.counts[len(self.names) :]

    @property
    def chosen(self) -> int | None:
        """Place of the global detector that gateways are compared with; a federated one first."""
        kinds = [run.kind for run in self.runs if not run.is_local]
        return None if not kinds else kinds.index(FEDERATED) if FEDERATED in kinds else 0


def cross_runs(paths: Sequence[Path], told: Told = lambda done, whole: None) -> CrossMatrix:
    """Score each detector of some runs on the test flows of every gateway.

    The windows are those of `Fleet.testing`, so a local detector at its own gateway, and a
    federated one anywhere, has the counts that its run ended with. The windows of a
    centralised run do not stop at gateways; here they do.

    Parameters
    ----------
    paths : Sequence[Path]
        Folders of finished runs, at least one.
    told : callable
        Told after each detector.

    Raises
    ------
    RunError
        The runs are not of the same flows, split and plan, a model is missing, or the flows
        are no longer what they were.
    DataError, PartitionError
        The flows cannot be read or dealt any more.
    """
    runs = open_runs(paths)
    fleet = Fleet.open(runs[0].config)
    _check_fleet(fleet, runs[0])
    models = [path for run in runs for path in run.models()]
    classes = len(fleet.classes)
    counts = np.zeros((len(models), fleet.gateways, classes, classes), np.int32)
    scorer = _Scorer(fleet)
    for place, path in enumerate(models):
        counts[place] = scorer.count(load_detector(path), path)
        told(place + 1, len(models))
    return CrossMatrix(runs, fleet, _names(runs), counts)


def _check_fleet(fleet: Fleet, run: FinishedRun) -> None:
    wanted, found = run.result, fleet.flows.origin.sha256
    if (wanted["data"]["sha256"], wanted["data"]["flows"]) != (found, len(fleet.flows)):
        raise RunError(
            f"expected the flows that {run.path} was run on, got others; bring back the file "
            f"{wanted['data']['path']} or run again"
        )
    if wanted["partition"]["fingerprint"] != fleet.plan.fingerprint:
        raise RunError(
            f"expected the plan of {run.path}, got another from its settings; it was dealt by "
            "another version of fednids: run again"
        )


def _names(runs: Sequence[FinishedRun]) -> tuple[str, ...]:
    found = [run for run in runs if not run.is_local]
    kinds = [run.kind for run in found]
    return tuple(
        run.kind if kinds.count(run.kind) == 1 else f"{run.kind} {run.path.name}" for run in found
    )


class _Scorer:
    """Counts for one detector after another; a graph is compiled once an architecture."""

    def __init__(self, fleet: Fleet):
        self._fleet = fleet
        self._windows: list[Windows] = [fleet.testing(k) for k in range(fleet.gateways)]
        sizes = [len(windows) for windows in self._windows]
        true = np.concatenate([windows.labels for windows in self._windows]).astype(np.int64)
        owner = np.repeat(np.arange(fleet.gateways), sizes)
        self._cells = (owner * len(fleet.classes) + true) * len(fleet.classes)
        self._trainers: dict[Architecture, Trainer] = {}

    def count(self, detector: Detector, path: Path) -> NDArray[np.int64]:
        """Give the ``(K, C, C)`` counts of a detector in one pass over all test windows."""
        fleet, classes = self._fleet, len(self._fleet.classes)
        if (detector.features, detector.classes) != (fleet.flows.features, fleet.classes):
            raise RunError(
                f"expected a detector of these {len(fleet.flows.features)} features and "
                f"{classes} classes, got another in {path}; train it again with this version"
            )
        scored = self._trainer(detector).score_all(detector.weights, self._windows)
        predicted = np.concatenate([each.predicted for each in scored])
        size = fleet.gateways * classes**2
        found = np.bincount(self._cells + predicted, minlength=size)
        return found.reshape(fleet.gateways, classes, classes)

    def _trainer(self, detector: Detector) -> Trainer:
        vectors = detector.scaler.apply(self._fleet.flows.vectors)
        trainer = self._trainers.get(detector.architecture)
        if trainer is None:
            trainer = Trainer(detector.architecture, vectors, batch_size=1, optimiser="sgd")
            self._trainers[detector.architecture] = trainer
        else:
            trainer.show(vectors)
        return trainer
