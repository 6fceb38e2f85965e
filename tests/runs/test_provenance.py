"""By what a run was made, over resumes."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import fednids
from fednids.runs import provenance


def test_each_process_is_noted_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("first", "second", "third"):
        monkeypatch.setattr(sys, "argv", ["fednids", word])
        provenance.note_process(tmp_path)
    with (tmp_path / provenance.NOTES).open("a") as file:
        file.write('{"started": "20')
    found = provenance.read_provenance(tmp_path)
    assert found.command == ["fednids", "first"]
    assert [each.command[1] for each in found.resumed or []] == ["second", "third"]


def test_a_run_without_notes_is_this_processs(tmp_path: Path) -> None:
    found = provenance.read_provenance(tmp_path)
    assert found.resumed is None
    assert datetime.fromisoformat(found.started).utcoffset() == timedelta(0)
    assert found.machine.memory is None or found.machine.memory > 2**28
    assert "hostname" not in found.model_dump_json()


def test_git_tells_commit_and_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "fednids"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(fednids, "__file__", str(package / "__init__.py"))
    assert provenance.this_process().git is None
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "fednids"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    found = provenance.this_process().git
    assert found is not None
    assert (len(found.commit), found.dirty) == (40, False)
    (package / "__init__.py").write_text("x = 1\n")
    changed = provenance.this_process().git
    assert changed is not None
    assert changed.dirty


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("flwr-serverapp --token abc --run-once", "flwr-serverapp --token *** --run-once"),
        ("x --auth_token=abc --out a", "x --auth_token=*** --out a"),
        ("x --private-key k --mlflow-password p", "x --private-key *** --mlflow-password ***"),
        ("x --token --out tokens run.keep=best", "x --token --out tokens run.keep=best"),
    ],
)
def test_values_of_options_that_are_secrets_are_not_written(
    given: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", given.split())
    assert provenance.this_process().command == kept.split()
