"""A program of Flower's that runs for a role: begun, watched and ended."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from fednids.deploy.alone import PARENT
from fednids.deploy.environment import MARK
from fednids.deploy.private import private_folder

Announce = Callable[[str], None]
"""Called with a line for people."""

PATIENCE = 15.0
"""Seconds that a program has to end by itself."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LARGEST_LOG = 10_000_000


class Program:
    """One running program, with a log.

    Parameters
    ----------
    module : str
        Run as ``python -m MODULE``.
    arguments : Sequence[str]
        After it.
    environment : Mapping[str, str]
        From `fednids.deploy.environment.flower_environment`.
    state : Path
        The role's folder; the log is in it.
    log : str
        The log's name. What was logged before is kept as ``NAME.before``.
    """

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        state: Path,
        log: str,
    ):
        self.log = private_folder(state) / log
        if self.log.exists():
            self.log.replace(self.log.with_name(f"{log}.before"))
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env={**environment, MARK: str(state), PARENT: str(os.getpid())},
                cwd=state, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def said(self) -> str:
        """Return its log, at most the last 10 MB, without colours."""
        with self.log.open("rb") as file:
            file.seek(max(self.log.stat().st_size - _LARGEST_LOG, 0))
            return _COLOURS.sub("", file.read().decode(errors="replace"))

    def last_words(self) -> str:
        """Return the last line of its log that is not empty."""
        lines = [line.strip() for line in self.said().splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"

    def end(self) -> None:
        """End it; what it started ends with the role (`fednids.deploy.alone`)."""
        if self.code is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> Self:
        """Watch it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it whatever happened."""
        self.end()
