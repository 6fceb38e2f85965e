"""Every baseline counts every test flow; each is what scikit-learn makes of all flows."""

from __future__ import annotations

import numpy as np
import pytest
from runs_factory import small_config
from sklearn.linear_model import LogisticRegression

from fednids.datasets.federated import FederatedDataset
from fednids.experiment.baselines import BASELINES, fit_baseline
from fednids.flows.scaling import Moments, Scaler
from fednids.metrics import majority_counts, scores


@pytest.mark.parametrize(("chosen", "classes"), [("binary", 2), ("all", 5)])
@pytest.mark.parametrize("name", BASELINES)
def test_every_test_flow_is_counted_once_and_a_seed_gives_the_same(
    name: str, chosen: str, classes: int
) -> None:
    config = small_config(model__classes=chosen)
    dataset = FederatedDataset.open(config)
    first, again = (fit_baseline(name, config, dataset) for _ in range(2))
    np.testing.assert_array_equal(first.counts.matrix, again.counts.matrix)
    support = np.bincount(dataset.labels[dataset.split.test], minlength=classes)
    np.testing.assert_array_equal(first.counts.support, support)
    assert first.novel.total == dataset.split.novel.sum()
    assert (first.parameters > 0) == (name != "majority")
    if name == "majority":
        trained = np.bincount(dataset.labels[dataset.split.training], minlength=classes)
        expected = majority_counts(trained, support)
        np.testing.assert_array_equal(first.counts.matrix, expected.matrix)
    else:
        majority = fit_baseline("majority", config, dataset).counts
        ours, theirs = (scores(c, dataset.classes).macro_f1 for c in (first.counts, majority))
        assert ours > theirs


def test_logistic_regression_of_distinct_flows_is_that_of_all() -> None:
    config = small_config()
    dataset = FederatedDataset.open(config)
    fitted = fit_baseline("logistic", config, dataset)
    trained, vector = dataset.split.training, np.asarray(dataset.flows.vector)
    windows = dataset.pooled().training(0)
    table = Scaler.fit(Moments.of(dataset.flows.vectors, windows)).apply(dataset.flows.vectors)
    model = LogisticRegression(max_iter=1000, class_weight="balanced", random_state=0)
    model.fit(table[vector[trained]], dataset.labels[trained])
    answers = model.predict(table[vector[dataset.split.test]])
    agreed = np.mean(answers == dataset.labels[dataset.split.test])
    ours = np.trace(fitted.counts.matrix) / fitted.counts.total
    assert ours == pytest.approx(agreed, abs=0.01)
    assert fitted.parameters == model.coef_.size + model.intercept_.size
