"""A saved detector on flows that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.datasets.federated import BINARY_CLASSES
from fednids.errors import DataError, RunError
from fednids.flows.prepared import PreparedFlows
from fednids.flows.schema import BENIGN, CLASSES, KINDS, OTHER
from fednids.flows.windows import Windows
from fednids.metrics import (
    ConfusionCounts,
    Curves,
    CurveScores,
    OperatingPoint,
    Scores,
    Threshold,
    majority_counts,
    scores,
)
from fednids.metrics.reliability import Reliability
from fednids.networks.model_file import Detector, load_detector
from fednids.runs.folder import MODEL
from fednids.training.trainer import Trainer


@dataclass(frozen=True)
class Scoring:
    """Scores of a detector, and of the best constant answer on the same flows.

    Attributes
    ----------
    flows : int
        How many there are.
    detector, majority : Scores
        Of the two.
    areas : CurveScores
        Areas under the detector's curves.
    calibration : Reliability
        Whether its probabilities can be believed.
    threshold : float or None
        Probability of attack above which a flow raises an alarm, where the model file has one.
    alarms : OperatingPoint or None
        What that leads to.
    """

    flows: int
    detector: Scores
    majority: Scores
    areas: CurveScores
    calibration: Reliability
    threshold: float | None = None
    alarms: OperatingPoint | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the parts of ``result.json``: ``final``, ``majority``, ``threshold``."""
        curves = {"curves": self.areas.to_json(), "calibration": self.calibration.to_json()}
        found: dict[str, Any] = {
            "final": {**self.detector.to_json(), **curves},
            "majority": self.majority.to_json(),
        }
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
    return load_detector(path / MODEL if path.is_dir() else path)


def score_flows(detector: Detector, flows: PreparedFlows) -> Scoring:
    """Score all flows, in file order, as one gateway's.

    A detector of five classes is judged as attack against benign where flows are attacks of
    another data set, which has other names.

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
    attack, names = np.asarray(flows.attack), detector.classes
    five = names == CLASSES and not (attack == KINDS.index(OTHER)).any()
    labels = attack if five else attack != BENIGN
    windows = Windows(np.asarray(flows.vector), labels.astype(np.int32))
    vectors = detector.scaler.apply(flows.vectors)
    trainer = Trainer(detector.architecture, vectors, batch_size=1, optimiser="sgd")
    logits = trainer.score(detector.weights, windows).logits
    if names == CLASSES and not five:
        names, logits = BINARY_CLASSES, _against_benign(logits)
    answers = logits.argmax(1).astype(np.int32)
    counts = ConfusionCounts.from_labels(windows.labels, answers, len(names))
    curves, alarms = Curves.of(logits, windows.labels), None
    if detector.threshold is not None:
        threshold = Threshold.nearest(detector.threshold)
        alarms = OperatingPoint.of(threshold, curves.histograms, names)
    return Scoring(
        len(flows),
        scores(counts, names),
        scores(majority_counts(counts.support, counts.support), names),
        CurveScores.of(curves.histograms, names),
        curves.reliability,
        detector.threshold,
        alarms,
    )


def _against_benign(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put all attacks' logits into one, with the sum of their chances."""
    most = logits[:, 1:].max(axis=1, keepdims=True)
    attack = most + np.log(np.exp(logits[:, 1:] - most).sum(axis=1, keepdims=True))
    return np.hstack([logits[:, :1], attack])
