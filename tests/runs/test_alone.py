"""Two processes never write one run folder."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from faulty_disk import CONFIG

from fednids.errors import RunError
from fednids.experiment.execution import execute, resume
from fednids.runs.alone import alone_in

HOLD = """
import sys, time
from pathlib import Path
from fednids.runs.alone import alone_in
with alone_in(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    out = tmp_path / "run"
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(out)], stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"held\n"
    (out / "kept").touch()
    try:
        with (
            pytest.raises(RunError, match=r"nobody writes to, got .*run.*; wait") as caught,
            alone_in(out, patience=0.0),
        ):
            raise AssertionError
        assert len(str(caught.value).splitlines()) == 1
        assert [each.name for each in out.iterdir()] == ["kept"]
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    with alone_in(out):
        pass
    assert [each.name for each in out.iterdir()] == ["kept"]


def test_a_killed_process_is_waited_for(tmp_path: Path) -> None:
    first = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.readline()
    first.kill()
    started = time.monotonic()
    with alone_in(tmp_path):
        assert time.monotonic() - started < 3
    first.wait()
    first.stdout.close()


def test_a_folder_that_stays_empty_is_not_left(tmp_path: Path) -> None:
    with alone_in(tmp_path / "run"):
        pass
    assert not (tmp_path / "run").exists()


def test_neither_a_new_run_nor_one_that_goes_on_gets_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fednids.runs.alone._PATIENCE", 0.0)
    out = tmp_path / "run"
    with alone_in(out):
        with pytest.raises(RunError, match="where a run is going on"):
            execute("federated", CONFIG, out, force=True)
        with pytest.raises(RunError, match="where a run is going on"):
            resume(out)
        assert not any(out.iterdir())
