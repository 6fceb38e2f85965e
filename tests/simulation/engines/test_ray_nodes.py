"""What a node of a cluster must have; no Ray here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fednids.config import Config
from fednids.simulation.engines.ray_nodes import (
    PACKAGES,
    Seen,
    absolute,
    fault,
    look,
    node_files,
)

GOOD = Seen(dict.fromkeys(PACKAGES, "1.0"), {"/data/flows.csv": "ab"}, True)


def test_a_node_like_the_driver_has_no_fault() -> None:
    assert fault("b (two)", GOOD, GOOD, "/run/memory") is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"versions": {**GOOD.versions, "flwr": "1.1"}}, ["flwr 1.0", "got 1.1"]),
        ({"versions": {**GOOD.versions, "fednids": ""}}, ["fednids 1.0", "got none"]),
        ({"sums": {"/data/flows.csv": ""}}, ["/data/flows.csv", "no such file"]),
        ({"sums": {"/data/flows.csv": "cd"}}, ["SHA-256 ab", "SHA-256 cd"]),
        ({"shares": False}, ["/run/memory", "--out"]),
    ],
)
def test_each_fault_is_one_line_that_names_the_node(
    changes: dict[str, object], words: list[str]
) -> None:
    told = fault("b (two)", replace(GOOD, **changes), GOOD, "/run/memory")  # type: ignore[arg-type]
    assert told is not None
    assert "\n" not in told
    assert all(word in told for word in ["b (two)", *words])


def test_files_are_told_apart_by_what_they_hold(tmp_path: Path) -> None:
    def sums(*paths: Path) -> list[str]:
        return list(look([str(path) for path in paths], "", "").sums.values())

    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "flows.csv").write_text(text)
    folders = [tmp_path / name for name in "abc"]
    one, same, other = sums(*(folder / "flows.csv" for folder in folders))
    assert one == same != other
    whole, twin, different = sums(*folders)
    assert whole == twin != different
    (tmp_path / "b" / "flows.csv").rename(tmp_path / "b" / "moved.csv")
    assert sums(tmp_path / "b") != [whole]
    assert sums(tmp_path / "none") == [""]


def test_a_shared_folder_is_found_by_the_drivers_file(tmp_path: Path) -> None:
    (tmp_path / "token").touch()
    assert look([], str(tmp_path), "token").shares
    assert [file.name for file in tmp_path.iterdir()] == ["token"]
    assert not look([], str(tmp_path), "another").shares
    assert not look([], str(tmp_path / "elsewhere"), "token").shares
    assert look([], "", "token").shares  # nobody remembers anything


def test_paths_are_written_in_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"data.path": "flows.csv", "partition.plan": "", "out": "/run", "run.seed": 3}
    found = absolute(given)
    assert found == {**given, "data.path": str(tmp_path / "flows.csv")}


def test_so_are_those_in_the_text_of_further_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    config = Config.resolve({"data.path": "flows.csv", "availability.trace": "trace.json"})
    found = absolute({"out": "run", "settings": config.to_json()})
    paths = [str(tmp_path / "flows.csv"), str(tmp_path / "trace.json")]
    assert sorted(node_files(found)) == paths
    assert found["out"] == str(tmp_path / "run")
    read = Config.of_run(found)
    assert [str(read.data.path), str(read.availability.trace)] == paths
