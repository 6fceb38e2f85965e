"""The engine of every study: a folder that goes on, steps in processes of their own, failures."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout
from pydantic import ValidationError

from fednids.errors import InterruptedRunError, RunError
from fednids.files import write_atomically
from fednids.runs.layout import KINDS
from fednids.runs.reader import Run, load
from fednids.runs.records import Record, ResultRecord, ScoresRecord
from fednids.studies.study import StudyRun

CROSS, FITTED = "cross.json", "fitted.json"

_CROSS_SECONDS = 6.0
_LOCK = ".lock"
_LOG = logging.getLogger(__name__)
_PATIENCE = 20.0
_PAUSE = 0.1


@dataclass(frozen=True)
class Step:
    """A process that writes one folder or several.

    Attributes
    ----------
    name : str
        What it is for; other steps need it by this name.
    command : Callable
        Returns a module and its arguments when it is begun, and makes ready for them.
    log : Path
        Where what it prints goes.
    seconds : float
        A guess; the longest is begun first.
    needs : tuple of str
        Steps that must have ended well before.
    runs : tuple of StudyRun
        What it carries out; each is to leave a result.
    """

    name: str
    command: Callable[[], Sequence[str]]
    log: Path
    seconds: float
    needs: tuple[str, ...] = ()
    runs: tuple[StudyRun, ...] = ()


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
class Failed:
    """A step that did not end well.

    Attributes
    ----------
    name : str
        Of the run, or of the cross-gateway matrix.
    reason : str
        Why, in one line.
    log : str
        File with all that it printed, in the folder of the study.
    """

    name: str
    reason: str
    log: str


class Watcher(Protocol):
    """Follows a study as it goes."""

    def begins(self, steps: Sequence[Step], finished: int) -> None:
        """Take note of what is to be done, and of how many runs are finished already."""
        ...

    def ended(self, end: StepEnd) -> None:
        """Take note of a step that has ended."""
        ...


class FittedRecord(Record):
    """``fitted.json``: what a run that is no arm came to, and the same of one that is."""

    final: ScoresRecord
    """Over all test flows."""
    final_novel: ScoresRecord | None = None
    """Over those whose vector occurs in no training flow, where there are such."""
    majority: ScoresRecord
    """Of answering the most frequent class of the training flows always."""
    flows: int
    """All flows."""
    test_flows: int
    """Flows scored."""
    synthetic: bool
    """Whether they were made and not measured."""
    seconds: float
    """Training, with compiling and on one processor."""
    parameters: int
    """Weights that are trained, or nodes of trees."""
    published_parameters: int
    """The same as papers count layers; equal where nothing is left out."""
    losses: tuple[float | None, ...] = ()
    """Training loss of each epoch or round; none where there are no epochs."""

    @classmethod
    def of(cls, result: ResultRecord) -> FittedRecord:
        """Return it of the result of an arm."""
        return cls(
            final=result.final, final_novel=result.final_novel, majority=result.majority,
            flows=result.data.flows, test_flows=result.data.test_flows,
            synthetic=result.data.synthetic, seconds=result.seconds.train,
            parameters=result.model.parameters,
            published_parameters=result.model.published_parameters or result.model.parameters,
            losses=tuple(entry.train.loss for entry in result.rounds),
        )  # fmt: skip


@dataclass(frozen=True)
class StudyFolder:
    """Where things are under ``--out``.

    Attributes
    ----------
    path : Path
        The study's definition and its report; ``runs/``, ``cross/``, ``logs/`` and
        ``settings/`` with one entry a run.
    """

    path: Path

    def run(self, run: StudyRun) -> Path:
        """Return the folder of a run."""
        return self.path / "runs" / run.name

    def cross(self, name: str) -> Path:
        """Return the folder of a cross-gateway matrix."""
        return self.path / "cross" / name

    def log(self, name: str) -> Path:
        """Return the file with what a step printed."""
        return self.path / "logs" / f"{name}.log"

    def finished(self, run: StudyRun) -> Run | None:
        """Read a finished run of an arm; None where its result is missing or cut short."""
        try:
            found = load(self.run(run))
        except RunError:
            return None
        return found if found.kind == run.arm else None

    def fitted(self, run: StudyRun) -> FittedRecord | None:
        """Read what a run came to, of an arm or not; None where it has not ended."""
        if run.arm in KINDS:
            found = self.finished(run)
            return FittedRecord.of(found.result) if found else None
        try:
            return FittedRecord.model_validate_json((self.run(run) / FITTED).read_bytes())
        except (OSError, ValidationError):
            return None

    def is_finished(self, run: StudyRun) -> bool:
        """Return whether a run has ended and left a whole result."""
        return self.fitted(run) is not None

    def is_begun(self, definition: str) -> bool:
        """Return whether a study is here that was kept under this name.

        Raises
        ------
        RunError
            The folder holds something else.
        """
        if (self.path / definition).is_file():
            return True
        if not self.path.exists():
            return False
        if self.path.is_dir() and {entry.name for entry in self.path.iterdir()} <= {_LOCK}:
            return False
        raise RunError(
            f"expected a new or empty folder for --out, got {self.path}, which holds something "
            "else; name another"
        )

    @contextmanager
    def opened(self, definition: str, content: str) -> Iterator[None]:
        """Make the folder or go on with it, for one study at a time.

        Parameters
        ----------
        definition : str
            Name of the file that defines what is run here.
        content : str
            What stands in it from now on.

        Raises
        ------
        RunError
            A study is running there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.path / _LOCK, timeout=0):
                write_atomically(self.path / definition, content.encode())
                for name in ("runs", "cross", "logs", "settings"):
                    (self.path / name).mkdir(exist_ok=True)
                yield
        except Timeout:
            raise RunError(
                f"expected no study at work in {self.path}, got one; wait for it or name another "
                "folder"
            ) from None

    def step(self, runs: Sequence[StudyRun], seconds: float) -> Step:
        """Return the step that carries out some runs, one after another in one process."""

        def command() -> list[str]:
            for run in runs:
                settings = self.path / "settings" / f"{run.name}.toml"
                write_atomically(settings, run.config.to_toml().encode())
            which = [text for run in runs for text in (run.arm, run.name)]
            return ["fednids.studies.child", str(self.path), *which]

        first = runs[0].name
        name = f"{first} and {len(runs) - 1} more" if len(runs) > 1 else first
        return Step(name, command, self.log(first), seconds, runs=tuple(runs))

    def cross_step(self, name: str, runs: Sequence[StudyRun], needs: Sequence[str]) -> Step:
        """Return the step that makes a cross-gateway matrix of runs, after the steps it needs."""
        folder = self.cross(name)

        def command() -> list[str]:
            if folder.exists():
                shutil.rmtree(folder)
            paths = [str(self.run(run)) for run in runs]
            return ["fednids", "cross", *paths, "--out", str(folder), "--json"]

        log = self.log(f"cross-{name}")
        return Step(f"cross {name}", command, log, _CROSS_SECONDS, tuple(needs))


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None where it is missing or damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def processors(workers: int) -> tuple[int, ...]:
    """Return the numbers of the processors to use: so many of ours, or all for 0.

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


def carry_out(
    folder: StudyFolder, steps: Sequence[Step], ours: Sequence[int], *,
    finished: int, watcher: Watcher | None, stopped: Callable[[], str],
) -> tuple[Failed, ...]:  # fmt: skip
    """Carry out the steps of a study, and return those that failed.

    Parameters
    ----------
    folder : StudyFolder
        Opened.
    steps : Sequence[Step]
        What is missing.
    ours : Sequence[int]
        Processors, as from `processors`.
    finished : int
        How many runs were finished before.
    watcher : Watcher, optional
        Follows.
    stopped : Callable
        Returns how to go on after Ctrl-C.

    Raises
    ------
    InterruptedRunError
        Ctrl-C.
    """
    _LOG.info("study in %s: %d to run, %d finished", folder.path, len(steps), finished)
    if watcher:
        watcher.begins(steps, finished)
    failed = []
    try:
        for end in run_steps(steps, ours):
            if not end.reason and not all(map(folder.is_finished, end.step.runs)):
                end = replace(end, reason="it ended without a whole result.json")
            shown = f"failed: {end.reason}" if end.reason else "ended well"
            _LOG.info("%s %s after %.1f s", end.step.name, shown, end.seconds)
            if end.reason:
                log = str(end.step.log.relative_to(folder.path))
                failed.append(Failed(end.step.name, end.reason, log))
            if watcher:
                watcher.ended(end)
    except KeyboardInterrupt:
        raise InterruptedRunError(stopped()) from None
    return tuple(failed)


@dataclass(frozen=True)
class _Child:
    step: Step
    process: subprocess.Popen[bytes]
    started: float


def run_steps(steps: Sequence[Step], processors: Sequence[int]) -> Iterator[StepEnd]:
    """Run steps, one on each processor at a time, and yield each end as it comes.

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
        stops, by Ctrl-C too, children are stopped and have ended.
    """
    waiting = sorted(steps, key=lambda step: -step.seconds)
    unfinished, failed = {step.name for step in steps}, set[str]()
    free = list(processors)

    def ended(step: Step, seconds: float, reason: str = "") -> StepEnd:
        unfinished.discard(step.name)
        if reason:
            failed.add(step.name)
        return StepEnd(step, seconds, reason)

    with _children() as running:
        while waiting or running:
            for step in [s for s in waiting if failed & set(s.needs)]:
                waiting.remove(step)
                yield ended(step, 0.0, f"not begun: {min(failed & set(step.needs))} failed")
            ready = [s for s in waiting if not (unfinished | failed) & set(s.needs)]
            for step in ready[: len(free)]:
                waiting.remove(step)
                try:
                    running[free[0]] = _begin(step, free[0])
                except OSError as error:
                    yield ended(step, 0.0, f"could not be begun: {error}")
                else:
                    free.pop(0)
            for processor, child in list(running.items()):
                code = child.process.poll()
                if code is not None:
                    del running[processor]
                    free.append(processor)
                    seconds = time.monotonic() - child.started
                    yield ended(child.step, seconds, _reason(child.step, code) if code else "")
            time.sleep(_PAUSE if running else 0)


def _begin(step: Step, processor: int) -> _Child:
    """Start a child that Ctrl-C on the terminal does not reach; `_children` stops it."""
    launch = [sys.executable, "-m", "fednids.studies.bound", str(processor), str(os.getpid())]
    with step.log.open("wb") as log:
        process = subprocess.Popen(
            [*launch, *step.command()],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    return _Child(step, process, time.monotonic())


def _reason(step: Step, code: int) -> str:
    lines = step.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1].removeprefix("error: ") if lines else "it printed nothing"
    return f"killed by {signal.Signals(-code).name}; {last}" if code < 0 else last


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
