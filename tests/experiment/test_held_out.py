"""Classes and gateways that training never sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flow_factory import CLASSES
from hypothesis import given
from hypothesis import strategies as st
from runs_factory import small_config
from sklearn.metrics import roc_auc_score, roc_curve

from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError, DataError, PartitionError
from fednids.experiment.execution import execute
from fednids.experiment.held_out import rejection
from fednids.runs.records import SeparationRecord


@pytest.mark.parametrize("split", ["stratified", "grouped"])
@pytest.mark.parametrize("name", ["Reconnaissance", "Theft"])
def test_no_flow_of_the_class_is_trained_on_and_all_are_tested_on(name: str, split: str) -> None:
    plain = FederatedDataset.open(small_config(data__split=split))
    dataset = FederatedDataset.open(small_config(data__split=split, data__unseen=name))
    of_it = np.asarray(dataset.flows.attack) == CLASSES.index(name)
    assert dataset.split.test[of_it].all()
    np.testing.assert_array_equal(dataset.split.test[~of_it], plain.split.test[~of_it])
    assert dataset.plan == plain.plan
    trained = set(np.asarray(dataset.flows.vector)[dataset.split.training].tolist())
    novel = [
        v not in trained for v in np.asarray(dataset.flows.vector)[dataset.split.test].tolist()
    ]
    np.testing.assert_array_equal(dataset.split.novel[dataset.split.test], novel)


def test_validation_flows_are_never_of_the_class() -> None:
    dataset = FederatedDataset.open(small_config(data__unseen="DDoS", data__validation_share=0.3))
    assert dataset.split.validation is not None
    of_it = np.asarray(dataset.flows.attack) == CLASSES.index("DDoS")
    assert not dataset.split.validation[of_it].any()


def test_gateways_that_never_train_have_test_flows_alone() -> None:
    settings = {"partition__gateways": 5, "partition__alpha": 10.0}
    plain = FederatedDataset.open(small_config(**settings))
    dataset = FederatedDataset.open(small_config(**settings, partition__unseen_gateways=2))
    assert len(dataset.unseen_gateways) == 2
    for k in range(5):
        if k in dataset.unseen_gateways:
            assert len(dataset.training(k)) == 0
            assert len(dataset.testing(k)) == plain.plan.sizes()[k]
        else:
            assert len(dataset.training(k)) == len(plain.training(k))
    other = FederatedDataset.open(
        small_config(**settings, partition__unseen_gateways=2, run__seed=5)
    )
    again = FederatedDataset.open(small_config(**settings, partition__unseen_gateways=2))
    assert again.unseen_gateways == dataset.unseen_gateways
    assert other.plan != dataset.plan


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"partition__unseen_gateways": 3}, PartitionError, "below the 3 gateways, got 3"),
        ({"data__flows": 1200, "data__unseen": "Worms"}, ConfigError, "data.unseen"),
    ],
)
def test_what_cannot_be_held_out_is_refused(settings, error, words) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=words) as caught:
        FederatedDataset.open(small_config(**settings))
    assert "\n" not in str(caught.value)


def test_a_class_without_flows_is_refused(tmp_path: Path) -> None:
    from domain_factory import write_domain

    path = write_domain(tmp_path / "flows.csv", "NF-UNSW-NB15")
    config = small_config(
        data__path=str(path), data__flows=0, data__unseen="Worms", model__classes="binary"
    )
    with pytest.raises(DataError, match="expected flows of Worms to hold out"):
        FederatedDataset.open(config)


def test_the_local_arm_has_no_detector_for_a_gateway_that_never_trains(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="in the local arm, got 1"):
        execute("local", small_config(partition__unseen_gateways=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", ["federated", "centralised"])
def test_results_say_how_they_are_seen(kind: str, tmp_path: Path) -> None:
    config = small_config(data__unseen="DDoS", partition__unseen_gateways=1, partition__alpha=10.0)
    result = execute(kind, config, tmp_path / "run").to_json()
    unseen, row = result["unseen"], result["final"]["confusion"][CLASSES.index("DDoS")]
    assert unseen["name"] == "DDoS"
    assert unseen["flows"] == sum(row)
    assert [unseen["taken_for"][name] for name in CLASSES] == pytest.approx(
        [count / sum(row) for count in row]
    )
    assert unseen["alarms"] == pytest.approx(1 - row[0] / sum(row))
    assert unseen["taken_for"]["DDoS"] == 0.0
    for score in unseen["rejection"].values():
        assert 0 <= score["auroc"] <= 1
    gateways = result["unseen_gateways"]
    dataset = FederatedDataset.open(config)
    (held,) = gateways["partitions"]
    assert sum(map(sum, gateways["unseen"]["confusion"])) == dataset.plan.sizes()[held]
    tested = sum(len(dataset.testing(k)) for k in range(3) if k != held)
    assert sum(map(sum, gateways["seen"]["confusion"])) == tested
    if kind == "federated":
        both = np.array(gateways["seen"]["confusion"]) + gateways["unseen"]["confusion"]
        np.testing.assert_array_equal(both, result["final"]["confusion"])


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(2, 60))
def test_rejection_is_what_scikit_learn_says(seed: int, known: int, unseen: int) -> None:
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=(known + unseen, 5)) * 3, 1)
    held = np.arange(known + unseen) >= known
    found = rejection(logits, held)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    score = np.round(chances.max(axis=1), 12)
    assert found.max_probability.auroc == pytest.approx(roc_auc_score(~held, score), abs=0.02)
    energy = np.log(np.exp(logits).sum(axis=1))
    assert found.energy.auroc == pytest.approx(roc_auc_score(~held, energy), abs=0.02)
    false, true, _ = roc_curve(~held, energy, drop_intermediate=False)
    assert found.energy.passed == pytest.approx(false[true >= 0.95].min(), abs=0.02)


def test_rejection_of_nothing_is_undefined() -> None:
    logits = np.zeros((3, 5))
    for held in (np.ones(3, bool), np.zeros(3, bool)):
        assert rejection(logits, held).energy == SeparationRecord(auroc=None, passed=None)
