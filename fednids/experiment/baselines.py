"""A strong tabular baseline on the same flows, split, columns and classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from fednids.config import Config
from fednids.fleet import Fleet
from fednids.metrics import ConfusionCounts
from fednids.seeding import Stream, derived_seed


def boosting(config: Config, fleet: Fleet) -> tuple[ConfusionCounts, ConfusionCounts]:
    """Fit gradient boosting with balanced classes; count on all and on novel test flows.

    It sees single flows, with the columns as in the file, which suit trees better than the
    detector's encoding.
    """
    flows, test, labels = fleet.flows, fleet.split.test, fleet.labels
    trained = fleet.split.training
    model = HistGradientBoostingClassifier(
        class_weight="balanced", random_state=derived_seed(config.run.seed, Stream.BASELINE)
    )
    model.fit(flows.raw[flows.vector[trained]], labels[trained])
    answers = model.predict(flows.raw).astype(np.int32)[flows.vector]

    def count(chosen: NDArray[np.bool_]) -> ConfusionCounts:
        return ConfusionCounts.from_labels(labels[chosen], answers[chosen], len(fleet.classes))

    return count(test), count(fleet.split.novel)
