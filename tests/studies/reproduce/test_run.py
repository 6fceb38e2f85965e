"""Rows become steps, steps become a table; the whole thing once, small."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from reproduction_factory import filled, measured

from fednids.cli.main import run as fednids
from fednids.errors import InterruptedRunError
from fednids.studies.engine import Step, StepEnd
from fednids.studies.reproduce import run
from fednids.studies.reproduce.folder import Plan, ReproductionFolder
from fednids.studies.reproduce.rows import LEAKING, PARTS, ROWS

SMALL = Plan(flows=800, seeds=(1, 2))


class Pool:
    """Runs nothing: keeps a made row for each that is asked for, until one fails."""

    def __init__(self, folder: Path, fails: str = ""):
        self.folder, self.fails, self.asked = ReproductionFolder(folder), fails, list[str]()

    def __call__(self, steps: Sequence[Step], processors: Sequence[int]) -> Iterator[StepEnd]:
        for step in steps:
            _, _, *labels = step.command()
            self.asked += labels
            for label in labels:
                if label == self.fails:
                    yield StepEnd(step, 1.0, "it fell")
                    break
                name, _, seed = label.rpartition("@")
                self.folder.keep(name, int(seed), measured(0.5))
            else:
                yield StepEnd(step, 1.0)


def test_every_row_is_run_with_every_seed_and_kept_ones_are_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    pool = Pool(out, fails=f"{LEAKING}@2")
    monkeypatch.setattr(run, "run_steps", pool)
    table = run.reproduce(SMALL, out)
    assert sorted(pool.asked) == sorted(f"{name}@{seed}" for name in ROWS for seed in (1, 2))
    assert [(each.name, each.reason) for each in table.failures] == [(f"{LEAKING}@2", "it fell")]
    assert list(table.rows) == list(ROWS)
    again = Pool(out)
    monkeypatch.setattr(run, "run_steps", again)
    assert not run.reproduce(SMALL, out).failures
    assert again.asked == [f"{LEAKING}@2"]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_alone_is_its_rows_alone(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(tmp_path / "out")
    monkeypatch.setattr(run, "run_steps", pool)
    run.reproduce(SMALL, tmp_path / "out", parts=[part])
    assert {ROWS[label.partition("@")[0]].part for label in pool.asked} == {part}


def test_quick_rows_share_as_many_processes_as_there_are_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Sequence[Step]] = []

    def take(steps: Sequence[Step], processors: Sequence[int]) -> Iterator[StepEnd]:
        seen.append(steps)
        yield from ()

    monkeypatch.setattr(run, "run_steps", take)
    monkeypatch.setattr(run, "processors", lambda workers: (0, 1))
    run.reproduce(Plan(quick=True, seeds=(1,)), tmp_path / "out")
    (steps,) = seen
    assert len(steps) == 2
    assert steps[0].seconds == pytest.approx(steps[1].seconds, rel=0.2)


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(steps: Sequence[Step], processors: Sequence[int]) -> Iterator[StepEnd]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(run, "run_steps", stop)
    with pytest.raises(InterruptedRunError, match="the same command goes on"):
        run.reproduce(SMALL, tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "1,x"], "--seeds as numbers"),
        (["--parts", "honest,dishonest"], "--parts among"),
        (["--data", "/nowhere.csv"], "/nowhere.csv"),
        (["--workers", "999"], "--workers from 1"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fednids(["reproduce", "--out", str(tmp_path / "out"), *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert words in said
    assert "\n" not in said
    assert not (tmp_path / "out").exists()


def test_rows_run_alone_in_a_folder_that_is_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    filled(out, {"five-lite": [0.5]}, quick=True)
    labels = ["five-majority@1", "five-logistic@1"]
    assert fednids(["reproduce-rows", str(out), *labels]) == 0
    kept = [ReproductionFolder(out).kept(label[:-2], 1) for label in labels]
    majority, logistic = (found.all.macro_f1 for found in kept if found)
    assert majority < logistic
    first = kept[0]
    assert first is not None
    assert first.all == first.majority


@pytest.mark.parametrize("label", ["five-lite", "five-lite@x", "nothing@1", "@1"])
def test_a_row_that_there_is_not_is_refused(
    label: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fednids(["reproduce-rows", str(tmp_path), label]) == 2
    assert "expected ROW@SEED" in capsys.readouterr().err


@pytest.mark.slow
def test_quick_runs_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert fednids(["reproduce", "--quick", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["rows"]] == list(ROWS)
    assert not found["failures"]
    for row in found["rows"]:
        (measured,) = row["seeds"].values()
        assert 0 <= measured["all"]["accuracy"] <= 1
        assert measured["synthetic"]
        if row["part"] == "federation":
            assert 0 <= measured["worst_recall"] <= 1
    assert (out / "index.html").is_file()
