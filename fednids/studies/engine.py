"""One engine for every study: its folder, its steps in processes, and what failed."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from fednids.datasets.federated import FederatedDataset
from fednids.errors import FednidsError, PartitionError, RunError
from fednids.experiment.execution import check_settings
from fednids.files import write_atomically
from fednids.runs.folder import read_checkpoint
from fednids.runs.layout import STUDY
from fednids.runs.reader import Run as FinishedRun
from fednids.runs.reader import load
from fednids.studies.study import Run, Study, expand, read_study, runs_of

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

    def finished(self, run: Run) -> FinishedRun | None:
        """Read a finished run; none where its result is missing or cut short."""
        try:
            found = load(self.run(run))
        except RunError:
            return None
        return found if found.kind == run.arm else None

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


_START_SECONDS = 6.0
_WINDOWS_PER_SECOND = 15_000.0


@dataclass(frozen=True)
class Planned:
    """A run that can be begun.

    Attributes
    ----------
    run : Run
        What.
    windows : int
        How many windows it trains on in all rounds and epochs.
    """

    run: Run
    windows: int

    @property
    def seconds(self) -> float:
        """A rough guess for one processor and the default network, start included."""
        return _START_SECONDS + self.windows / _WINDOWS_PER_SECOND


def plan_runs(runs: Iterable[Run]) -> tuple[Planned, ...]:
    """Check each run's names, read its flows and deal them.

    Flows that are prepared here are in the cache when runs begin side by side.

    Raises
    ------
    FednidsError
        Of the first run that could not begin; the message names it.
    """
    planned = []
    for run in runs:
        try:
            check_settings(run.config)
            planned.append(Planned(run, _windows(run, FederatedDataset.open(run.config))))
        except FednidsError as error:
            raise type(error)(f"{error} (in the run {run.name})") from None
    return tuple(planned)


def _windows(run: Run, fleet: FederatedDataset) -> int:
    sizes, config = fleet.training_sizes, run.config
    if run.arm == "local" and not min(sizes):
        raise PartitionError(
            f"expected training flows at every gateway, got none at gateway {sizes.index(0)}; "
            "raise partition.minimum or take fewer gateways"
        )
    share = config.federation.fraction if run.arm == "federated" else 1.0
    return round(sum(sizes) * share * config.federation.rounds * config.train.epochs)


_PAUSE = 0.1
_PATIENCE = 20.0


@dataclass(frozen=True)
class Step:
    """A fednids command that writes one folder.

    Attributes
    ----------
    name : str
        What it is for; other steps need it by this name.
    command : Callable
        Gives the arguments after ``fednids`` when it is begun, and makes ready for them.
    log : Path
        Where what it prints goes.
    seconds : float
        A guess; the longest is begun first.
    needs : tuple of str
        Steps that must have ended well before.
    """

    name: str
    command: Callable[[], Sequence[str]]
    log: Path
    seconds: float
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepEnd:
    """How a step ended.

    Attributes
    ----------
    step : Step
        Which.
    seconds : float
        How long it took; 0 where it was not begun.
    reason : str
        Why it failed, in one line; empty where it did not.
    """

    step: Step
    seconds: float
    reason: str = ""


@dataclass(frozen=True)
class _Child:
    step: Step
    process: subprocess.Popen[bytes]
    started: float


def run_steps(steps: Sequence[Step], processors: Sequence[int]) -> Iterator[StepEnd]:
    """Run steps, one on each processor at a time, and tell each end as it comes.

    Parameters
    ----------
    steps : Sequence[Step]
        In any order. What a step needs is among them, or it has been done before.
    processors : Sequence[int]
        Numbers of those to use.

    Yields
    ------
    StepEnd
        Of every step; those that need a step that failed are not begun. When the caller
        stops, by Ctrl-C too, children are told to stop and have ended.
    """
    waiting = sorted(steps, key=lambda step: -step.seconds)
    open_names, failed = {step.name for step in steps}, set[str]()
    free = list(processors)
    with _children() as running:
        while waiting or running:
            for step in [s for s in waiting if failed & set(s.needs)]:
                waiting.remove(step)
                open_names.discard(step.name)
                failed.add(step.name)
                yield StepEnd(step, 0.0, f"not begun: {min(failed & set(step.needs))} failed")
            ready = [s for s in waiting if not (open_names | failed) & set(s.needs)]
            for step in ready[: len(free)]:
                waiting.remove(step)
                try:
                    running[free[0]] = _begin(step, free[0])
                except OSError as error:
                    open_names.discard(step.name)
                    failed.add(step.name)
                    yield StepEnd(step, 0.0, f"could not be begun: {error}")
                else:
                    free.pop(0)
            for processor, child in list(running.items()):
                code = child.process.poll()
                if code is None:
                    continue
                del running[processor]
                free.append(processor)
                end = _ended(child, code)
                open_names.discard(end.step.name)
                if end.reason:
                    failed.add(end.step.name)
                yield end
            time.sleep(_PAUSE if running else 0)


def _begin(step: Step, processor: int) -> _Child:
    """Start a child that Ctrl-C on the terminal does not reach; we tell it ourselves."""
    launch = [sys.executable, "-m", "fednids.studies.bound", str(processor), str(os.getpid())]
    with step.log.open("wb") as log:
        process = subprocess.Popen(
            [*launch, *step.command()],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    return _Child(step, process, time.monotonic())


def _ended(child: _Child, code: int) -> StepEnd:
    seconds = time.monotonic() - child.started
    if not code:
        return StepEnd(child.step, seconds)
    lines = child.step.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    said = lines[-1].removeprefix("error: ") if lines else "it said nothing"
    if code < 0:
        said = f"killed by {signal.Signals(-code).name}; {said}"
    return StepEnd(child.step, seconds, said)


@contextmanager
def _children() -> Iterator[dict[int, _Child]]:
    """Keep children by processor; stop those left, gently first."""
    running: dict[int, _Child] = {}
    try:
        yield running
    finally:
        for child in running.values():
            child.process.terminate()
        until = time.monotonic() + _PATIENCE
        for child in running.values():
            try:
                child.process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()


@dataclass(frozen=True)
class Failed:
    """A step that did not end well.

    Attributes
    ----------
    name : str
        Of the run, or of the cross-gateway matrix.
    reason : str
        Why, in one line.
    log : str
        File with all that it printed, in the folder of the sweep.
    """

    name: str
    reason: str
    log: str


class Watcher(Protocol):
    """Told of a sweep as it goes."""

    def begins(self, steps: Sequence[Step], finished: int) -> None:
        """Take note of what is to be done, and of how many runs are finished already."""
        ...

    def ended(self, end: StepEnd) -> None:
        """Take note of a step that has ended."""
        ...
