"""The head fitted again after the last round, on the real apps."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from runs_factory import small_config

from fednids.algorithms import find_algorithm
from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError, FederationError
from fednids.experiment import arms
from fednids.experiment.execution import check_settings, execute, resume
from fednids.networks.model_file import load_detector
from fednids.runs.reader import load
from fednids.runs.rounds import Outcome
from fednids.training.initial import class_weights
from fednids.training.local import LocalTrainer
from fednids.training.recalibration import HeadSums
from server.recalibration import recalibration_kind

KINDS = ("head", "ccvr", "bias")
every = pytest.mark.parametrize("kind", KINDS)
head_and_slowly_others = pytest.mark.parametrize(
    "kind", ["head", *(pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS[1:])]
)


def config_of(kind: str, **changes: object) -> Config:
    settings = {"data__validation_share": 0.2, "federation__recalibrate": kind, **changes}
    return small_config(**settings)


@cache
def run(kind: str) -> Outcome:
    config = config_of(kind)
    return arms.federated(config, FederatedDataset.open(config), [], None)


def loss_of(outcome: Outcome, sums: str) -> float:
    """Return the weighted loss that was made small, over all gateways."""
    config = config_of("none")
    dataset = FederatedDataset.open(config)
    trainer, gateways = LocalTrainer(config, dataset), range(dataset.gateways)
    counts = sum(dataset.initial_support(k) for k in gateways)
    task = replace(outcome.tasks[0], server_round=2, class_weights=class_weights(counts, 0.5))
    found: list[HeadSums] = [getattr(trainer, sums)(k, outcome.weights[0], task) for k in gateways]
    return sum(each.loss for each in found) / sum(each.weight for each in found)


@every
def test_the_head_alone_is_another(kind: str) -> None:
    found, plain = run(kind), run("none")
    places = found.architecture.layout.head_places
    changed = np.flatnonzero(found.weights[0] != plain.weights[0])
    assert len(changed)
    assert set(changed) <= set((places[:, -1:] if kind == "bias" else places).ravel())
    assert found.last is not None
    assert found.recalibration is not None
    assert found.recalibration.exchanges >= 1


@pytest.mark.parametrize(("kind", "sums"), [("head", "head_sums"), ("bias", "bias_sums")])
def test_the_loss_over_all_gateways_is_less(kind: str, sums: str) -> None:
    assert loss_of(run(kind), sums) < loss_of(run("none"), sums)


def test_what_is_sent_is_recorded_and_scores_before_are_the_last_rounds(tmp_path: Path) -> None:
    config = config_of("ccvr")
    found = execute("federated", config, tmp_path / "with").to_json()
    plain = execute("federated", config_of("none"), tmp_path / "without").to_json()
    places = run("ccvr").architecture.layout.head_places
    classes, width = places.shape[0], places.shape[1] - 1
    numbers = classes * (1 + width + width * (width + 1) // 2)
    record = found["recalibration"]
    assert record["kind"] == "ccvr"
    assert record["exchanges"] == 1
    assert 3 * 8 * numbers < record["bytes_up"] < 3 * (8 * numbers + 2000)
    assert "recalibration" not in plain
    assert found["rounds"][-1]["test"] == plain["rounds"][-1]["test"]
    assert found["final"] != plain["final"]
    saved = load_detector(tmp_path / "with" / "model.safetensors").weights
    np.testing.assert_array_equal(saved, run("ccvr").weights[0])
    ours, theirs = load(tmp_path / "with"), load(tmp_path / "without")
    for each in (ours, theirs):
        counts = sum(found.matrix for found in each.last_confusions)
        np.testing.assert_array_equal(counts, each.result.final.confusion)
    np.testing.assert_array_equal(ours.gateways.final, theirs.gateways.final)
    more = (record["bytes_down"], record["bytes_up"])
    assert ours.sent == tuple(a + b for a, b in zip(theirs.sent, more, strict=True))


def test_a_kept_round_has_its_own_counts_of_each_gateway(tmp_path: Path) -> None:
    config = config_of("none", run__keep="best", federation__rounds=3)
    execute("federated", config, tmp_path / "run")
    found = load(tmp_path / "run")
    counts = sum(each.matrix for each in found.last_confusions)
    np.testing.assert_array_equal(counts, found.result.final.confusion)


def test_the_default_strategy_fits_its_head_again_and_others_do_not() -> None:
    names = ("classwise", "fedavg", "fedper")
    kinds = [
        recalibration_kind(config, find_algorithm(config))
        for name in names
        for config in [small_config(strategy__name=name, model__dense=8)]
    ]
    assert kinds == ["head", "none", "none"]


@head_and_slowly_others
def test_engines_change_no_bit(kind: str) -> None:
    config = config_of(kind, run__engine="processes", run__workers=2)
    found = arms.federated(config, FederatedDataset.open(config), [], None)
    np.testing.assert_array_equal(found.weights[0], run(kind).weights[0])


@pytest.mark.slow
def test_a_longer_run_goes_on_from_the_head_before(tmp_path: Path) -> None:
    execute("federated", config_of("head", federation__rounds=1), tmp_path / "run")
    execute("federated", config_of("none", federation__rounds=1), tmp_path / "plain")
    found = [resume(tmp_path / name, rounds=2).to_json() for name in ("run", "plain")]
    assert found[0]["rounds"][-1]["test"] == found[1]["rounds"][-1]["test"]
    assert found[0]["recalibration"]["kind"] == "head"


@head_and_slowly_others
def test_works_with_lossy_encodings_and_gateways_without_flows(kind: str) -> None:
    config = config_of(kind, wire__down="int8", partition__arrival="growing", data__flows=300)
    found = arms.federated(config, FederatedDataset.open(config), [], None)
    assert np.isfinite(found.weights[0]).all()


class TestRefusals:
    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"strategy__name": "fedper", "model__dense": 8}, "recalibrate=none for fedper"),
            ({"strategy__name": "ifca"}, "recalibrate=none for ifca"),
            ({"data__validation_share": 0.0}, "validation flows for federation.recalibrate=bias"),
        ],
    )
    def test_settings_are_refused_before_round_1(
        self, settings: dict[str, object], words: str
    ) -> None:
        with pytest.raises(ConfigError, match=words):
            check_settings(config_of("bias", **settings))

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"loss": np.nan}, "finite sums"),
            ({"gradient": np.zeros((2, 2))}, "gradient of shape"),
            ({"hessian": np.zeros(3, np.float32)}, "hessian of shape"),
        ],
    )
    def test_a_wrong_answer_is_a_failure_and_too_many_end_the_run(
        self, change: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        honest = LocalTrainer.head_sums

        def wrong(self: LocalTrainer, partition_id: int, *rest):  # type: ignore[no-untyped-def]
            found = honest(self, partition_id, *rest)
            return replace(found, **change) if partition_id else found

        monkeypatch.setattr(LocalTrainer, "head_sums", wrong)
        config = config_of("head")
        dataset = FederatedDataset.open(config)
        with pytest.raises(FederationError, match=words):
            arms.federated(config, dataset, [], None)

    def test_one_that_fails_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(self: LocalTrainer, partition_id: int, *rest):  # type: ignore[no-untyped-def]
            if partition_id == 1:
                raise RuntimeError("out of memory")
            return honest(self, partition_id, *rest)

        honest = LocalTrainer.head_sums
        monkeypatch.setattr(LocalTrainer, "head_sums", broken)
        config = config_of("head")
        found = arms.federated(config, FederatedDataset.open(config), [], None)
        assert not np.array_equal(found.weights[0], run("head").weights[0])
