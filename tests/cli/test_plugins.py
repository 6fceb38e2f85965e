"""``--plugin`` and ``run.plugins``: loaded before settings are looked at, from here alone."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_files import forget_plugins

from fednids.cli.main import run as fednids
from fednids.extensions import loaded_plugins

ALGORITHM = """
from pydantic import Field

from fednids.algorithms import Algorithm
from fednids.config import Section
from fednids.extensions import ALGORITHMS


@ALGORITHMS.register("calm")
class Calm(Algorithm):
    class Settings(Section):
        pace: float = Field(0.5, gt=0, description="how fast it goes")
"""


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with forget_plugins(monkeypatch):
        yield


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "calm.py"
    path.write_text(ALGORITHM)
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert fednids(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said
    return said


def test_an_algorithm_of_a_file_has_its_settings(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["strategy.name=calm", "strategy.pace=2"]
    assert "give --plugin FILE" in refused(capsys, "config", *wanted)
    assert fednids(["config", *wanted, "--json", "--plugin", str(plugin)]) == 0
    assert json.loads(capsys.readouterr().out)["strategy.pace"] == 2.0


def test_a_settings_file_names_plugins_beside_itself(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[run]\nplugins = ["calm.py"]\nseed = 4\n[strategy]\nname = "calm"\n')
    assert fednids(["config", "--config", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["strategy.name"], found["run.seed"]) == ("calm", 4)
    assert "run.plugins" not in found
    assert [each.path for each in loaded_plugins()] == [plugin]


@pytest.mark.parametrize("value", ['"calm.py"', "[3]"])
def test_a_settings_file_names_them_as_a_list(
    value: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f"[run]\nplugins = {value}\n")
    assert 'plugins = ["mine.py"]' in refused(capsys, "config", "--config", str(file))


def test_it_is_no_setting(plugin: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "config", f"run.plugins={plugin}")
    assert "expected a known setting, got 'run.plugins'" in said
    assert loaded_plugins() == ()


def test_what_is_wrong_with_a_file_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.py"
    assert "check the path" in refused(capsys, "config", "--plugin", str(bad))
    bad.write_text("1 / 0\n")
    assert "ZeroDivisionError" in refused(capsys, "config", "--plugin", str(bad))


SMALL = (
    "data.flows=300", "data.window=2", "partition.gateways=2", "federation.rounds=2",
    "model.network=mlp", "model.hidden=4", "run.engine=inprocess", "strategy.name=calm",
)  # fmt: skip


def test_a_run_asks_for_what_it_was_made_with_and_refuses_another(
    plugin: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run, sha256 = str(tmp_path / "run"), hashlib.sha256(plugin.read_bytes()).hexdigest()
    with forget_plugins(monkeypatch):
        made = ["simulate", "--out", run, *SMALL, "--quiet", "--plugin", str(plugin)]
        assert fednids(made) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["plugins"] == [{"file": "calm.py", "sha256": sha256}]
    capsys.readouterr()
    for arguments in (
        ("resume", run, "--rounds", "3"),
        ("report", run, "--html", str(tmp_path / "run.html")),
        ("evaluate", "--model", run, "--data", str(tmp_path / "none.csv")),
        ("compare", run, str(shutil.copytree(run, tmp_path / "twin", dirs_exist_ok=True))),
        ("cross", run),
    ):
        said = refused(capsys, *arguments)
        assert "the algorithm 'calm'" in said
        assert f"give --plugin with calm.py (sha256 {sha256})" in said
    assert loaded_plugins() == ()
    other = tmp_path / "other" / "calm.py"
    other.parent.mkdir()
    other.write_text(plugin.read_text() + "\n")
    with forget_plugins(monkeypatch):
        said = refused(capsys, "resume", run, "--rounds", "3", "--plugin", str(other))
    assert f"was made with, calm.py (sha256 {sha256}), got calm.py with sha256" in said
    with forget_plugins(monkeypatch):
        more = ["resume", run, "--rounds", "3", "--quiet", "--plugin", str(plugin)]
        assert fednids(more) == 0
        assert fednids(["report", run, "--html", str(tmp_path / "run.html"), "--quiet"]) == 0
