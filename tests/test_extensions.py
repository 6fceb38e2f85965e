"""Registries and plug-ins: what comes from outside is found, or refused in one line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field

from fednids import extensions
from fednids.config import OpenSection, Section
from fednids.errors import ConfigError
from fednids.extensions import Registry, load_plugins, loaded_plugins

BUILTIN = {"plain": "collections:OrderedDict", "gone": "fednids.nowhere:Nothing"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extensions, "_loaded", [])
    monkeypatch.setenv("FEDNIDS_PLUGINS", "[]")


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> Registry[Any]:
    registry: Registry[Any] = Registry(
        "toy", "toy.name", BUILTIN, lambda member: None if callable(member) else "expected a toy"
    )
    monkeypatch.setattr(extensions, "TOYS", registry, raising=False)
    return registry


def plugin(folder: Path, body: str) -> Path:
    file = folder / "toys.py"
    file.write_text(f"from fednids.extensions import TOYS\n{body}\n")
    return file


class TestRegistry:
    def test_members_are_imported_when_they_are_looked_up(self, toys: Registry[Any]) -> None:
        assert toys.names() == ("plain", "gone")
        assert toys.find("plain") is __import__("collections").OrderedDict
        with pytest.raises(ImportError):
            toys.find("gone")

    def test_distributions_are_found_on_the_path_of_this_moment(
        self, toys: Registry[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "boxed" not in toys.names()
        info = tmp_path / "mine-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[fednids.toys]\nboxed = collections:Counter\n")
        with monkeypatch.context() as patch:
            patch.syspath_prepend(str(tmp_path))
            assert toys.names() == ("plain", "gone", "boxed")
            assert toys.find("boxed") is __import__("collections").Counter
        assert "boxed" not in toys.names()

    def test_an_unknown_name_names_all_and_the_nearest(self, toys: Registry[Any]) -> None:
        with pytest.raises(
            ConfigError, match="one of plain, gone, got 'plane'; did you mean plain"
        ):
            toys.find("plane")

    def test_names_are_taken_once_but_a_notebook_cell_may_run_again(
        self, toys: Registry[Any]
    ) -> None:
        toys.register("mine")(list)
        toys.register("mine")(dict)
        assert toys.find("mine") is dict
        with pytest.raises(ConfigError, match="a new name for the toy 'plain'"):
            toys.register("plain")(list)


class TestPlugins:
    def test_are_loaded_once_and_known_by_digest(self, toys: Registry[Any], tmp_path: Path) -> None:
        file = plugin(tmp_path, "TOYS.register('mine')(list)")
        load_plugins([file, file])
        assert [each.path for each in loaded_plugins()] == [file.resolve()]
        found = toys.plugin("mine")
        assert found is not None
        assert len(found.sha256) == 64
        assert toys.plugin("plain") is None
        assert json.loads(os.environ["FEDNIDS_PLUGINS"])[0][0] == str(file.resolve())

    @pytest.mark.parametrize(
        ("body", "fault"),
        [
            ("1/0", "ZeroDivisionError"),
            ("def", "SyntaxError"),
            ("raise SystemExit(3)", "SystemExit"),
            ("import nowhere_at_all", "ModuleNotFoundError"),
            ("TOYS.register('mine')(3)", "expected a toy"),
            ("TOYS.register('plain')(list)", "taken"),
        ],
    )
    def test_that_fail_are_one_line(
        self, toys: Registry[Any], tmp_path: Path, body: str, fault: str
    ) -> None:
        with pytest.raises(ConfigError, match=fault) as caught:
            load_plugins([plugin(tmp_path, body)])
        assert len(str(caught.value).splitlines()) == 1
        assert loaded_plugins() == ()

    def test_a_file_that_is_not_there_is_one_line(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="check the path"):
            load_plugins([tmp_path / "none.py"])

    def test_a_child_process_loads_them_and_refuses_a_file_that_has_changed(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "algo.py"
        file.write_text("from fednids.extensions import SINKS\nSINKS.register('mine')(print)\n")
        load_plugins([file])
        code = "from fednids.extensions import SINKS; print(SINKS.find('mine'))"
        run = [sys.executable, "-c", code]
        done = subprocess.run(run, capture_output=True, text=True, check=True)
        assert "print" in done.stdout
        file.write_text(file.read_text() + "\n")
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert "as it was when the run began" in done.stderr


class Own(Section):
    speed: float = Field(0.5, gt=0, description="of the toy")


class Fast:
    Settings = Own


class TestOpenSections:
    @pytest.fixture
    def section(self, toys: Registry[Any]) -> type[OpenSection]:
        toys.register("fast")(Fast)
        del toys._builtin["gone"]

        class Toys(OpenSection):
            registry: ClassVar[Registry[Any]] = toys
            title: ClassVar[str] = "toy"
            choice: ClassVar[str] = "name"
            name: str = "plain"

        return Toys

    def test_the_members_own_settings_stand_beside_its_name(
        self, section: type[OpenSection]
    ) -> None:
        found = section.read({"name": "fast", "speed": "0.25"})
        assert found.settings == Own(speed=0.25)
        assert section.read({"name": "fast"}).settings == Own()
        assert section.read({}).settings == Section()
        assert hash(found) != hash(section.read({}))

    @pytest.mark.parametrize(
        ("values", "fault"),
        [
            ({"name": "fast", "sped": 1}, "did you mean toy.speed?"),
            ({"speed": 1}, "it belongs to fast"),
            ({"name": "fast", "speed": 0}, "setting toy.speed should be greater than 0, got 0"),
            ({"name": "slow"}, "expected toy.name to be one of plain"),
        ],
    )
    def test_faults_are_one_line(
        self, section: type[OpenSection], values: dict[str, object], fault: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            section.read(values)
        assert fault in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
