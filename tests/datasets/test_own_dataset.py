"""A data set of a user's own, with columns unlike NetFlow's, from its file to the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from plugin_files import forget_plugins

from fednids.cli.main import run as fednids
from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import DataError, PartitionError
from fednids.experiment.execution import execute
from fednids.extensions import load_plugins

SPEC = """
from fednids.datasets.encoders import Linear, OneHot
from fednids.datasets.spec import Column, DatasetSpec
from fednids.extensions import DATASETS

DATASETS.register("cic-small")(
    DatasetSpec(
        name="cic-small",
        title="CIC-Small",
        columns=(
            Column("Timestamp", "time", unit="s"),
            Column("Flow Duration", "feature", unit="us"),
            Column("Tot Fwd Pkts", "feature", "integer", unit="packets"),
            Column("Fwd Pkt Len Mean", "feature", unit="bytes"),
            Column("Init Fwd Win Byts", "feature", "integer", least=-1, most=65535),
            Column("SYN Flag Cnt", "feature", "integer", encoder=Linear()),
            Column(
                "Protocol", "feature", "integer", most=255, optional=True,
                encoder=OneHot((("tcp", 6), ("udp", 17)), "other_protocol"),
                loss="whether it is TCP",
            ),
            Column("Label", "label", "text"),
        ),
        classes=("BruteForce", "BENIGN", "Slowloris", "WebAttack"),
        benign="BENIGN",
        spellings={"Web Attack": "WebAttack"},
        other_columns=True,
    )
)
"""
CLASSES = ("BENIGN", "BruteForce", "Slowloris", "WebAttack")
SMALL: dict[str, object] = {
    "data.window": 2, "train.batch_size": 32, "federation.rounds": 2, "partition.gateways": 3,
    "model.channels": "8", "model.hidden": 8, "model.dense": 0, "run.engine": "inprocess",
    "partition.scheme": "dirichlet",
}  # fmt: skip


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Load the data set's file, and forget it afterwards."""
    path = tmp_path / "cic_small.py"
    path.write_text(SPEC)
    with forget_plugins(monkeypatch):
        load_plugins([path])
        yield path


def write_flows(path: Path, n: int = 400, *, protocol: bool = True) -> Path:
    rng = np.random.default_rng(4)
    names = ("BENIGN", "BruteForce", "Slowloris", "Web Attack")
    lines = ["Timestamp,Flow Duration,Tot Fwd Pkts,Fwd Pkt Len Mean,Init Fwd Win Byts,SYN Flag Cnt"]
    lines[0] += ",Protocol,Idle Mean,Label" if protocol else ",Idle Mean,Label"
    for k in range(n):
        code = int(rng.choice(4, p=(0.55, 0.2, 0.15, 0.1)))
        cells: list[object] = [
            1_700_000_000 + k, round(float(rng.lognormal(4 + 2 * code)), 3),
            int(rng.integers(1 + 5 * code, 4 + 6 * code)), round(float(rng.uniform(40, 90)), 2),
            int(rng.choice([-1, 8192, 65535])), int(rng.integers(2)),
        ]  # fmt: skip
        cells += [int(rng.choice([6, 17]))] if protocol else []
        lines.append(",".join(map(str, [*cells, 0.5, names[code]])))
    path.write_text("\n".join(lines) + "\n")
    return path


def config_of(path: Path, **settings: object) -> Config:
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return Config.resolve({**SMALL, "data.path": str(path), **named})


def test_it_is_recognised_described_audited_and_dealt(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_flows(tmp_path / "flows.csv")
    assert fednids(["data", "describe", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["dataset"], found["flows"], found["hosts"]) == ("CIC-Small", 400, 0)
    assert list(found["classes"]) == list(CLASSES)
    assert found["ranges"]["Init Fwd Win Byts"]["least"] == -1
    assert any("no addresses" in warning for warning in found["warnings"])
    assert fednids(["data", "audit", str(path), "--json"]) in (0, 1)
    told = json.loads(capsys.readouterr().out)
    assert {"imbalance", "determining"} <= {each["check"] for each in told["findings"]}
    out = tmp_path / "plan"
    arguments = ["--data", str(path), "--gateways", "3", "--out", str(out), "--json"]
    assert fednids(["partition", *arguments]) == 0
    assert (out / "plan.npz").is_file()


@pytest.mark.parametrize(
    "kind",
    [*(pytest.param(n, marks=pytest.mark.slow) for n in ("centralised", "local")), "federated"],
)
def test_every_arm_trains_on_its_own_classes(kind: str, plugin: Path, tmp_path: Path) -> None:
    path = write_flows(tmp_path / "flows.csv")
    out = tmp_path / kind
    result = execute(kind, config_of(path), out).to_json()
    assert list(result["final"]["per_class"]) == list(CLASSES)
    assert result["data"]["flows"] == 400
    if kind == "centralised":
        arguments = ["--model", str(out), "--data", str(path), "--json"]
        assert fednids(["evaluate", *arguments]) == 0
    if kind == "federated":
        assert fednids(["report", str(out), "--html", str(tmp_path / "report.html")]) == 0
        assert "Slowloris" in (tmp_path / "report.html").read_text()


def test_a_class_of_its_own_is_never_trained_on(plugin: Path, tmp_path: Path) -> None:
    path = write_flows(tmp_path / "flows.csv")
    config = config_of(path, data__unseen="WebAttack", model__classes="binary")
    result = execute("centralised", config, tmp_path / "run").to_json()
    assert result["unseen"]["name"] == "WebAttack"
    assert list(result["final"]["per_class"]) == ["BENIGN", "Attack"]


def test_an_optional_column_that_is_missing_is_told(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_flows(tmp_path / "flows.csv", protocol=False)
    assert fednids(["data", "describe", str(path)]) == 0
    assert "no column Protocol: whether it is TCP is lost" in capsys.readouterr().out
    flows = FederatedDataset.open(config_of(path)).flows
    assert "Protocol" not in flows.columns
    assert "tcp" not in flows.features


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"partition__scheme": "host"}, PartitionError, "hosts"),
        ({"partition__scheme": "host-dirichlet"}, PartitionError, "hosts"),
        ({"data__split": "hosts"}, DataError, "addresses for data.split=hosts"),
        ({"data__path": ""}, DataError, "expected a file with flows of CIC-Small"),
    ],
)
def test_what_it_lacks_is_told_in_one_line(
    settings: dict[str, object], error: type[Exception], words: str, plugin: Path, tmp_path: Path
) -> None:
    path = write_flows(tmp_path / "flows.csv")
    with pytest.raises(error, match=words) as caught:
        FederatedDataset.open(config_of(path, data__dataset="cic-small", **settings))
    assert "\n" not in str(caught.value)


def test_a_backdoor_needs_a_trigger_of_its_columns(plugin: Path, tmp_path: Path) -> None:
    path = write_flows(tmp_path / "flows.csv")
    attack = {"attack__kind": "backdoor", "attack__share": 0.4}
    with pytest.raises(Exception, match=r"expected attack\.trigger for a backdoor") as caught:
        FederatedDataset.open(config_of(path, **attack))
    assert "\n" not in str(caught.value)
    marked = config_of(path, **attack, attack__trigger="Tot Fwd Pkts=7")
    assert FederatedDataset.open(marked).marked > 0
