"""The cache: each entry made once, whole or not there, and read-only."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flow_factory import random_table
from numpy.typing import NDArray

from fednids.errors import DataError, SetupError
from fednids.flows import cache
from fednids.flows.cache import cache_folder, cached
from fednids.flows.prepared import PreparedFlows, prepare_table

ROOT = Path(__file__).resolve().parents[2]
FLOWS = prepare_table(
    random_table(np.random.default_rng(1), 400), "v1", path="flows.csv", sha256="ab" * 32
)
ARRAYS = ("raw", "vectors", "vector", "attack", "source", "destination")

PRELUDE = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from flow_factory import random_table
from fednids.flows import cache
from fednids.flows.prepared import prepare_table

folder = Path(os.environ["FEDNIDS_CACHE"])

def make():
    table = random_table(np.random.default_rng(1), 400)
    return prepare_table(table, "v1", path="flows.csv", sha256="ab" * 32)
"""

RACE = """
def make_slowly():
    with (folder.parent / "made").open("a") as marker:
        marker.write("made\\n")
    while len(list(folder.parent.glob("ready.*"))) < 2:
        time.sleep(0.01)
    time.sleep(0.3)
    return make()

(folder.parent / f"ready.{os.getpid()}").touch()
flows = cache.cached("race", make_slowly)
names = ("raw", "vectors", "vector", "attack", "source", "destination")
np.savez(folder.parent / f"{sys.argv[1]}.npz", **{name: getattr(flows, name) for name in names})
"""

KILLED = """
save, written = np.save, []

def save_and_die(file, array):
    save(file, array)
    written.append(file)
    if len(written) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

cache.np.save = save_and_die
cache.cached("killed", make)
"""


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The cache folder of one test; not there yet."""
    monkeypatch.setenv("FEDNIDS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def start(script: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a process of its own over the same cache."""
    code = textwrap.dedent(PRELUDE + script)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env={**os.environ, "PYTHONPATH": paths}
    )


def entries() -> list[Path]:
    """Give the entries that readers can see."""
    places = sorted(cache_folder().glob("*")) if cache_folder().exists() else []
    return [place for place in places if place.is_dir() and not place.name.startswith(".")]


def never() -> PreparedFlows:
    raise AssertionError("made although the entry is there")


def assert_same(left: PreparedFlows, right: PreparedFlows) -> None:
    assert left.origin == right.origin
    assert left.features == right.features
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), strict=True)


class TestEntry:
    def test_is_what_was_made_and_is_made_once(self) -> None:
        assert_same(cached("one", lambda: FLOWS), FLOWS)
        assert_same(cached("one", never), FLOWS)
        assert len(entries()) == 1

    def test_columns_are_mapped_and_read_only(self) -> None:
        flows = cached("one", lambda: FLOWS)
        for name in ARRAYS:
            column = getattr(flows, name)
            assert isinstance(column, np.memmap), name
            assert not column.flags.writeable, name
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 0

    def test_nothing_else_is_left_beside_it(self, folder: Path) -> None:
        cached("one", lambda: FLOWS)
        assert [path.name for path in folder.iterdir() if path.suffix != ".lock"] == [
            entries()[0].name
        ]

    def test_another_recipe_is_another_entry(self) -> None:
        fewer = FLOWS.take(np.arange(10))
        assert_same(cached("one", lambda: FLOWS), FLOWS)
        assert_same(cached("two", lambda: fewer), fewer)
        assert_same(cached("one", never), FLOWS)
        assert len(entries()) == 2

    @pytest.mark.parametrize(
        "name",
        ["encoders.py", "values.py", "spec.py", "nf_bot_iot_v1.json", "seeding.py"],
    )
    def test_changed_code_or_figures_are_another_entry(
        self, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        cached("one", lambda: FLOWS)
        read = Path.read_bytes
        monkeypatch.setattr(
            Path, "read_bytes", lambda path: read(path) + b"#" * (path.name == name)
        )
        other = FLOWS.take(np.arange(7))
        assert_same(cached("one", lambda: other), other)

    def test_the_users_folder_without_the_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FEDNIDS_CACHE")
        assert cache_folder().name == "fednids"


class TestDamage:
    @pytest.mark.parametrize(
        "name", ["digests.json", "meta.json", *(f"{name}.npy" for name in ARRAYS)]
    )
    @pytest.mark.parametrize(
        "damage",
        [
            lambda data: b"",
            lambda data: data[: len(data) // 2],
            lambda data: data[:-1],
            lambda data: b"PK\x03\x04" + data[4:],
            lambda data: data[:8] + b"\x05\x00" + data[10:],
            lambda data: b"[]",
            lambda data: None,
        ],
        ids=["emptied", "halved", "last byte", "zip", "header cut", "junk", "missing"],
    )
    def test_a_damaged_entry_is_made_again(self, name: str, damage: object) -> None:
        cached("one", lambda: FLOWS)
        file = entries()[0] / name
        left = damage(file.read_bytes())  # type: ignore[operator]
        file.unlink()
        if left is not None:
            file.write_bytes(left)
        calls: list[int] = []
        assert_same(cached("one", lambda: calls.append(1) or FLOWS), FLOWS)  # type: ignore[func-returns-value]
        assert calls == [1]
        assert_same(cached("one", never), FLOWS)

    def test_any_flipped_bit_is_noticed_said_and_mended(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Labels and indices too, where every value is still one that could be."""
        cached("one", lambda: FLOWS)
        rng = np.random.default_rng(1)
        for name in sorted(path.name for path in entries()[0].iterdir()):
            file = entries()[0] / name
            damaged = bytearray(file.read_bytes())
            damaged[-int(rng.integers(1, len(damaged) // 2))] ^= 1 << int(rng.integers(8))
            file.write_bytes(damaged)
            caplog.clear()
            assert_same(cached("one", lambda: FLOWS), FLOWS)
            assert "are damaged; they are made again" in caplog.text
            assert_same(cached("one", never), FLOWS)

    def test_columns_of_unequal_lengths_are_damage(self) -> None:
        cached("one", lambda: FLOWS)
        np.save(entries()[0] / "attack.npy", FLOWS.attack[:-1])
        assert_same(cached("one", lambda: FLOWS), FLOWS)

    def test_any_broken_byte_of_a_header_is_no_traceback(self) -> None:
        cached("one", lambda: FLOWS)
        file = entries()[0] / "vector.npy"
        good = file.read_bytes()
        for place in range(128):
            file.write_bytes(good[:place] + b"\xff" + good[place + 1 :])
            found = cache._load(entries()[0])
            assert found is None or isinstance(found, PreparedFlows)

    def test_an_entry_that_never_reads_back_is_one_clear_line(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cache, "_load", lambda entry: None)
        with pytest.raises(SetupError, match="check the disk"):
            cached("one", lambda: FLOWS)


class TestFaults:
    def test_a_failing_maker_leaves_nothing(self) -> None:
        def refuse() -> PreparedFlows:
            raise DataError("expected flows, got none; give some")

        with pytest.raises(DataError, match="expected flows"):
            cached("one", refuse)
        assert entries() == []
        assert_same(cached("one", lambda: FLOWS), FLOWS)

    @pytest.mark.parametrize("below", ["", "deeper"])
    def test_a_folder_that_cannot_be_is_one_clear_line(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, below: str
    ) -> None:
        (tmp_path / "file").write_text("in the way")
        monkeypatch.setenv("FEDNIDS_CACHE", str(tmp_path / "file" / below))
        with pytest.raises(SetupError, match="set FEDNIDS_CACHE to another folder") as caught:
            cached("one", lambda: FLOWS)
        assert str(tmp_path / "file") in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_without_permission_is_one_clear_line(self, folder: Path) -> None:
        folder.mkdir(mode=0o500)
        with pytest.raises(SetupError, match="Permission denied"):
            cached("one", lambda: FLOWS)

    def test_a_full_disk_is_one_clear_line_and_leaves_nothing(
        self, monkeypatch: pytest.MonkeyPatch, folder: Path
    ) -> None:
        def full(file: Path, array: NDArray[Any]) -> None:
            raise OSError("3200 requested and 0 written")

        monkeypatch.setattr(np, "save", full)
        with pytest.raises(SetupError, match="got 3200 requested and 0 written; make room"):
            cached("one", lambda: FLOWS)
        assert [path for path in folder.iterdir() if path.is_dir()] == []


class TestProcesses:
    def test_two_at_once_make_the_entry_once(self, tmp_path: Path) -> None:
        started = [start(RACE, name) for name in ("left", "right")]
        assert [process.wait(60) for process in started] == [0, 0]
        assert (tmp_path / "made").read_text() == "made\n"
        for name in ("left", "right"):
            with np.load(tmp_path / f"{name}.npz") as columns:
                found = replace(FLOWS, **{key: columns[key] for key in ARRAYS})
            assert_same(found, FLOWS)
        assert len(entries()) == 1

    def test_a_killed_writer_leaves_nothing_visible_and_no_lock(self) -> None:
        assert start(KILLED, "3").wait(60) == -signal.SIGKILL
        assert entries() == []
        assert_same(cached("killed", lambda: FLOWS), FLOWS)
        assert_same(cached("killed", never), FLOWS)
