"""The log file, the screen, and the noise of others."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fednids.cli.logs import logging_to
from fednids.errors import ConfigError

LINE = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO MainProcess\[\d+\] fednids\.x: hello 1"


def test_lines_have_time_level_and_process(tmp_path: Path) -> None:
    file = tmp_path / "new" / "run.log"
    for _ in range(2):
        with logging_to(file):
            logging.getLogger("fednids.x").info("hello %d", 1)
            logging.getLogger("fednids.x").debug("too much")
    lines = file.read_text().splitlines()
    assert len(lines) == 2
    assert all(re.fullmatch(LINE, line) for line in lines)
    logging.getLogger("fednids.x").info("after")
    assert len(file.read_text().splitlines()) == 2


def test_verbose_tells_the_file_more(tmp_path: Path) -> None:
    with logging_to(tmp_path / "log", verbose=True, quiet=True):
        logging.getLogger("fednids.x").debug("every gateway")
    assert "every gateway" in (tmp_path / "log").read_text()


def test_flowers_log_goes_to_the_file_alone(tmp_path: Path) -> None:
    flower, seen = logging.getLogger("flwr"), list[str]()
    screen = logging.Handler()
    screen.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    flower.addHandler(screen)
    before = flower.level
    flower.setLevel(logging.INFO)
    try:
        with logging_to(tmp_path / "log"):
            flower.info("round of Flower")
            flower.error("broken")
    finally:
        flower.removeHandler(screen)
        flower.setLevel(before)
    assert seen == ["broken"]
    assert "round of Flower" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("place", ["folder", "file/log", "out/log"])
def test_an_impossible_place_is_told_before_anything_runs(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigError, match="--log-file") as caught,
        logging_to(tmp_path / place, new=tmp_path / "out"),
    ):
        raise AssertionError("it ran")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


NOISE = """
import os, subprocess, sys
from pathlib import Path
from fednids.cli.logs import logging_to
from fednids.cli.screen import ERRORS
with logging_to(Path(sys.argv[1])):
    os.write(2, b"noise of a library\\n")
    subprocess.run([sys.executable, "-c", "import os; os.write(2, b'noise of a worker\\\\n')"])
    ERRORS.print("progress")
os.write(2, b"end\\n")
"""


def test_what_others_write_to_the_error_stream_is_kept_off_the_screen(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOISE, str(tmp_path / "log")],
        capture_output=True, text=True, check=True, env={**os.environ},
    )  # fmt: skip
    assert done.stderr == "progress\nend\n"
    assert (tmp_path / "log").read_text() == "noise of a library\nnoise of a worker\n"
