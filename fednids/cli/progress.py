"""Progress and end of a study: a line for each run that ended, and a bar on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from fednids.cli.screen import ERRORS, say

if TYPE_CHECKING:
    from fednids.studies.engine import Failed, Step, StepEnd


@contextmanager
def following(*, shown: bool) -> Iterator[SweepProgress | None]:
    """Keep the progress of a study on screen while it goes, if it is to be shown."""
    progress = SweepProgress() if shown else None
    with progress.bar if progress and ERRORS.is_terminal else nullcontext():
        yield progress


def show_end(failed: Sequence[Failed], out: Path, *, synthetic: bool) -> None:
    """Print what whoever reads the numbers of a study has to know beside them."""
    from fednids.studies.report import SYNTHETIC

    if synthetic:
        say(SYNTHETIC)
    for each in failed:
        say(f"failed: {each.name}: {each.reason} ({out / each.log})")


class SweepProgress:
    """Shows steps as they end; the bar counts guessed seconds, since steps differ in length."""

    def __init__(self) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
            console=ERRORS,
        )  # fmt: skip
        self._task = self.bar.add_task("checking every cell", total=None)
        self._steps, self._ended, self._all, self._done = 0, 0, 0.0, 0.0
        self._started = time.monotonic()

    def begins(self, steps: Sequence[Step], finished: int) -> None:
        """Show what is to be done."""
        self._started = time.monotonic()
        self._steps, self._all = len(steps), sum(step.seconds for step in steps)
        kept = f", {finished} finished before" if finished else ""
        self._print(f"{len(steps)} to run{kept}")
        self.bar.update(self._task, total=self._all, description=f"0/{self._steps}")

    def ended(self, end: StepEnd) -> None:
        """Show a step, and the time that is left."""
        self._ended += 1
        self._done += end.step.seconds
        how = f"failed: {end.reason}" if end.reason else f"{end.seconds:.1f} s"
        left = self._left()
        self._print(f"{self._ended}/{self._steps}  {end.step.name}  {how}  {left}")
        shown = f"{self._ended}/{self._steps}  {left}"
        self.bar.update(self._task, completed=self._done, description=shown)

    def _left(self) -> str:
        """Guess the time left from the share done."""
        spent = time.monotonic() - self._started
        seconds = spent * (self._all - self._done) / self._done if self._done else 0.0
        return (
            f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"
        )

    def _print(self, line: str) -> None:
        ERRORS.print(line, markup=False)
