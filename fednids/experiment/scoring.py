"""A saved detector on flows that it has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fednids.detector.model_file import Detector, load_detector
from fednids.detector.training import Trainer
from fednids.errors import DataError, RunError
from fednids.flows.prepared import PreparedFlows
from fednids.flows.schema import BENIGN, CLASSES
from fednids.flows.windows import Windows
from fednids.metrics import ConfusionCounts, Scores, majority_counts, scores
from fednids.runs.folder import MODEL


@dataclass(frozen=True)
class Scoring:
    """Scores of a detector, and of the best constant answer on the same flows."""

    flows: int
    detector: Scores
    majority: Scores


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
    attack = np.asarray(flows.attack)
    labels = attack if detector.classes == CLASSES else attack != BENIGN
    windows = Windows(np.asarray(flows.vector), labels.astype(np.int32))
    vectors = detector.scaler.apply(flows.vectors)
    trainer = Trainer(detector.architecture, vectors, batch_size=1, optimiser="sgd")
    predicted = trainer.score(detector.weights, windows).predicted
    counts = ConfusionCounts.from_labels(windows.labels, predicted, len(detector.classes))
    majority = majority_counts(counts.support, counts.support)
    return Scoring(len(flows), scores(counts, detector.classes), scores(majority, detector.classes))
