"""Files of the data sets that share the columns: read, trained on, and scored across."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from domain_factory import NAMES, write_domain
from flow_factory import CLASSES

from fednids.cli.main import run as fednids
from fednids.config import Config, DataConfig
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.nf_ton_iot import NF_TON_IOT
from fednids.errors import DataError
from fednids.experiment.execution import execute
from fednids.experiment.scoring import _against_benign, find_detector, score_flows
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows
from fednids.flows.source import load_flows
from fednids.flows.summary import summarise_flows
from fednids.studies.cross import cross_runs

SETTINGS: dict[str, object] = {
    "data.window": 2, "train.batch_size": 32, "federation.rounds": 2,
    "model.channels": "8", "model.hidden": 8, "model.dense": 0,
}  # fmt: skip


def config_of(path: Path, **settings: object) -> Config:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return Config.resolve({**SETTINGS, "data.path": str(path), **named})


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("domain", NAMES)
def test_every_domain_is_read_and_written_again(domain: str, version, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = write_domain(tmp_path / "flows.csv", domain, version=version)
    with path.open() as file:
        names = [row["Attack"] for row in csv.DictReader(file)]
    table = read_flows(path)
    assert table.spec.title == domain
    np.testing.assert_array_equal(table.attack, [table.spec.codes[name] for name in names])
    np.testing.assert_array_equal(table.label, [name != "Benign" for name in names])
    again = tmp_path / "again.csv"
    write_flows(table, again)
    np.testing.assert_array_equal(read_flows(again).attack, table.attack)


def test_the_summary_counts_the_data_sets_own_attacks(tmp_path: Path) -> None:
    found = summarise_flows(read_flows(write_domain(tmp_path / "flows.csv", "NF-ToN-IoT")))
    assert list(found.classes) == list(NF_TON_IOT.classes)
    assert found.classes["Scanning"] > 0
    assert found.classes["DDoS"] > 0
    ours = summarise_flows(read_flows(write_domain(tmp_path / "ours.csv", "NF-BoT-IoT")))
    assert list(ours.classes) == list(CLASSES)


@pytest.mark.parametrize("domain", NAMES)
def test_all_classes_are_those_of_the_data_set(domain: str, tmp_path: Path) -> None:
    path = write_domain(tmp_path / "flows.csv", domain)
    every = FederatedDataset.open(config_of(path, partition__gateways=2))
    assert every.classes == every.flows.classes == read_flows(path).spec.classes
    assert len(set(every.labels)) == 5
    dataset = FederatedDataset.open(config_of(path, model__classes="binary", partition__gateways=2))
    assert set(dataset.labels) == {0, 1}
    result = execute("centralised", config_of(path), tmp_path / "run")
    assert list(result.final.per_class) == list(every.classes)


def test_a_file_of_several_data_sets_has_the_classes_of_all(tmp_path: Path) -> None:
    path = write_domain(tmp_path / "flows.csv", "NF-ToN-IoT")
    path.write_text(path.read_text().replace("scanning", "Exploits"))
    table = read_flows(path)
    assert table.spec.title == "NF-UQ-NIDS"
    with pytest.raises(DataError, match=r"column Attack: expected one of Benign.*'Exploits'"):
        read_flows(path, "nf-ton-iot")


def test_audit_and_describe_take_any_domain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_domain(tmp_path / "flows.csv", "NF-CSE-CIC-IDS2018")
    assert fednids(["data", "describe", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"]["Bot"] > 0
    assert fednids(["data", "audit", str(path), "--json"]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("classes", ["binary", pytest.param("all", marks=pytest.mark.slow)])
def test_a_detector_is_scored_on_another_network_as_attack_against_benign(
    classes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = write_domain(tmp_path / "home.csv", "NF-BoT-IoT")
    away = write_domain(tmp_path / "away.csv", "NF-ToN-IoT", seed=1)
    out = tmp_path / "run"
    execute("centralised", config_of(home, model__classes=classes), out)
    assert fednids(["evaluate", "--model", str(out), "--data", str(away), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["final"]
    assert list(found["per_class"]) == ["Benign", "Attack"]
    assert sum(map(sum, found["confusion"])) == 300
    assert fednids(["evaluate", "--model", str(out), "--data", str(away)]) == 0
    warned = "scored against benign alone" in capsys.readouterr().out
    assert warned == (classes == "all")
    detector = find_detector(out)
    at_home = score_flows(detector, load_flows(DataConfig(path=str(home)), 0))
    assert tuple(at_home.detector.classes) == tuple(detector.classes)
    assert at_home.detector.macro_f1 > at_home.majority.macro_f1


def test_the_logit_of_attack_has_the_sum_of_their_chances() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 5)).astype(np.float32) * 4
    five, two = (
        np.exp(given) / np.exp(given).sum(axis=1, keepdims=True)
        for given in (logits, _against_benign(logits))
    )
    np.testing.assert_allclose(two[:, 1], five[:, 1:].sum(axis=1), rtol=1e-5)


@pytest.mark.slow
def test_a_federation_of_networks_and_each_detector_at_each(tmp_path: Path) -> None:
    folder = tmp_path / "networks"
    folder.mkdir()
    for place, domain in enumerate(NAMES):
        write_domain(folder / f"{domain}.csv", domain, seed=place)
    config = config_of(folder, model__classes="binary")
    assert config.partition.gateways == len(NAMES)
    execute("federated", config, tmp_path / "together")
    execute("local", config, tmp_path / "alone")
    matrix = cross_runs([tmp_path / "together", tmp_path / "alone"])
    assert matrix.local.shape == (4, 4, 2, 2)
    dataset = FederatedDataset.open(config)
    for gateway in range(4):
        tested = len(dataset.testing(gateway))
        assert (matrix.local[:, gateway].sum(axis=(1, 2)) == tested).all()
