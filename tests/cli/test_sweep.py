"""`fednids sweep` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from study_factory import STUDY

from fednids.cli.main import run
from fednids.cli.progress import SweepProgress
from fednids.studies.engine import Failed, Step, StepEnd
from fednids.studies.report import StudyReport
from fednids.studies.study import read_study


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["sweep", *arguments]) == 0
    return capsys.readouterr().out


def test_shipped_studies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(json.loads(printed(capsys, "--list", "--json"))) == {
        "heterogeneity",
        "quick",
        "recipe",
        "robustness",
        "skew",
        "strategies",
    }
    assert "in under two minutes" in printed(capsys, "--list")


def test_a_dry_run_lists_runs_and_writes_nothing(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    agenda = json.loads(printed(capsys, str(file), "--out", str(out), "--dry-run", "--json"))
    assert (agenda["cells"], agenda["finished"], len(agenda["runs"])) == (24, 0, 14)
    assert {each["windows"] for each in agenda["runs"]} == {480 * 10}
    shown = printed(capsys, str(file), "--out", str(out), "--dry-run")
    assert all(each["run"] in shown for each in agenda["runs"])
    assert "24 cells are 14 runs" in shown
    assert not out.exists()


def test_settings_and_flags_win_over_the_study(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("train.epochs=2", "data.flows=500", "--rounds", "4", "--seeds", "7")
    arguments = (str(file), *more, "--out", str(tmp_path / "out"), "--dry-run", "--json")
    agenda = json.loads(printed(capsys, *arguments))
    assert len(agenda["runs"]) == 7
    assert all("seed7" in each["run"] for each in agenda["runs"])
    assert {each["windows"] for each in agenda["runs"]} == {401 * 4 * 2}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "x"], "a study"),
        (["quick"], "--out"),
        (["quikc", "--out", "x"], "heterogeneity, quick, recipe, robustness, skew, strategies"),
        (["quick", "--out", "x", "rounds"], "section.key=value"),
        (["quick", "--out", "x", "train.epoch=2"], "train.epochs"),
        (["quick", "--out", "x", "partition.alpha=2"], "[grid]"),
        (["quick", "--out", "x", "--seeds", "1,x"], "1,2,3"),
        (["quick", "--out", "x", "--seeds", "1,1"], "1 twice"),
        (["quick", "--out", "x", "--data", "no.csv"], "no.csv"),
        (["quick", "--out", "x", "--workers", "9999"], "--workers"),
        (["quick", "--out", "x", "--rounds", "0"], "federation.rounds"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["sweep", *arguments]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert captured.out == ""
    assert words in line
    assert list(tmp_path.iterdir()) == []


def test_progress_has_a_line_a_run_and_the_time_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [Step(name, lambda: [], tmp_path / name, 10.0) for name in ("a", "b")]
    progress = SweepProgress()
    progress.begins(steps, 3)
    progress.ended(StepEnd(steps[0], 4.0))
    progress.ended(StepEnd(steps[1], 0.0, "expected memory, got none"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "2 to run, 3 finished before"
    assert lines[1].startswith("1/2  a  4.0 s  about ")
    assert lines[2] == "2/2  b  failed: expected memory, got none  about 0 s left"


def test_a_failed_run_is_told_and_the_exit_code_is_1(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = Failed("federated-x", "expected memory, got none", "logs/federated-x.log")
    report = StudyReport(read_study(str(file)), (), (), (), (failed,), (), 0.6)
    monkeypatch.setattr("fednids.studies.sweep.run_study", lambda *_, **__: report)
    out = tmp_path / "out"
    assert run(["sweep", str(file), "--out", str(out)]) == 1
    shown = capsys.readouterr().out
    assert f"failed: federated-x: expected memory, got none ({out / failed.log})" in shown
    assert run(["sweep", str(file), "--out", str(out), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["failed"][0]["name"] == "federated-x"
