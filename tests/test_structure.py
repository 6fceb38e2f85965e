"""Rules of the house that a tool can check."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import fednids
from fednids.config import KEYS

ROOT = Path(__file__).parents[1]
PACKAGES = ("fednids", "clients", "server", "partitions")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


@pytest.mark.parametrize("name", ["partitions", "fednids.metrics", "fednids.simulation.engines"])
def test_public_names_are_said_and_sorted(name: str) -> None:
    module = importlib.import_module(name)
    assert all(hasattr(module, public) for public in module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)


def test_layers_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("partitions", ("mindspore", "flwr", "pandas", "pyarrow")),
        ("fednids.metrics", ("mindspore", "flwr", "pandas")),
        ("fednids.flows.source", ("mindspore", "flwr")),
        ("server.app", ("mindspore",)),
        ("fednids.cli", ("mindspore", "flwr")),
    ],
)
def test_light_modules_import_nothing_heavy(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(heavy) & set(json.loads(done.stdout))


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = next(
        line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")
    )
    assert project["version"] == fednids.__version__ == newest.split()[1]


def test_the_architecture_page_names_every_module_of_the_top_level() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    modules = {path.stem if path.suffix else path.name for path in (ROOT / "fednids").iterdir()}
    for name in modules - {"__init__", "__main__", "__pycache__", "py"}:
        assert name in page, name


def test_every_setting_is_read_somewhere() -> None:
    others = "\n".join(path.read_text() for path in SOURCES if path.name != "config.py")
    for name in KEYS:
        key = name.partition(".")[2]
        assert f".{key}" in others or f'"{key}"' in others or f"{key}: " in others, name


def test_constraints_pin_every_version_and_name_no_address() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in pins)
    names = {line.partition("==")[0].lower().replace("_", "-") for line in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    for requirement in wanted:
        name = requirement.split("=")[0].split(">")[0].split("<")[0].split("[")[0]
        assert name.lower() in names, name
