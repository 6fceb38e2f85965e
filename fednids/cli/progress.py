"""Progress of a sweep: a line for each run that ended, and a bar on a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from fednids.cli.screen import ERRORS

if TYPE_CHECKING:
    from fednids.studies.engine import Step, StepEnd


class SweepProgress:
    """Shows steps as they end; the bar counts guessed seconds, since steps differ in length."""

    def __init__(self) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
            console=ERRORS,
        )  # fmt: skip
        self._task = self._bar.add_task("checking every cell", total=None)
        self._steps, self._ended, self._all, self._done = 0, 0, 0.0, 0.0
        self._started = time.monotonic()

    def showing(self) -> AbstractContextManager[object]:
        """Keep the bar on screen while the sweep goes."""
        return self._bar if ERRORS.is_terminal else nullcontext()

    def begins(self, steps: Sequence[Step], finished: int) -> None:
        """Say what is to be done."""
        self._started = time.monotonic()
        self._steps, self._all = len(steps), sum(step.seconds for step in steps)
        kept = f", {finished} finished before" if finished else ""
        self._print(f"{len(steps)} to run{kept}")
        self._bar.update(self._task, total=self._all, description=f"0/{self._steps}")

    def ended(self, end: StepEnd) -> None:
        """Show a step, and the time that is left."""
        self._ended += 1
        self._done += end.step.seconds
        how = f"failed: {end.reason}" if end.reason else f"{end.seconds:.1f} s"
        left = self._left()
        self._print(f"{self._ended}/{self._steps}  {end.step.name}  {how}  {left}")
        shown = f"{self._ended}/{self._steps}  {left}"
        self._bar.update(self._task, completed=self._done, description=shown)

    def _left(self) -> str:
        """Guess the time left from the share done."""
        spent = time.monotonic() - self._started
        seconds = spent * (self._all - self._done) / self._done if self._done else 0.0
        return (
            f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"
        )

    def _print(self, line: str) -> None:
        ERRORS.print(line, markup=False)
