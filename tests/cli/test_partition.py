"""`fednids partition` as people type it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from runs_factory import SMALL

from fednids.cli.main import run
from fednids.cli.partition import read_measure
from fednids.flows.files.reading import read_flows
from partitions import PARTITIONERS
from partitions.skew import MeasureSummary

SETTINGS = [f"{name}={value}" for name, value in SMALL.items()]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["partition", *arguments, *SETTINGS]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["partition", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert len(captured.err.strip().splitlines()) == 1
    return captured.err


def test_the_table_has_every_measure_and_what_it_means(
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = printed(capsys, "--scheme", "pathological")
    measures = ("jensen shannon", "absent.Theft", "wasserstein.FLOW_DURATION_MILLISECONDS")
    for word in (*measures, "size gini", "skewed", "synthetic", "3 gateways by pathological"):
        assert word in out
    assert "…" not in out


def test_json_is_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "--alpha", "0.1", "--seed", "3", "--out", str(tmp_path / "p"), "--json")
    record = json.loads(out)
    assert record == json.loads((tmp_path / "p" / "skew.json").read_text())
    assert (record["seed"], record["settings"]["partition.alpha"]) == (3, 0.1)


def test_all_compares_and_names_what_cannot_be_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PARTITIONERS, "names", lambda: ("host", "iid", "pathological"))
    arguments = ("--scheme", "all", "--gateways", "12", "--out", str(tmp_path / "all"))
    settings = [each for each in SETTINGS if "gateways" not in each]
    assert run(["partition", *arguments, *settings]) == 0
    out = capsys.readouterr().out
    assert "host cannot deal these flows so: expected" in out
    assert "\n  iid " in out
    assert "\n  pathological " in out
    record = json.loads((tmp_path / "all" / "comparison.json").read_text())
    assert [each["scheme"] for each in record["schemes"]] == ["host", "iid", "pathological"]


def test_export_writes_a_file_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flows = str(tmp_path / "flows.csv.gz")
    assert run(["data", "synthesise", flows, "--flows", "900"]) == 0
    capsys.readouterr()
    folder = tmp_path / "fleet"
    out = printed(capsys, "--data", flows, "--export", str(folder), "--format", "csv")
    assert "900 flows exported to 3 files" in out
    assert sum(len(read_flows(path)) for path in folder.glob("*.csv")) == 900
    record = json.loads(
        printed(capsys, "--data", flows, "--export", str(folder), "--force", "--json")
    )
    assert sum(each["flows"] for each in record["export"]["gateways"]) == 900
    assert len(list(folder.glob("*.parquet"))) == 3
    assert not list(folder.glob("*.csv"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--scheme", "fair", "--data", "no.csv"], "dirichlet"),
        (["--format", "xlsx", "--data", "no.csv"], "csv.gz"),
        (["--scheme", "all", "--export", "x"], "one scheme"),
        (["--data", "no.csv"], "no.csv"),
        (["--gateways", "0"], "gateways"),
        (["--gateways", "5000", "data.flows=600"], "fewer gateways"),
        (["--gateways", "5000", "data.flows=600", "--scheme", "all"], "fewer gateways"),
        (["partition.plan=no.npz", "data.flows=600"], "no.npz"),
        (["--out", "taken", "--data", "no.csv"], "taken"),
        (["--export", "taken", "--force", "--data", "no.csv"], "something else"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("")
    assert words in complaint(capsys, *arguments)
    assert [path.name for path in tmp_path.rglob("*")] == ["taken", "thesis.tex"]


def test_a_wrong_plan_stops_a_run_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed(capsys, "--out", str(tmp_path / "p"))
    plan = f"partition.plan={tmp_path / 'p' / 'plan.npz'}"
    for command in ("simulate", "local", "centralised"):
        assert run([command, "--out", str(tmp_path / "run"), *SETTINGS, "run.seed=2", plan]) == 2
        assert "made of other flows" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def summary(measure: str, value: float, low: float, high: float) -> MeasureSummary:
    middle = (low + high) / 2
    return MeasureSummary(measure, value, value, middle, low, high, middle, low, high)


@pytest.mark.parametrize(
    ("row", "word"),
    [
        (summary("hellinger", 0.5, 0.1, 0.2), "skewed"),
        (summary("hellinger", 0.15, 0.1, 0.2), "as iid"),
        (summary("hellinger", 0.05, 0.1, 0.2), "more even than iid"),
        (summary("coverage", 0.5, 0.8, 0.9), "skewed"),
        (summary("effective_classes", 3.0, 1.8, 2.0), "more even than iid"),
        (summary("coverage", 1.0, 1.0, 1.0), "as iid"),
        (summary("wasserstein.IN_BYTES", 0.5, 0.1, 0.2), "skewed"),
        (summary("absent.Theft", 0.0, 0.0, 0.0), "as iid"),
        (summary("size_gini", 0.0, math.nan, math.nan), "equal sizes"),
        (summary("size_gini", 0.4, math.nan, math.nan), "unequal sizes"),
        (summary("largest", 40.0, math.nan, math.nan), ""),
        (summary("hellinger", math.nan, math.nan, math.nan), ""),
    ],
)
def test_a_measure_is_read_beside_its_yardstick(row: MeasureSummary, word: str) -> None:
    assert read_measure(row) == word
