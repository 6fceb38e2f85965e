"""Simpler detectors on the same flows, split and classes; they see single flows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.flows.scaling import Moments, Scaler
from fednids.metrics import ConfusionCounts
from fednids.seeding import Stream, derived_seed

_Codes = NDArray[np.signedinteger[Any]]
_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Baseline:
    """A detector of scikit-learn.

    Attributes
    ----------
    make : Callable
        Returns it for a seed, not fitted.
    encoded : bool
        Whether it is shown the network's features, encoded and scaled; otherwise the columns
        as in the file, which suit trees better.
    size : Callable
        Counts what it has learned: weights, or nodes of trees.
    """

    make: Callable[[int], Any]
    encoded: bool
    size: Callable[[Any], int]


@dataclass(frozen=True)
class FittedBaseline:
    """What a baseline comes to on test flows.

    Attributes
    ----------
    counts, novel : ConfusionCounts
        On all of them, and on the novel ones.
    parameters : int
        Weights, or nodes of trees.
    """

    counts: ConfusionCounts
    novel: ConfusionCounts
    parameters: int


BASELINES: dict[str, Baseline] = {
    "majority": Baseline(lambda _: DummyClassifier(), True, lambda _: 0),
    "logistic": Baseline(
        lambda seed: LogisticRegression(max_iter=1000, random_state=seed),
        True,
        lambda model: model.coef_.size + model.intercept_.size,
    ),
    "trees": Baseline(
        lambda seed: ExtraTreesClassifier(100, random_state=seed),
        False,
        lambda model: sum(tree.tree_.node_count for tree in model.estimators_),
    ),
    "boosting": Baseline(
        lambda seed: HistGradientBoostingClassifier(random_state=seed),
        False,
        lambda model: sum(len(tree.nodes) for trees in model._predictors for tree in trees),
    ),
}
"""How to add one: add a line and run ``pytest tests/experiment/test_baselines.py``. All but the
majority weigh flows so that every class has the same weight."""


def fit_baseline(name: str, config: Config, dataset: FederatedDataset) -> FittedBaseline:
    """Fit to the training flows of all gateways in one place; count on the test flows.

    Parameters
    ----------
    name : str
        One of `BASELINES`.
    config : Config
        Its seed.
    dataset : FederatedDataset
        Flows and split.
    """
    baseline, labels = BASELINES[name], dataset.labels
    trained = dataset.split.training
    vector = np.asarray(dataset.flows.vector)
    table: NDArray[np.floating[Any]] = dataset.flows.raw
    rows: _Codes = vector[trained]
    classes: _Codes = labels[trained]
    weights: _Floats = compute_sample_weight(None if name == "majority" else "balanced", classes)
    if baseline.encoded:
        vectors = dataset.flows.vectors
        table = Scaler.fit(Moments.of(vectors, dataset.pooled().training(0))).apply(vectors)
        rows, classes, weights = _distinct(rows, classes, weights)
    model = baseline.make(derived_seed(config.run.seed, Stream.BASELINE))
    model.fit(table[rows], classes, sample_weight=weights)
    answers = model.predict(table).astype(np.int32)[vector]

    def count(chosen: NDArray[np.bool_]) -> ConfusionCounts:
        return ConfusionCounts.from_labels(labels[chosen], answers[chosen], len(dataset.classes))

    return FittedBaseline(
        count(dataset.split.test), count(dataset.split.novel), int(baseline.size(model))
    )


def _distinct(rows: _Codes, classes: _Codes, weights: _Floats) -> tuple[_Codes, _Codes, _Floats]:
    """Return each distinct flow once with its count; a linear model's loss is the same sum."""
    pairs, place = np.unique(np.stack([rows, classes]), axis=1, return_inverse=True)
    summed = np.bincount(place.ravel(), weights).astype(np.float64)
    return pairs[0], pairs[1], summed
