"""Plug-ins in a deployment: compared by their digests, never loaded because the run names them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from flwr.app import Context, RecordDict
from plugin_files import forget_plugins

from clients.local_data import local_data
from fednids.config import Config
from fednids.deploy.app import write_settings
from fednids.errors import FederationError
from fednids.extensions import load_plugins, loaded_plugins
from fednids.runs.plugins import check_same_plugins

CALM = """
from fednids.algorithms.fedavg import FedAvg
from fednids.extensions import ALGORITHMS


@ALGORITHMS.register("calm")
class Calm(FedAvg):
    pass
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "server" / "calm.py"
    path.parent.mkdir()
    path.write_text(CALM)
    return path


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with forget_plugins(monkeypatch):
        yield


@pytest.fixture
def run_config(plugin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return what `fednids deploy run --plugin calm.py` sends."""
    with forget_plugins(monkeypatch):
        load_plugins([plugin])
        config = Config.resolve({"strategy.name": "calm", "deploy.gateways": "a,b"})
        file = write_settings(tmp_path / "settings.toml", config, tmp_path / "run")
    return tomllib.loads(file.read_text())


def refusal(run_config: dict[str, str]) -> str:
    node: dict[str, bool | float | int | str] = {"gateway": "b", "data": "b.csv"}
    with pytest.raises(FederationError) as caught:
        local_data(Context(1, 2, node, RecordDict(), {**run_config}))
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("gateway b: expected the plug-ins that the run was started with")
    assert "`--plugin FILE`" in message
    return message


def test_the_run_carries_name_and_digest_alone(run_config: dict[str, str], plugin: Path) -> None:
    digest = hashlib.sha256(plugin.read_bytes()).hexdigest()
    assert json.loads(run_config["plugins"]) == [{"file": "calm.py", "sha256": digest}]


def test_a_plugin_that_the_run_does_not_use_is_not_compared(plugin: Path, tmp_path: Path) -> None:
    load_plugins([plugin])
    file = write_settings(tmp_path / "s.toml", Config.resolve({}), tmp_path / "run")
    assert tomllib.loads(file.read_text())["plugins"] == "[]"


def test_a_file_of_the_same_content_is_accepted(run_config: dict[str, str], tmp_path: Path) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(CALM)
    load_plugins([mine])
    check_same_plugins(run_config)
    assert Config.of_run(run_config).strategy.name == "calm"


def test_a_gateway_without_it_refuses_and_loads_nothing(
    run_config: dict[str, str], plugin: Path
) -> None:
    message = refusal(run_config)
    assert (
        f"calm.py (sha256 {hashlib.sha256(plugin.read_bytes()).hexdigest()}), got none" in message
    )
    assert loaded_plugins() == ()


def test_a_gateway_with_other_content_refuses(run_config: dict[str, str], tmp_path: Path) -> None:
    mine = tmp_path / "calm.py"
    mine.write_text(CALM + "\n# changed\n")
    load_plugins([mine])
    digest = hashlib.sha256(mine.read_bytes()).hexdigest()
    assert f"got calm.py (sha256 {digest})" in refusal(run_config)


def test_a_gateway_with_a_plugin_in_place_of_a_distribution_refuses(
    run_config: dict[str, str], plugin: Path
) -> None:
    load_plugins([plugin])
    assert "started with, none, got calm.py" in refusal({**run_config, "plugins": "[]"})


def test_garbage_is_one_line(run_config: dict[str, str]) -> None:
    with pytest.raises(FederationError, match="as JSON"):
        check_same_plugins({**run_config, "plugins": '[{"file": 3}]'})
