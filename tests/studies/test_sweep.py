"""Whole sweeps with real runs; the longer ones are marked slow."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from study_factory import TINY, tiny_study
from whole_result import whole_result, write_whole

from fednids.errors import ConfigError, FednidsError, RunError
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.layout import STUDY
from fednids.studies.engine import Step, StepEnd, StudyFolder
from fednids.studies.report import StudyReport
from fednids.studies.study import expand
from fednids.studies.sweep import plan_sweep, run_study

GRID = {"partition.alpha": [0.2, 5.0]}


class Watch:
    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ends: list[StepEnd] = []

    def begins(self, steps: list[Step], finished: int) -> None:
        self.begun = [step.name for step in steps]

    def ended(self, end: StepEnd) -> None:
        self.ends.append(end)


def swept(given, out: Path) -> tuple[StudyReport, Watch]:  # type: ignore[no-untyped-def]
    watch = Watch()
    return run_study(given, out, watcher=watch), watch


def test_two_cells_from_study_to_report_and_nothing_twice(tmp_path: Path) -> None:
    out, given = tmp_path / "out", tiny_study(grid=GRID)
    report, watch = swept(given, out)
    assert len(watch.begun) == len(watch.ends) == 2
    assert report.failed == ()
    found = json.loads((out / "report.json").read_text())
    assert found == report.to_json()
    assert found["synthetic"]
    table = pd.read_parquet(out / "cells.parquet")
    assert table["partition.alpha"].tolist() == [0.2, 5.0]
    assert table["skew.jensen_shannon"].is_monotonic_decreasing
    for name, macro_f1 in zip(table["run"], table["macro_f1"], strict=True):
        result = json.loads((out / "runs" / name / "result.json").read_text())
        assert result["final"]["macro_f1"] == macro_f1
        assert result["settings"]["run.engine"] == "inprocess"
    text = (out / "report.md").read_text()
    assert "synthetic" in text
    for picture in ("macro-f1.png", "worst-gateway.png"):
        assert picture in text
        assert (out / picture).read_bytes().startswith(b"\x89PNG")
    again, watch = swept(given, out)
    assert watch.begun == []
    assert again.to_json() == report.to_json()


def finished(out: Path, given) -> None:  # type: ignore[no-untyped-def]
    """Leave a folder as a sweep does, with results of no content."""
    runs = [cell.run for cell in expand(given)]
    folder = StudyFolder(out)
    with folder.opened(STUDY, given.to_toml()):
        for run in runs:
            write_whole(folder.run(run), {**whole_result(), "kind": run.arm})


def test_a_study_that_grows_or_shrinks_goes_on_and_another_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    finished(out, tiny_study(grid=GRID))
    grown = plan_sweep(tiny_study(grid={"partition.alpha": [0.2, 5.0, 9.0]}), out)
    assert (grown.finished, len(grown.planned)) == (2, 1)
    shrunk = plan_sweep(tiny_study(grid={"partition.alpha": [5.0]}), out)
    assert (shrunk.finished, len(shrunk.planned)) == (1, 0)
    with pytest.raises(RunError, match="1 new runs and without 1"):
        plan_sweep(tiny_study(grid={"partition.alpha": [5.0, 9.0]}), out)
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    with pytest.raises(RunError, match="something else"):
        plan_sweep(tiny_study(), other)


def test_a_result_cut_short_is_run_again(tmp_path: Path) -> None:
    out, given = tmp_path / "out", tiny_study(grid=GRID)
    finished(out, given)
    run = expand(given)[0].run
    (StudyFolder(out).run(run) / "result.json").write_text('{"kind": "fed')
    assert [planned.run for planned in plan_sweep(given, out).planned] == [run]


def test_two_sweeps_do_not_share_a_folder(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "out")
    with (
        folder.opened(STUDY, ""),
        pytest.raises(RunError, match="no study at work"),
        folder.opened(STUDY, ""),
    ):
        pass


def test_an_unknown_scheme_is_found_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"got 'fair'.*\(in the cell"):
        run_study(tiny_study(settings={**TINY, "partition.scheme": "fair"}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"partition.gateways": 500}, "gateways"),
        ({"strategy.name": "krum", "strategy.malicious": 9}, "malicious"),
        ({"model.pools": "9"}, "pool"),
        ({"data.features": "v2"}, "v2"),
    ],
)
def test_what_is_wrong_in_any_cell_is_found_before_anything_runs(
    settings: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(FednidsError, match=words) as caught:
        run_study(tiny_study(settings={**TINY, **settings}), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert "in the run federated" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_more_workers_than_processors_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="--workers"):
        run_study(tiny_study(), tmp_path / "out", workers=10_000)


@pytest.mark.slow
def test_a_run_that_fails_is_told_and_others_go_on(tmp_path: Path) -> None:
    """Weights that overflow in every gateway's first step."""
    out, given = tmp_path / "out", tiny_study(grid={"train.learning_rate": [0.003, 1e38]})
    report, _ = swept(given, out)
    assert [bool(row.metrics) for row in report.rows] == [True, False]
    (failed,) = report.failed
    assert failed.reason in (out / failed.log).read_text()
    assert failed.reason in (out / "report.md").read_text()
    assert "Traceback" not in (out / failed.log).read_text()


@pytest.mark.slow
def test_arms_stand_beside_each_other_with_their_matrix(tmp_path: Path) -> None:
    """One gateway in five sees every class: DoS is kept from the others."""
    dealt = {
        **TINY,
        "data.flows": 1200,
        "partition.gateways": 5,
        "partition.scheme": "withheld",
        "partition.withheld": "DoS",
        "partition.withheld_share": 0.8,
    }
    given = tiny_study(
        arms=["centralised", "local", "federated"], settings=dealt, report={"cross": True}
    )
    report, watch = swept(given, tmp_path / "out")
    assert report.failed == ()
    assert watch.ends[-1].step.name.startswith("cross federated-")
    rows = {row.cell.arm: row for row in report.rows}
    file = next((tmp_path / "out").glob("cross/*/cross.json"))
    unseen = json.loads(file.read_text())["unseen"]
    assert "DoS" in unseen["classes"]
    assert rows["federated"].metrics["unseen_recall"] == unseen["global"]
    assert rows["local"].metrics["unseen_alarm"] == unseen["local_alarm"]
    assert math.isnan(rows["centralised"].metrics["unseen_recall"])
    assert rows["centralised"].skew == rows["local"].skew == rows["federated"].skew
    assert report.groups[0].arm == "centralised"
    assert math.isnan(report.groups[0].skew)


def begin(out: Path, file: Path) -> subprocess.Popen[str]:
    """Start a sweep as people do, and wait until each of two runs has some rounds."""
    file.write_text(tiny_study(grid=GRID).changed({"federation.rounds": 300}).to_toml())
    command = [sys.executable, "-m", "fednids", "sweep", str(file), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        counts = [len(f.read_text().splitlines()) for f in out.glob("runs/*/rounds.jsonl")]
        if counts and min(counts) >= 2:
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError("no rounds within two minutes")


def children(process: subprocess.Popen[str]) -> list[int]:
    task = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in task.read_text().split()]


def wait_until_gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(running(pid) for pid in pids):
        assert time.monotonic() < deadline, "children outlive their sweep"
        time.sleep(0.05)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_killed_sweep_leaves_no_child_and_goes_on(tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "study.toml"
    process = begin(out, file)
    pids = children(process)
    assert pids
    processors = [os.sched_getaffinity(pid) for pid in pids]
    assert all(len(each) == 1 for each in processors)
    assert len(set(map(frozenset, processors))) == len(pids)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    wait_until_gone(pids)
    done = {f.name: read_checkpoint(f).server_round for f in (out / "runs").iterdir()}
    lines = {
        name: (out / "runs" / name / "rounds.jsonl").read_text().splitlines()[:rounds]
        for name, rounds in done.items()
        if rounds
    }
    assert lines
    again = [sys.executable, "-m", "fednids", "sweep", str(out / "study.toml"), "--out", str(out)]
    found = subprocess.run([*again, "--json"], capture_output=True, text=True, check=True)
    assert all(cell["finished"] for cell in json.loads(found.stdout)["cells"])
    for name, before in lines.items():
        now = (out / "runs" / name / "rounds.jsonl").read_text().splitlines()
        assert len(now) == 300
        assert now[: len(before)] == before


@pytest.mark.slow
def test_ctrl_c_stops_children_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = begin(out, tmp_path / "study.toml")
    pids = children(process)
    os.kill(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert f"fednids sweep {out / 'study.toml'} --out {out}" in stderr.splitlines()[-1]
    wait_until_gone(pids)
    assert not (out / "report.md").exists()
