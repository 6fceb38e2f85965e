"""A saved detector on flows that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.registry import ANY_ATTACK
from fednids.errors import DataError, RunError
from fednids.flows.prepared import PreparedFlows
from fednids.flows.windows import Windows
from fednids.metrics import (
    ConfusionCounts,
    Curves,
    OperatingPoint,
    Threshold,
    majority_counts,
)
from fednids.metrics.counts import BENIGN
from fednids.networks.model_file import Detector, load_detector
from fednids.runs.plugins import check_folder_plugins
from fednids.runs.reader import Run
from fednids.runs.records import OperatingRecord, ScoresRecord
from fednids.training.trainer import Trainer


@dataclass(frozen=True)
class Scoring:
    """Scores of a detector, and of the best constant answer on the same flows.

    Attributes
    ----------
    flows : int
        How many there are.
    detector, majority : ScoresRecord
        Of the two.
    threshold : float or None
        Probability of attack above which a flow raises an alarm, where the model file has one.
    alarms : OperatingRecord or None
        What that leads to.
    """

    flows: int
    detector: ScoresRecord
    majority: ScoresRecord
    threshold: float | None = None
    alarms: OperatingRecord | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as in ``result.json``: ``final``, ``majority``, ``threshold``."""
        found = {"final": self.detector.to_json(), "majority": self.majority.to_json()}
        if self.alarms is not None:
            found["threshold"] = {"probability": self.threshold, "test": self.alarms.to_json()}
        return found


def find_detector(path: Path) -> Detector:
    """Load a detector from a run folder or a model file.

    Raises
    ------
    RunError
        There is none, or it cannot be used by this version.
    """
    if path.is_dir():
        check_folder_plugins(path)
        return Run(path).model()
    return load_detector(path)


def score_flows(detector: Detector, flows: PreparedFlows) -> Scoring:
    """Score all flows, in file order, as one gateway's.

    A detector is judged as attack against benign where flows are attacks of classes that it was
    not trained to name, as those of another data set.

    Raises
    ------
    RunError
        The detector was trained on features that this version no longer makes.
    DataError
        There are no flows.
    """
    if flows.features != detector.features:
        raise RunError(
            f"expected a detector of these {len(flows.features)} features, got one of "
            f"{len(detector.features)} others; train it again with this version of fednids"
        )
    if not len(flows):
        raise DataError("expected at least one flow, got none; name a file with flows")
    names = detector.classes
    labels = _labels(flows, names)
    known = labels is not None
    if labels is None:
        labels = (np.asarray(flows.attack) != BENIGN).astype(np.int32)
    windows = Windows(np.asarray(flows.vector), labels)
    vectors = detector.scaler.apply(flows.vectors)
    trainer = Trainer(detector.architecture, vectors, batch_size=1, optimiser="sgd")
    logits = trainer.score(detector.weights, windows).logits
    if not known:
        names, logits = (names[0], ANY_ATTACK), _against_benign(logits)
    answers = logits.argmax(1).astype(np.int32)
    counts = ConfusionCounts.from_labels(windows.labels, answers, len(names))
    curves, alarms = Curves.of(logits, windows.labels), None
    if detector.threshold is not None:
        threshold = Threshold.nearest(detector.threshold)
        point = OperatingPoint.of(threshold, curves.histograms, names)
        alarms = OperatingRecord.model_validate(point.to_json())
    return Scoring(
        len(flows),
        ScoresRecord.of(counts, names, curves),
        ScoresRecord.of(majority_counts(counts.support, counts.support), names),
        detector.threshold,
        alarms,
    )


def _labels(flows: PreparedFlows, names: tuple[str, ...]) -> NDArray[np.int32] | None:
    """Return each flow's place among a detector's classes; None where it has not all of them."""
    attack = np.asarray(flows.attack)
    there = np.unique(attack).tolist()
    if not {flows.classes[code] for code in there} <= set(names):
        return None
    places = np.zeros(len(flows.classes), np.int32)
    places[there] = [names.index(flows.classes[code]) for code in there]
    return places[attack]


def _against_benign(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put all attacks' logits into one, with the sum of their chances."""
    most = logits[:, 1:].max(axis=1, keepdims=True)
    attack = most + np.log(np.exp(logits[:, 1:] - most).sum(axis=1, keepdims=True))
    return np.hstack([logits[:, :1], attack])
