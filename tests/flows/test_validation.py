"""Validation flows: a gateway's own choice among its own training flows."""

from __future__ import annotations

import numpy as np
import pytest
from runs_factory import small_config

from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError
from fednids.experiment.execution import check_settings
from fednids.flows.split import SPLITS
from fednids.flows.validation import carve_validation


@pytest.mark.parametrize("how", SPLITS)
def test_flows_are_for_one_thing_and_tests_stay_as_they_are(how: str) -> None:
    plain = FederatedDataset.open(small_config(data__split=how))
    carved = FederatedDataset.open(small_config(data__split=how, data__validation_share=0.3))
    np.testing.assert_array_equal(plain.split.test, carved.split.test)
    np.testing.assert_array_equal(plain.split.novel, carved.split.novel)
    assert plain.split.validation is None
    assert carved.split.validation is not None
    parts = [carved.split.test, carved.split.validation, carved.split.training]
    assert (np.sum(parts, axis=0) == 1).all()
    for k in range(carved.gateways):
        validating = carved.validating(k)
        assert plain.validating(k) is None
        assert validating is not None
        assert len(validating) + len(carved.training(k)) == len(plain.training(k))
        assert len(carved.training(k)) == carved.training_sizes[k] > 0
    if how == "grouped":
        vector, split = carved.flows.vector, carved.split
        for k in range(carved.gateways):
            owned = carved.plan.assignment == k
            both = set(vector[owned & split.training]) & set(vector[owned & split.validation])
            assert not both


def test_a_gateway_chooses_alone_what_it_chooses_among_others() -> None:
    dataset = FederatedDataset.open(small_config(data__validation_share=0.3))
    for k in range(dataset.gateways):
        rows = dataset.plan.rows(k)
        trained = rows[~dataset.split.test[rows]]
        alone = carve_validation(dataset.flows.take(rows), np.flatnonzero(
            ~dataset.split.test[rows]), "stratified", 0.3, 1, k)  # fmt: skip
        assert dataset.split.validation is not None
        np.testing.assert_array_equal(rows[alone], trained[dataset.split.validation[trained]])


@pytest.mark.parametrize("asked", [{"run__patience": 2}, {"run__keep": "best"}])
def test_nothing_is_chosen_by_test_flows(asked: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"validation_share above 0"):
        check_settings(small_config(**asked))
    check_settings(small_config(**asked, data__validation_share=0.1))


@pytest.mark.parametrize("how", SPLITS)
def test_scored_on_validation_flows_a_run_never_has_its_test_flows(how: str) -> None:
    settings = {"data__split": how, "data__validation_share": 0.3}
    carved = FederatedDataset.open(small_config(**settings))
    scored = FederatedDataset.open(small_config(**settings, data__score_on="validation"))
    validation = carved.split.validation
    assert validation is not None
    left = ~carved.split.test
    for name in ("vector", "attack"):
        ours, theirs = getattr(scored.flows, name), getattr(carved.flows, name)
        np.testing.assert_array_equal(ours, theirs[left])
    np.testing.assert_array_equal(scored.split.test, validation[left])
    assert scored.split.validation is None
    for k in range(carved.gateways):
        validating = carved.validating(k)
        assert validating is not None
        np.testing.assert_array_equal(scored.training(k).order, carved.training(k).order)
        np.testing.assert_array_equal(scored.testing(k).order, validating.order)
    trained = set(scored.flows.vector[scored.split.training].tolist())
    tested, novel = scored.split.test, scored.split.novel
    assert not trained & set(scored.flows.vector[novel].tolist())
    assert set(scored.flows.vector[tested & ~novel].tolist()) <= trained


@pytest.mark.parametrize(
    "settings",
    [
        {"run__keep": "best"},
        {"run__patience": 2},
        {"run__false_alarms": 0.01},
        {"federation__recalibrate": "bias"},
        {"data__unseen": "DDoS"},
        {"partition__unseen_gateways": 1},
    ],
)
def test_validation_flows_do_not_choose_and_judge(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"expected data\.score_on=test for"):
        check_settings(
            small_config(**settings, data__score_on="validation", data__validation_share=0.2)
        )
    with pytest.raises(ConfigError, match=r"above 0 for data\.score_on=validation"):
        check_settings(small_config(data__score_on="validation"))
