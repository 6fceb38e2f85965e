"""How a detector fares on what it never saw in training: an attack class, or whole gateways."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.flows.windows import Windows
from fednids.metrics import ConfusionCounts
from fednids.metrics.counts import BENIGN
from fednids.runs.records import (
    RejectionRecord,
    ScoresRecord,
    SeparationRecord,
    UnseenGatewaysRecord,
    UnseenRecord,
)
from fednids.runs.rounds import Outcome
from fednids.training.initial import run_architecture
from fednids.training.trainer import Trainer

_Score = Callable[[list[Windows]], list[NDArray[np.float32]]]
"""From test windows of each gateway to their ``(n, C)`` logits."""

KEPT_SHARE = 0.95
"""Share of the flows of known classes that a rejection by score keeps."""


def held_out_scores(
    kind: str, config: Config, dataset: FederatedDataset, outcome: Outcome
) -> dict[str, Any]:
    """Score a run's one detector on the class and the gateways that training never saw.

    Parameters
    ----------
    kind : str
        The arm.
    config, dataset, outcome
        Settings, all flows, and what the run ended with.

    Returns
    -------
    dict
        ``unseen`` with `data.unseen`, ``unseen_gateways`` with `partition.unseen_gateways`, as in
        ``result.json``. Nothing in runs without either, and in those whose gateways have
        detectors of their own: one that has no training flows has none.
    """
    wanted = config.data.unseen or config.partition.unseen_gateways
    if not wanted or outcome.personal or len(outcome.weights) > 1:
        return {}
    task, found = outcome.tasks[0], dict[str, Any]()
    vectors = task.scaler.apply(dataset.flows.vectors)
    trainer = Trainer(run_architecture(task, config), vectors, batch_size=1, optimiser="sgd")

    def logits(windows: list[Windows]) -> list[NDArray[np.float32]]:
        return [each.logits for each in trainer.score_all(outcome.weights[0], windows)]

    if config.data.unseen:
        one = dataset.pooled() if kind == "centralised" else dataset
        found["unseen"] = _unseen_class(logits, one, config.data.unseen)
    if config.partition.unseen_gateways:
        found["unseen_gateways"] = _unseen_gateways(logits, dataset)
    return found


def _unseen_class(score: _Score, dataset: FederatedDataset, name: str) -> UnseenRecord:
    gateways = range(dataset.gateways)
    windows = [dataset.testing(k) for k in gateways]
    logits = np.concatenate(score(windows)).astype(np.float64)
    tested = dataset.split.test
    rows = np.concatenate([dataset.plan.rows(k)[tested[dataset.plan.rows(k)]] for k in gateways])
    unseen = np.asarray(dataset.flows.attack)[rows] == dataset.flows.classes.index(name)
    taken = np.bincount(logits[unseen].argmax(1), minlength=len(dataset.classes)) / unseen.sum()
    return UnseenRecord(
        name=name,
        flows=int(unseen.sum()),
        alarms=float(1 - taken[BENIGN]),
        taken_for=dict(zip(dataset.classes, taken.tolist(), strict=True)),
        rejection=rejection(logits, unseen),
    )


def rejection(logits: NDArray[np.float64], unseen: NDArray[np.bool_]) -> RejectionRecord:
    """Return how well a score separates flows of an unseen class from those of known ones.

    Parameters
    ----------
    logits : ndarray
        ``(n, C) float64``.
    unseen : ndarray
        ``(n,) bool``.

    Returns
    -------
    RejectionRecord
        For the maximum softmax probability and for the energy score: the area under the ROC
        curve, 0.5 being chance, and the share of unseen flows that pass a threshold which
        95 % of the known ones pass. None where either kind has no flows.

    References
    ----------
    Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution
    Examples in Neural Networks", ICLR 2017, arXiv 1610.02136.
    Liu et al., "Energy-based Out-of-distribution Detection", NeurIPS 2020, arXiv 2010.03759,
    eq. 4 with temperature 1; its negative is the score.
    """
    most = logits.max(axis=1)
    energy = most + np.log(np.exp(logits - most[:, None]).sum(axis=1))
    return RejectionRecord(
        max_probability=_separation(most - energy, unseen), energy=_separation(energy, unseen)
    )


def _separation(score: NDArray[np.float64], unseen: NDArray[np.bool_]) -> SeparationRecord:
    """Return area and error; a higher score means known, and its logarithm ranks alike."""
    if unseen.all() or not unseen.any():
        return SeparationRecord(auroc=None, passed=None)
    known = np.sort(score[~unseen])
    threshold = known[len(known) - math.ceil(KEPT_SHARE * len(known) - 1e-9)]
    return SeparationRecord(
        auroc=float(roc_auc_score(~unseen, score)),
        passed=float((score[unseen] >= threshold).mean()),
    )


def _unseen_gateways(score: _Score, dataset: FederatedDataset) -> UnseenGatewaysRecord:
    windows = [dataset.testing(k) for k in range(dataset.gateways)]
    classes = len(dataset.classes)
    nothing = ConfusionCounts(np.zeros((classes, classes), np.int64))
    sides = {"seen": nothing, "unseen": nothing}
    for k, logits in enumerate(score(windows)):
        side = "unseen" if k in dataset.unseen_gateways else "seen"
        answers = logits.argmax(1).astype(np.int32)
        sides[side] += ConfusionCounts.from_labels(windows[k].labels, answers, classes)
    each = {side: ScoresRecord.of(counts, dataset.classes) for side, counts in sides.items()}
    return UnseenGatewaysRecord(partitions=list(dataset.unseen_gateways), **each)
