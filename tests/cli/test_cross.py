"""`fednids cross` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from runs_factory import SMALL

from fednids.cli.main import run

SETTINGS = [
    *(f"{name}={value}" for name, value in SMALL.items() if name != "federation.rounds"),
    "federation.rounds=1", "partition.scheme=pathological", "run.engine=inprocess",
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for command in ("simulate", "local"):
        assert run([command, "--out", str(folder / command), "--quiet", *SETTINGS]) == 0
    return folder


@pytest.mark.slow
def test_it_says_who_gains_and_writes_its_folder(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m"
    arguments = ["cross", str(runs / "simulate"), str(runs / "local"), "--out", str(out)]
    assert run(arguments) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    for word in ("federated, one for all", "own, at home", "at the others", "own recall",
                 "synthetic", "4 detectors"):  # fmt: skip
        assert word in shown.out
    assert {path.name for path in out.iterdir()} == {"cross.json", "cross.npz", "cross.png"}
    assert run([*arguments, "--force", "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == json.loads((out / "cross.json").read_text())


def test_a_mistake_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("")
    for arguments, words in (
        ([str(tmp_path / "no")], "finished run"),
        ([str(tmp_path / "no"), "--out", str(tmp_path / "thesis"), "--force"], "something else"),
        ([], "RUN"),
    ):
        assert run(["cross", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert len(captured.err.strip().splitlines()) == 1
        assert words in captured.err
