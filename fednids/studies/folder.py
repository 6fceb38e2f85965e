"""The folder of a sweep: its study, its runs and its report."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fednids.errors import RunError
from fednids.files import write_atomically
from fednids.runs.folder import RESULT, read_checkpoint
from fednids.studies.cells import Run, expand, runs_of
from fednids.studies.study import Study, read_study

STUDY = "study.toml"
CROSS = "cross.json"

_LOCK = ".lock"
_COMMANDS = {"federated": "simulate", "local": "local", "centralised": "centralised"}


@dataclass(frozen=True)
class SweepFolder:
    """Where things are under ``--out``.

    Attributes
    ----------
    path : Path
        ``study.toml``, ``report.md``, ``report.json``, ``cells.parquet`` and figures;
        ``runs/``, ``cross/``, ``logs/`` and ``settings/`` with one entry a run.
    """

    path: Path

    def run(self, run: Run) -> Path:
        """Folder of a run."""
        return self.path / "runs" / run.name

    def cross(self, name: str) -> Path:
        """Folder of a cross-gateway matrix."""
        return self.path / "cross" / name

    def log(self, name: str) -> Path:
        """File with what a step printed."""
        return self.path / "logs" / f"{name}.log"

    @contextmanager
    def opened(self, study: Study, runs: Sequence[Run]) -> Iterator[None]:
        """Make the folder or go on with it, for one sweep at a time.

        Parameters
        ----------
        study : Study
            What is to be run; kept as ``study.toml``.
        runs : Sequence[Run]
            All of it.

        Raises
        ------
        RunError
            The folder holds something else, another study, or a sweep that is running.
        """
        self.check(runs)
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / _LOCK, timeout=0):
                write_atomically(self.path / STUDY, study.to_toml().encode())
                for name in ("runs", "cross", "logs", "settings"):
                    (self.path / name).mkdir(exist_ok=True)
                yield
        except Timeout:
            raise RunError(
                f"expected no sweep at work in {self.path}, got one; wait for it or name another "
                "folder"
            ) from None

    def check(self, runs: Sequence[Run]) -> None:
        """Refuse a folder of something else, or of a study that differs both ways.

        Raises
        ------
        RunError
            As it says. A study that has grown, or of which a part is left, goes on.
        """
        if not self.path.exists():
            return
        if self.path.is_dir() and {entry.name for entry in self.path.iterdir()} <= {_LOCK}:
            return
        if not (self.path / STUDY).is_file():
            raise RunError(
                f"expected a new or empty folder for --out, got {self.path}, which holds "
                "something else; name another"
            )
        before = {run.name for run in runs_of(expand(read_study(str(self.path / STUDY))))}
        now = {run.name for run in runs}
        if before - now and now - before:
            raise RunError(
                f"expected the study of {self.path} with runs added or left out, got one with "
                f"{len(now - before)} new runs and without {len(before - now)} of its own; name "
                "another folder for another study"
            )

    def result(self, run: Run) -> Mapping[str, Any] | None:
        """Read the result of a finished run; none where it is missing or cut short."""
        found = read_json(self.run(run) / RESULT)
        return found if found and found.get("kind") == run.arm and "final" in found else None

    def begin(self, run: Run) -> list[str]:
        """Make ready for a run and give its command: go on where it stopped, or begin anew."""
        folder = self.run(run)
        if self._can_go_on(run):
            return ["resume", str(folder), "--quiet"]
        if folder.exists():
            shutil.rmtree(folder)
        settings = self.path / "settings" / f"{run.name}.toml"
        write_atomically(settings, run.config.to_toml().encode())
        command = [_COMMANDS[run.arm], "--config", str(settings), "--out", str(folder)]
        return [*command, "--quiet"]

    def begin_cross(self, name: str, federated: Run, local: Run) -> list[str]:
        """Make ready for a cross-gateway matrix and give its command."""
        folder = self.cross(name)
        if folder.exists():
            shutil.rmtree(folder)
        return [
            "cross", str(self.run(federated)), str(self.run(local)),
            "--out", str(folder), "--json",
        ]  # fmt: skip

    def _can_go_on(self, run: Run) -> bool:
        """Say whether a whole round is kept, and the settings are these."""
        try:
            checkpoint = read_checkpoint(self.run(run))
        except RunError:
            return False
        same = (checkpoint.kind, checkpoint.config) == (run.arm, run.config)
        return same and checkpoint.server_round > 0


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; none where it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def processors(workers: int) -> tuple[int, ...]:
    """Give the processors to use: so many of ours, or all for 0.

    Raises
    ------
    RunError
        There are not so many.
    """
    ours = sorted(os.sched_getaffinity(0))
    if not 0 <= workers <= len(ours):
        raise RunError(
            f"expected --workers from 1 to {len(ours)}, the processors of this machine, got "
            f"{workers}; leave it out to use them all"
        )
    return tuple(ours[: workers or len(ours)])
