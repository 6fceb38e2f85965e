"""Progress of a run: a table of the last rounds on a terminal, a line a round elsewhere."""

from __future__ import annotations

from collections import deque
from contextlib import AbstractContextManager, nullcontext

from rich.console import Group
from rich.live import Live
from rich.table import Table

from fednids.cli.screen import ERRORS
from fednids.cli.steps import counting_bar
from fednids.runs.callbacks import RoundEnd, RunStart
from fednids.runs.records import ResultRecord, RoundRecord

_SHOWN = 8
_TITLES = ("round", "loss", "macro-F1", "novel", "false alarms", "updates", "failures", "s")


class RoundProgress:
    """Shows rounds as they end, and on a terminal the time that is left.

    Parameters
    ----------
    rounds : int
        How many there will be.
    """

    def __init__(self, rounds: int):
        self._rounds = rounds
        self._last: deque[tuple[str, ...]] = deque(maxlen=_SHOWN)
        self._bar = counting_bar(ERRORS)
        self._task = self._bar.add_task(f"round 1/{rounds}", total=rounds)
        self._live = Live(self._shown(), console=ERRORS, refresh_per_second=2)

    def showing(self) -> AbstractContextManager[object]:
        """Keep table and bar on screen while the run goes."""
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
        rates = (_rate(r) for r in (test.macro_f1, test.novel.macro_f1, test.false_alarm_rate))
        self._last.append(
            (
                str(record.round), f"{record.loss:.4f}", *rates,
                str(len(record.participants)), str(len(record.failures)), f"{record.seconds:.1f}",
            )
        )  # fmt: skip
        following = min(record.round + 1, self._rounds)
        self._bar.update(
            self._task, completed=record.round, description=f"round {following}/{self._rounds}"
        )
        self._live.update(self._shown())

    def _shown(self) -> Group:
        table = Table(box=None, padding=(0, 2))
        for title in _TITLES:
            table.add_column(title, justify="right")
        for row in self._last:
            table.add_row(*row)
        return Group(table, self._bar) if self._last else Group(self._bar)


def round_line(record: RoundRecord, rounds: int) -> str:
    """Return a round in one line, for where there is no terminal."""
    return (
        f"round {record.round}/{rounds}  loss {record.loss:.4f}  "
        f"macro-F1 {_rate(record.test.macro_f1)}  {record.seconds:.1f} s"
    )


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
