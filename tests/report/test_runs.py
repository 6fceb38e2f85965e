"""Run folders as reports read them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.made_run import Made, make_run
from fednids.errors import RunError
from fednids.report.page import Page
from fednids.runs.layout import STUDY
from fednids.runs.reader import MAJORITY, read_run, run_folders


def test_a_finished_run_has_everything(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", Made(world=True, attacked=True, failures={2: "late"}))
    run = read_run(folder)
    record = json.loads((folder / "result.json").read_text())
    assert run.finished
    assert run.detector is not None
    assert run.detector.all.to_json() == record["final"]
    assert list(run.baselines) == [MAJORITY]
    assert run.majority is not None
    assert run.majority.all.to_json() == record["majority"]
    assert [row.round for row in run.rounds] == [1, 2, 3, 4]
    assert run.rounds[0].virtual_seconds == 12.5
    assert run.rounds[0].outcomes == {"late": [3], "lost": [4]}
    assert run.rounds[1].failures[0].reason == "late"
    assert run.rounds[3].attack
    assert run.rounds[3].attack.malicious == [0]


def test_a_stopped_run_has_the_scores_of_its_last_round(tmp_path: Path) -> None:
    done = read_run(make_run(tmp_path / "done", Made()))
    cut = read_run(make_run(tmp_path / "cut", Made(finished=False)))
    assert not cut.finished
    assert done.detector is not None
    assert cut.detector is not None
    assert cut.detector.all.to_json() == done.detector.all.to_json()
    assert cut.detector.novel is None
    assert not cut.baselines


def test_a_run_stopped_before_its_first_round_is_one(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", Made(finished=False))
    (folder / "rounds.jsonl").unlink()
    (folder / "checkpoint" / "gateways.jsonl").unlink()
    run = read_run(folder)
    assert run.rounds == ()
    assert run.detector is None
    assert run.classes[0] == "Benign"


def test_the_runs_of_a_sweep_are_taken_stopped_ones_too(tmp_path: Path) -> None:
    (tmp_path / STUDY).write_text("")
    for name, finished in (("b", True), ("a", False)):
        make_run(tmp_path / "runs" / name, Made(finished=finished))
    (tmp_path / "runs" / "other").mkdir()
    found = [read_run(path) for path in run_folders([tmp_path, tmp_path / "runs" / "a"])]
    assert [run.name for run in found] == ["a", "b"]


def cut_result(folder: Path) -> None:
    text = (folder / "result.json").read_text()
    (folder / "result.json").write_text(text[: len(text) // 2])


def changed(**entries: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        record = json.loads((folder / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps({**record, **entries}))

    return change


DAMAGES: dict[str, Callable[[Path], object]] = {
    "no-settings": lambda folder: (folder / "config.toml").unlink(),
    "settings": lambda folder: (folder / "config.toml").write_text("[run]\nsed = 1\n"),
    "binary": lambda folder: (folder / "result.json").write_bytes(b"\xff\x00"),
    "cut": cut_result,
    "list": lambda folder: (folder / "result.json").write_text("[]"),
    "deep": lambda folder: (folder / "result.json").write_text("[" * 100_000),
    "kind": changed(kind="other"),
    "rounds": changed(rounds=[{"round": 1}]),
    "round": changed(rounds=[{"round": "x", "test": {}}]),
    "text-for-number": changed(rounds=[{"round": 1, "test": {"loss": "x"}}]),
    "final": changed(final={"confusion": [[1, 2]], "classes": ["a", "b"]}),
    "negative": changed(final={"confusion": [[-1, 2], [0, 0]], "classes": ["a", "b"]}),
    "classes": changed(final={"confusion": [[1, 2], [0, 0]], "classes": ["a", "a"]}),
    "rows": lambda folder: (folder / "gateways.parquet").write_bytes(b"PAR1 no"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_run_is_one_clear_line(damage: Callable[[Path], object], tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", Made())
    damage(folder)
    with pytest.raises(RunError, match=r"expected the folder of a (finished )?run, got") as caught:
        Page.of([read_run(folder)])
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 500
