"""Commands in processes of their own, as many at once as there are processors for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
