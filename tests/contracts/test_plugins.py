"""Plug-ins, in files outside the package, work with every command that takes settings."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fednids import extensions
from fednids.cli.main import run
from fednids.extensions import PARTITIONERS

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
PARTITIONER = next(
    block for block in re.findall(r"```python\n(.*?)```", PAGE, re.S) if "PARTITIONERS" in block
)
"""The worked example of the page."""

SMALL = [
    "data.flows=900", "data.window=2", "partition.gateways=3", "federation.rounds=1",
    "run.engine=inprocess", "model.preset=lite",
]  # fmt: skip


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "_loaded", [])
    monkeypatch.setattr(PARTITIONERS, "_plugged", {})
    monkeypatch.setattr(PARTITIONERS, "_found", {})
    monkeypatch.setenv("FEDNIDS_PLUGINS", "[]")


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    file = tmp_path / "mine.py"
    file.write_text(PARTITIONER)
    return file


def forget() -> None:
    """Be a process that has loaded nothing."""
    extensions._loaded.clear()
    PARTITIONERS._plugged.clear()
    PARTITIONERS._found.clear()
    extensions.os.environ["FEDNIDS_PLUGINS"] = "[]"


def test_a_partitioner_is_listed_with_its_settings(
    plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["config", "--plugin", str(plugin)]) == 0
    out = capsys.readouterr().out
    assert "partition.step" in out
    assert "in-turn: flows that a gateway gets in a row" in out


def test_a_file_of_settings_lists_plugins_beside_it(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[run]\nplugins = ["mine.py"]\n[partition]\nscheme = "in-turn"\nstep = 3\n')
    assert run(["config", "--config", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["partition.scheme"], told["partition.step"]) == ("in-turn", 3)
    assert "run.plugins" not in told
    file.write_text('[run]\nplugins = "mine.py"\n')
    assert run(["config", "--config", str(file)]) == 2
    assert "to be a list of Python files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "fault"),
    [("1/0", "ZeroDivisionError"), (PARTITIONER.replace(", minimum", ""), "a function of traffic")],
)
def test_one_that_is_wrong_is_one_line(
    text: str, fault: str, plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin.write_text(text)
    assert run(["config", "--plugin", str(plugin)]) == 2
    err = capsys.readouterr().err
    assert fault in err
    assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_a_partitioner_goes_through_all_commands(
    plugin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, out = ["--plugin", str(plugin)], tmp_path / "run"
    dealt = [*SMALL, "partition.scheme=in-turn", "partition.step=2"]
    for arm in ("simulate", "centralised", "local"):
        assert run([arm, *mine, "--out", str(tmp_path / arm), *dealt, "--quiet"]) == 0
    told = json.loads((tmp_path / "simulate" / "result.json").read_text())
    sha256 = hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert told["plugins"] == [{"file": "mine.py", "sha256": sha256}]
    assert told["partition"]["scheme"] == "in-turn"
    out = tmp_path / "simulate"
    page = ["--html", str(tmp_path / "page.html")]
    forget()
    capsys.readouterr()
    assert run(["report", str(out), *page]) == 2
    assert f"give --plugin with mine.py (sha256 {sha256})" in capsys.readouterr().err
    assert run(["report", str(out), *page, *mine]) == 0
    flows = str(tmp_path / "flows.csv")
    assert run(["data", "synthesise", flows, "--flows", "300"]) == 0
    assert run(["evaluate", "--model", str(out), "--data", flows, *mine]) == 0
    assert run(["resume", str(out), "--rounds", "2", *mine]) == 0
    other = tmp_path / "other" / "mine.py"
    other.parent.mkdir()
    other.write_text(PARTITIONER + "\n")
    forget()
    capsys.readouterr()
    assert run(["report", str(out), *page, "--force", "--plugin", str(other)]) == 2
    assert f"was made with, mine.py (sha256 {sha256}), got mine.py" in capsys.readouterr().err


ALGORITHM = """
from dataclasses import replace

from pydantic import Field

from fednids.algorithms import Algorithm
from fednids.config import Section
from fednids.extensions import ALGORITHMS


@ALGORITHMS.register("halfway")
class Halfway(Algorithm):
    class Settings(Section):
        pace: float = Field(0.5, gt=0, description="share of the way that is gone")

    def train(self, client, weights, received):
        update = client.fit(weights).update
        return replace(update, weights=weights + self.settings.pace * (update.weights - weights))
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["processes", "ray"])
def test_the_workers_of_an_engine_have_the_plugin_too(engine: str, tmp_path: Path) -> None:
    if engine == "ray":
        pytest.importorskip("ray")
    file, names = tmp_path / "halfway.py", ("inprocess", engine)
    file.write_text(ALGORITHM)
    for name in names:
        command = [sys.executable, "-m", "fednids", "simulate", "--plugin", str(file), *SMALL]
        command += ["strategy.name=halfway", f"run.engine={name}", "run.workers=2", "--quiet"]
        subprocess.run([*command, "--out", str(tmp_path / name)], check=True)
    alone, shared = ((tmp_path / name / "model.safetensors").read_bytes() for name in names)
    assert alone == shared


@pytest.mark.slow
def test_a_sweep_runs_cells_of_a_plugin_in_other_processes(plugin: Path, tmp_path: Path) -> None:
    study = tmp_path / "study.toml"
    study.write_text(
        'title = "in turn"\narms = ["local"]\nseeds = [1, 2]\n[settings]\n'
        "data.flows = 900\ndata.window = 2\npartition.gateways = 3\nfederation.rounds = 1\n"
        'model.preset = "lite"\npartition.step = 2\n'
        '[grid]\npartition.scheme = ["iid", "in-turn"]\n'
    )
    out = tmp_path / "study"
    assert run(["sweep", str(study), "--out", str(out), "--plugin", str(plugin)]) == 0
    assert len(list(out.glob("runs/*/result.json"))) == 4
