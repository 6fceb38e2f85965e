"""Runs that are no arm, several runs in one process, and how that process ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from runs_factory import small_config

from fednids.studies import child
from fednids.studies.child import carry_out_run
from fednids.studies.engine import FITTED, FittedRecord
from fednids.studies.published import LEAKING


def fitted(kind: str, out: Path, **settings: object) -> FittedRecord:
    carry_out_run(kind, small_config(**settings), out)
    return FittedRecord.model_validate_json((out / FITTED).read_bytes())


def test_simpler_detectors_leave_what_they_came_to(tmp_path: Path) -> None:
    majority = fitted("majority", tmp_path / "majority")
    logistic = fitted("logistic", tmp_path / "logistic")
    assert (majority.final.macro_f1 or 0) < (logistic.final.macro_f1 or 0)
    assert majority.final == majority.majority
    assert logistic.final_novel is not None
    assert logistic.final_novel.classes == logistic.final.classes
    assert logistic.synthetic
    assert logistic.test_flows < logistic.flows
    assert logistic.parameters > 0


@pytest.mark.slow
def test_the_published_protocol_leaves_its_losses(tmp_path: Path) -> None:
    found = fitted(LEAKING, tmp_path / "run", federation__rounds=2)
    assert len(found.losses) == 2
    assert list(found.final.classes) == ["Benign", "Attack"]
    assert found.final_novel is None
    assert found.seconds > 0


def test_what_was_cut_short_is_cleared_away(tmp_path: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / "half.txt").write_text("x")
    fitted("majority", out)
    assert [each.name for each in out.iterdir()] == [FITTED]


def begin(
    monkeypatch: pytest.MonkeyPatch, folder: Path, settings: dict[str, str], *which: str
) -> int:
    (folder / "settings").mkdir(parents=True)
    for name, text in settings.items():
        (folder / "settings" / f"{name}.toml").write_text(text)
    monkeypatch.setattr(sys, "argv", ["child", str(folder), *which])
    monkeypatch.setattr(child.signal, "signal", lambda *_: None)
    return child.main()


def test_a_run_that_fails_stops_no_other_of_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"bad": "[data]\npath = 'no.csv'\n", "good": small_config().to_toml()}
    code = begin(monkeypatch, tmp_path, given, "majority", "bad", "majority", "good")
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "no.csv" in line
    assert (tmp_path / "runs" / "good" / FITTED).is_file()


def test_a_stop_ends_with_130_and_begins_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = []

    def stop(kind: str, *_: object) -> None:
        begun.append(kind)
        raise KeyboardInterrupt

    monkeypatch.setattr(child, "carry_out_run", stop)
    given = dict.fromkeys(("a", "b"), small_config().to_toml())
    assert begin(monkeypatch, tmp_path, given, "majority", "a", "trees", "b") == 130
    assert begun == ["majority"]
    assert capsys.readouterr().err == "error: stopped\n"
