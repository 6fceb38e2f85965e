"""Every gateway's detector, and the global ones, on every gateway's test flows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.federated import FederatedDataset
from fednids.errors import RunError
from fednids.experiment.new_folder import new_folder
from fednids.experiment.partitioning import describe_data
from fednids.metrics.counts import BENIGN
from fednids.networks.interface import Architecture
from fednids.runs.reader import Run
from fednids.studies.compare import open_finished, short_value
from fednids.studies.engine import CROSS
from fednids.studies.statistics import macro_f1_of, mean_of
from fednids.training.trainer import Trainer
from partitions.noise import noise_level

OnDetector = Callable[[int, int], None]
"""Called with detectors scored and detectors in all."""

_Counts = NDArray[np.int32]
"""Confusion counts of ``M`` detectors at ``K`` gateways, ``(M, K, C, C)``."""


@dataclass(frozen=True, eq=False)
class CrossMatrix:
    """Confusion counts of each detector at each gateway.

    Attributes
    ----------
    runs : Sequence[Run]
        Where the detectors come from, the local run last.
    dataset : FederatedDataset
        Flows, split and plan of all of them.
    names : tuple[str, ...]
        Of the global detectors: their arm, or arm and folder where several are of one arm.
    counts : ndarray
        ``(M, K, C, C) int32``, true class by predicted class, on the gateway's test flows:
        global detectors first, then, if there is a local run, gateway 0's and so on.
    """

    runs: Sequence[Run]
    dataset: FederatedDataset
    names: tuple[str, ...]
    counts: _Counts

    @property
    def overall(self) -> _Counts:
        """Counts of the global detectors, ``(G, K, C, C)``."""
        return self.counts[: len(self.names)]

    @property
    def local(self) -> _Counts:
        """Counts of the gateways' own detectors, ``(K, K, C, C)``, or none."""
        return self.counts[len(self.names) :]

    @property
    def detectors(self) -> list[str]:
        """Names of all detectors, those of gateways after their partition id."""
        return [*self.names, *(f"gateway-{k:05d}" for k in range(len(self.local)))]

    @property
    def chosen(self) -> int | None:
        """Place of the global detector that gateways are compared with; a federated one first."""
        kinds = [run.kind for run in self.runs if not run.personal]
        return None if not kinds else kinds.index("federated") if "federated" in kinds else 0


def cross_runs(
    paths: Sequence[Path], on_detector: OnDetector = lambda done, whole: None
) -> CrossMatrix:
    """Score each detector of some runs on the test flows of every gateway.

    The windows are those of `FederatedDataset.testing`, so a local detector at its own gateway,
    and a federated one anywhere, has the counts that its run ended with. The windows of a
    centralised run do not stop at gateways; here they do.

    Parameters
    ----------
    paths : Sequence[Path]
        Folders of finished runs, at least one.
    on_detector : callable
        Called after each detector.

    Raises
    ------
    RunError
        The runs are not of the same flows, split and plan, a model is missing, or the flows
        are no longer what they were.
    DataError, PartitionError
        The flows cannot be read or dealt any more.
    """
    runs = open_runs(paths)
    dataset = FederatedDataset.open(runs[0].config)
    _check_dataset(dataset, runs[0])
    models = [path for run in runs for path in run.model_files()]
    detectors = chain.from_iterable(run.models() for run in runs)
    gateways, classes = dataset.gateways, len(dataset.classes)
    windows = [dataset.testing(k) for k in range(gateways)]
    true = np.concatenate([each.labels for each in windows]).astype(np.int64)
    owner = np.repeat(np.arange(gateways), [len(each) for each in windows])
    cells = (owner * classes + true) * classes
    counts = np.zeros((len(models), gateways, classes, classes), np.int32)
    trainers: dict[Architecture, Trainer] = {}  # a graph is compiled once an architecture
    for place, (path, detector) in enumerate(zip(models, detectors, strict=True)):
        if (detector.features, detector.classes) != (dataset.flows.features, dataset.classes):
            raise RunError(
                f"expected a detector of these {len(dataset.flows.features)} features and "
                f"{classes} classes, got another in {path}; train it again with this version"
            )
        vectors = detector.scaler.apply(dataset.flows.vectors)
        if trainer := trainers.get(detector.architecture):
            trainer.show(vectors)
        else:
            trainer = Trainer(detector.architecture, vectors, batch_size=1, optimiser="sgd")
            trainers[detector.architecture] = trainer
        scored = trainer.score_all(detector.weights, windows)
        predicted = np.concatenate([each.predicted for each in scored])
        found = np.bincount(cells + predicted, minlength=gateways * classes**2)
        counts[place] = found.reshape(gateways, classes, classes)
        on_detector(place + 1, len(models))
    return CrossMatrix(runs, dataset, _names(runs), counts)


def open_runs(paths: Sequence[Path]) -> list[Run]:
    """Open finished runs and put the local one last, if there is one.

    Raises
    ------
    RunError
        One is no finished run, two differ in flows, split or plan, or two are local.
    """
    runs = [open_finished(path) for path in paths]
    first = runs[0]
    for other in runs[1:]:
        ours, theirs = _basis(first), _basis(other)
        for name, value in ours.items():
            if value != theirs[name]:
                shown = short_value(value), short_value(theirs[name])
                raise RunError(
                    f"expected runs of the same {name}, got {shown[0]} in {first.path} and "
                    f"{shown[1]} in {other.path}; name runs of one plan and one seed"
                )
    if sum(run.personal for run in runs) > 1:
        raise RunError(
            "expected one local run at most, got several; name one, and any number of others"
        )
    return sorted(runs, key=lambda run: run.personal)


def _basis(run: Run) -> dict[str, object]:
    """Return what has to be equal in all runs, by its name for people."""
    result, data = run.result, run.config.data
    noisy = result.partition.scheme == "noise"
    return {
        "flows (data sha256)": result.data.sha256,
        "number of flows": result.data.flows,
        "seed": result.seed,
        "plan (partition fingerprint)": result.partition.fingerprint,
        "data.split": data.split,
        "data.test_share": data.test_share,
        "data.features": data.features,
        "data.window": data.window,
        "model.classes": run.config.model.classes,
        "partition.noise": noise_level(run.config.partition.settings) if noisy else None,
    }


def _check_dataset(dataset: FederatedDataset, run: Run) -> None:
    wanted, found = run.result.data, dataset.flows.origin.sha256
    if (wanted.sha256, wanted.flows) != (found, len(dataset.flows)):
        raise RunError(
            f"expected the flows that {run.path} was run on, got others; bring back the file "
            f"{wanted.path} or run again"
        )
    if run.result.partition.fingerprint != dataset.plan.fingerprint:
        raise RunError(
            f"expected the plan of {run.path}, got another from its settings; it was dealt by "
            "another version of fednids: run again"
        )


def _names(runs: Sequence[Run]) -> tuple[str, ...]:
    found = [run for run in runs if not run.personal]
    kinds = [run.kind for run in found]
    return tuple(
        run.kind if kinds.count(run.kind) == 1 else f"{run.kind} {run.path.name}" for run in found
    )


_SCHEMA_VERSION = 1
_DIGITS = 6
_SHOWN = {
    "local": "local", "overall": "global",
    "local_alarm": "local_alarm", "overall_alarm": "global_alarm",
}  # fmt: skip
"""How rates of unseen classes are called in ``cross.json``."""

_Values = NDArray[np.float64]


@dataclass(frozen=True)
class UnseenClass:
    """A class at the gateways that have no training flow of it.

    Attributes
    ----------
    name : str
        Of the class.
    gateways : int
        How many gateways never saw it.
    local, overall : float
        Recall on the fleet's test flows of the class: mean over these gateways' own
        detectors, and of the global one.
    local_alarm, overall_alarm : float
        Share of the same flows that raise an alarm, taken for whichever attack: the most
        that a detector can do for a class that it has no name for. NaN for benign flows.

    NaN throughout where there are no such test flows or no such detector.
    """

    name: str
    gateways: int
    local: float
    overall: float
    local_alarm: float
    overall_alarm: float

    def to_json(self) -> dict[str, float | int | None]:
        """Return the entry as in ``cross.json``."""
        rates = {_SHOWN[name]: _plain(getattr(self, name)) for name in _SHOWN}
        return {"gateways": self.gateways, **rates}


@dataclass(frozen=True, eq=False)
class CrossFindings:
    """Rates of a cross-gateway matrix.

    Attributes
    ----------
    matrix : CrossMatrix
        The counts.
    macro_f1 : ndarray
        ``(M, K) float64``: mean F1 over the classes that the gateway has test flows of; NaN
        for a gateway without test flows.
    own, others : float
        Mean macro-F1 of the gateways' own detectors at home, and at the other gateways.
    unseen : tuple of UnseenClass
        One for each class that some gateway has no training flow of.
    """

    matrix: CrossMatrix
    macro_f1: _Values
    own: float
    others: float
    unseen: tuple[UnseenClass, ...]

    @classmethod
    def of(cls, matrix: CrossMatrix) -> CrossFindings:
        """Derive all rates from the counts."""
        macro_f1 = np.array([macro_f1_of(counts) for counts in matrix.counts])
        local = macro_f1[len(matrix.names) :]
        at_home = np.eye(len(local), local.shape[1], dtype=bool)
        own, others = (mean_of(values.tolist()) for values in (local[at_home], local[~at_home]))
        return cls(matrix, macro_f1, own, others, _unseen(matrix))

    @property
    def overall(self) -> _Values:
        """Macro-F1 of the global detectors, ``(G, K)``."""
        return self.macro_f1[: len(self.matrix.names)]

    @property
    def local(self) -> _Values:
        """Macro-F1 of the gateways' own detectors, ``(K, K)``, or none."""
        return self.macro_f1[len(self.matrix.names) :]

    def unseen_mean(self, name: str) -> float:
        """Return the mean of a rate over all pairs of a gateway and a class it never saw."""
        rates = [(each.gateways, getattr(each, name)) for each in self.unseen]
        pairs = [(gateways, rate) for gateways, rate in rates if not math.isnan(rate)]
        whole = sum(gateways for gateways, _ in pairs)
        return sum(gateways * rate for gateways, rate in pairs) / whole if whole else math.nan

    def to_json(self) -> dict[str, Any]:
        """Return what ``cross.json`` holds."""
        matrix, dataset = self.matrix, self.matrix.dataset
        first, chosen = matrix.runs[0], matrix.chosen
        best = self.overall[chosen] if chosen is not None else np.full(dataset.gateways, np.nan)
        return {
            "schema_version": _SCHEMA_VERSION,
            "data": describe_data(dataset),
            "seed": first.config.run.seed,
            "partition": {
                "scheme": dataset.plan.scheme,
                "gateways": dataset.gateways,
                "fingerprint": dataset.plan.fingerprint,
            },
            "runs": [{"path": str(run.path), "kind": run.kind} for run in matrix.runs],
            "classes": list(dataset.classes),
            "detectors": matrix.detectors,
            "test_flows": matrix.counts[0].sum(axis=(1, 2)).tolist(),
            "own": _plain(self.own),
            "others": _plain(self.others),
            "global": {
                "detector": matrix.names[chosen] if chosen is not None else None,
                "mean": _plain(mean_of(best.tolist())),
                "gateways": [_plain(value) for value in best.tolist()],
            },
            "unseen": {
                **{key: _plain(self.unseen_mean(name)) for name, key in _SHOWN.items()},
                "classes": {each.name: each.to_json() for each in self.unseen},
            },
            "macro_f1": [[_plain(value) for value in row] for row in self.macro_f1.tolist()],
        }


def write_cross(findings: CrossFindings, out: Path, *, force: bool) -> None:
    """Write ``cross.npz`` with all counts, ``cross.json`` and ``cross.png`` to a new folder.

    Raises
    ------
    RunError
        Something is there already.
    """
    from fednids.report.figures.cross import cross_heatmap
    from fednids.report.figures.layout import sort_gateways  # Matplotlib takes most of a second
    from fednids.report.figures.style import save

    matrix, dataset = findings.matrix, findings.matrix.dataset
    note = " · synthetic flows" if dataset.flows.origin.synthetic else ""
    labels = dataset.labels.astype(np.uint8)
    order = sort_gateways(dataset.plan.label_counts(labels, len(dataset.classes)))
    with new_folder(out, CROSS, force=force) as folder:
        np.savez_compressed(
            folder / "cross.npz", counts=matrix.counts,
            detectors=np.array(matrix.detectors), classes=np.array(dataset.classes),
        )  # fmt: skip
        picture = cross_heatmap(
            findings.local, findings.overall, matrix.names, order=order, note=note
        )
        save(picture, folder / "cross.png")
        (folder / CROSS).write_text(
            json.dumps(findings.to_json(), allow_nan=False), encoding="utf-8"
        )


def _unseen(matrix: CrossMatrix) -> tuple[UnseenClass, ...]:
    """Compare detectors on the classes that gateways have no training flow of."""
    dataset, classes = matrix.dataset, len(matrix.dataset.classes)
    training = dataset.split.training
    cells = dataset.plan.assignment[training].astype(np.int64) * classes + dataset.labels[training]
    trained = np.bincount(cells, minlength=dataset.gateways * classes).reshape(-1, classes)
    everywhere = matrix.local.sum(axis=1, dtype=np.int64)
    chosen = matrix.chosen
    overall = matrix.overall.sum(axis=1, dtype=np.int64)
    found = []
    for code, name in enumerate(dataset.classes):
        never = np.flatnonzero(trained[:, code] == 0)
        if not len(never):
            continue
        own = everywhere[never] if len(everywhere) else everywhere
        best = overall[chosen : chosen + 1] if chosen is not None else overall[:0]
        (local, local_alarm), (overall_recall, alarm) = _rates(own, code), _rates(best, code)
        found.append(UnseenClass(name, len(never), local, overall_recall, local_alarm, alarm))
    return tuple(found)


def _rates(counts: NDArray[np.int64], code: int) -> tuple[float, float]:
    """Means over ``(m, C, C)`` of the shares of a class taken for it, and for any attack."""
    support = counts[:, code].sum(axis=1)
    alarms = _share(support - counts[:, code, BENIGN], support)
    return _share(counts[:, code, code], support), math.nan if code == BENIGN else alarms


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> float:
    return float((part / whole).mean()) if len(whole) and whole.all() else math.nan


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(value, _DIGITS)
