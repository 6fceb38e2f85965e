"""Folders that are there whole or not at all, and never in place of somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from fednids.errors import RunError
from fednids.experiment.new_folder import new_folder

MARK = "mark.json"


def fill(out: Path, text: str, *, force: bool = False) -> None:
    with new_folder(out, MARK, force=force) as folder:
        (folder / MARK).write_text(text)


def break_off(out: Path) -> None:
    with new_folder(out, MARK, force=True) as folder:
        (folder / MARK).write_text("new")
        raise KeyError("disk")


def test_nothing_has_the_name_until_all_is_written(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    with new_folder(out, MARK, force=False) as folder:
        (folder / MARK).write_text("x")
        assert not out.exists()
    assert (out / MARK).read_text() == "x"
    assert out.stat().st_mode & 0o777 == out.parent.stat().st_mode & 0o777


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, "old")
    with pytest.raises(KeyError, match="disk"):
        break_off(out)
    assert (out / MARK).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_only_force_replaces_and_only_its_own_kind(tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "thesis"
    fill(out, "old")
    with pytest.raises(RunError, match="--force"):
        fill(out, "new")
    fill(out, "new", force=True)
    assert (out / MARK).read_text() == "new"
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    with pytest.raises(RunError, match="something else"):
        fill(other, "new", force=True)
    assert [path.name for path in other.iterdir()] == ["chapter.tex"]


def test_an_empty_folder_will_do_and_a_file_will_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "empty", "x")
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="something else"):
        fill(tmp_path / "file", "x")
    with pytest.raises(RunError, match="expected to write"):
        fill(tmp_path / "file" / "below", "x")
