"""Progress on the error stream: of work in steps, of the rounds of a run, of a study.

On a terminal there is a bar, elsewhere a line now and then.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from fednids.cli.screen import ERRORS, plain_table, say
from fednids.report.tables import SYNTHETIC, decimal
from fednids.runs.callbacks import RoundEnd, RunStart
from fednids.runs.records import ResultRecord, RoundRecord

if TYPE_CHECKING:
    from fednids.studies.engine import Failed, Step, StepEnd

_SECONDS = 5.0
"""Seconds between two lines where there is no terminal."""

_SHOWN = 8
"""Rounds in the table on a terminal."""

_TITLES = ("round", "loss", "macro-F1", "novel", "false alarms", "updates", "failures", "s")


def _counting_bar(console: Console, *, disable: bool = False, transient: bool = False) -> Progress:
    """Return a bar with the number of steps done, the time spent and the time left."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    return Progress(*columns, console=console, disable=disable, transient=transient)


class StepProgress:
    """Shows how many steps of some work are done, while it is entered as a context.

    Parameters
    ----------
    title : str
        Name of the work.
    shown : bool
        False shows nothing.
    """

    def __init__(self, title: str, *, shown: bool):
        self._title, self._shown, self._last = title, shown, time.monotonic()
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        hidden = not (shown and self._console.is_terminal)
        self._bar = _counting_bar(self._console, disable=hidden, transient=True)
        self._task = self._bar.add_task(title, total=None)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar from the screen."""
        self._bar.stop()

    def show(self, done: int, whole: int, name: str = "") -> None:
        """Show that so many steps of all are done, and the name of the current one."""
        text = f"{self._title}: {name}" if name else self._title
        self._bar.update(self._task, completed=done, total=whole, description=text)
        now = time.monotonic()
        if self._shown and not self._console.is_terminal and now - self._last > _SECONDS:
            self._last = now
            self._console.print(f"{text}, {done:,} of {whole:,}", markup=False)


class RoundProgress:
    """Shows rounds as they end, and on a terminal the time that is left.

    Parameters
    ----------
    rounds : int
        Number of rounds.
    """

    def __init__(self, rounds: int):
        self._rounds = rounds
        self._last: deque[tuple[str, ...]] = deque(maxlen=_SHOWN)
        self._bar = _counting_bar(ERRORS)
        self._task = self._bar.add_task(f"round 1/{rounds}", total=rounds)
        self._live = Live(self._shown(), console=ERRORS, refresh_per_second=2)

    def showing(self) -> AbstractContextManager[object]:
        """Return a context in which table and bar are on the screen."""
        return self._live if ERRORS.is_terminal else nullcontext()

    def run_began(self, run: RunStart) -> str:
        """Do nothing: it shows rounds alone."""
        return ""

    def run_ended(self, result: ResultRecord | None) -> None:
        """Do nothing: the result is shown elsewhere."""

    def round_ended(self, ended: RoundEnd) -> None:
        """Show the round's losses, rates and time."""
        record = ended.record
        if not ERRORS.is_terminal:
            ERRORS.print(round_line(record, self._rounds), markup=False)
            return
        test = record.test
        rates = map(decimal, (test.macro_f1, test.novel.macro_f1, test.false_alarm_rate))
        counts = (str(len(record.participants)), str(len(record.failures)))
        loss, seconds = f"{record.loss:.4f}", f"{record.seconds:.1f}"
        self._last.append((str(record.round), loss, *rates, *counts, seconds))
        following = min(record.round + 1, self._rounds)
        self._bar.update(
            self._task, completed=record.round, description=f"round {following}/{self._rounds}"
        )
        self._live.update(self._shown())

    def _shown(self) -> Group:
        table = plain_table(*_TITLES, left=())
        for row in self._last:
            table.add_row(*row)
        return Group(table, self._bar) if self._last else Group(self._bar)


def round_line(record: RoundRecord, rounds: int) -> str:
    """Return a round in one line, for where there is no terminal."""
    return (
        f"round {record.round}/{rounds}  loss {record.loss:.4f}  "
        f"macro-F1 {decimal(record.test.macro_f1)}  {record.seconds:.1f} s"
    )


@contextmanager
def following(*, shown: bool) -> Iterator[SweepProgress | None]:
    """Show the progress of a study while it runs."""
    progress = SweepProgress() if shown else None
    with progress.bar if progress and ERRORS.is_terminal else nullcontext():
        yield progress


def show_end(failed: Sequence[Failed], out: Path, *, synthetic: bool) -> None:
    """Print that flows are synthetic, and which runs failed."""
    if synthetic:
        say(SYNTHETIC)
    for each in failed:
        say(f"failed: {each.name}: {each.reason} ({out / each.log})")


class SweepProgress:
    """Shows steps as they end; the bar counts estimated seconds, since steps differ in length."""

    def __init__(self) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(),
            console=ERRORS,
        )  # fmt: skip
        self._task = self.bar.add_task("checking every cell", total=None)
        self._steps, self._ended, self._all, self._done = 0, 0, 0.0, 0.0
        self._started = time.monotonic()

    def begins(self, steps: Sequence[Step], finished: int) -> None:
        """Show how many steps there are, and begin to count again."""
        self._ended, self._done = 0, 0.0
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
        spent = time.monotonic() - self._started
        seconds = spent * (self._all - self._done) / self._done if self._done else 0.0
        many = seconds >= 90
        return f"about {seconds / 60:.0f} min left" if many else f"about {seconds:.0f} s left"

    def _print(self, line: str) -> None:
        ERRORS.print(line, markup=False)
