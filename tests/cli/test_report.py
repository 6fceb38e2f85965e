"""`fednids report` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.made_run import Made, make_run
from fednids.cli.main import run


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fednids.report.writing.library", lambda: "/* library */")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", Made())


def test_a_page_is_written_and_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "run.html"
    assert run(["report", str(folder), "--html", str(page)]) == 0
    assert "written to" in capsys.readouterr().out
    assert page.read_text().lstrip().startswith("<!DOCTYPE html>")
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_a_file_is_overwritten_only_when_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "run.html"
    page.write_text("mine")
    assert run(["report", str(folder), "--html", str(page)]) == 2
    assert "--force" in capsys.readouterr().err
    assert page.read_text() == "mine"
    assert run(["report", str(folder), "--html", str(page), "--force", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == {"html": str(page), "bytes": page.stat().st_size}


def test_a_page_that_fails_leaves_the_old_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "run.html"
    page.write_text("mine")

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fednids.report.writing.write_atomically", full)
    assert run(["report", str(folder), "--html", str(page), "--force"]) == 2
    assert page.read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no-such-run", "--html", "x.html"], "no-such-run"),
        ([".", "--html", "x.html"], "expected the folder of a run"),
        (["run", "--html", "nowhere/x.html"], "make nowhere first"),
        (["run", "--html", "run"], "got the folder run"),
        (["run"], "--html"),
        (["--html", "x.html"], "DIR"),
        (["run", "other", "--html", "x.html"], "other"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    arguments: list[str],
    words: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["report", *arguments]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert captured.out == ""
    assert words in line
    assert [each.name for each in tmp_path.iterdir()] == ["run"]


def test_missing_packages_are_named(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("fednids.cli.report._NEEDED", ("jinja2", "no_such_package"))
    assert run(["report", str(folder), "--html", str(tmp_path / "x.html")]) == 2
    assert "fednids[report]" in capsys.readouterr().err
