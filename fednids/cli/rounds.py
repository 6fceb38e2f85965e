"""Progress of a run: a table of the last rounds on a terminal, a line a round elsewhere."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table

from fednids.cli.screen import ERRORS
from fednids.cli.steps import counting_bar
from fednids.datasets.federated import class_names
from fednids.metrics import scores
from fednids.runs.rounds import Round

_SHOWN = 8
_TITLES = ("round", "loss", "macro-F1", "novel", "false alarms", "updates", "failures", "s")


class RoundProgress:
    """Shows rounds as they end, and on a terminal the time that is left.

    Parameters
    ----------
    rounds : int
        How many there will be.
    classes : int
        Number of classes, for the rates.
    """

    def __init__(self, rounds: int, classes: int):
        self._rounds, self._names = rounds, class_names(classes)
        self._last: deque[tuple[str, ...]] = deque(maxlen=_SHOWN)
        self._bar = counting_bar(ERRORS)
        self._task = self._bar.add_task(f"round 1/{rounds}", total=rounds)
        self._live = Live(self._shown(), console=ERRORS, refresh_per_second=2)

    def showing(self) -> AbstractContextManager[object]:
        """Keep table and bar on screen while the run goes."""
        return self._live if ERRORS.is_terminal else nullcontext()

    def round_ended(self, ended: Round, weights: Sequence[Any]) -> None:
        """Show the round's losses, rates and time."""
        found = scores(ended.counts, self._names)
        seconds = ended.train_seconds + ended.evaluate_seconds
        if not ERRORS.is_terminal:
            ERRORS.print(
                f"round {ended.number}/{self._rounds}  loss {ended.train_loss:.4f}  "
                f"macro-F1 {found.macro_f1:.3f}  {seconds:.1f} s",
                markup=False,
            )
            return
        novel = scores(ended.novel, self._names).macro_f1
        rates = (_rate(rate) for rate in (found.macro_f1, novel, found.false_alarm_rate))
        self._last.append(
            (
                str(ended.number), f"{ended.train_loss:.4f}", *rates,
                str(len(ended.updates)), str(len(ended.failures)), f"{seconds:.1f}",
            )
        )  # fmt: skip
        following = min(ended.number + 1, self._rounds)
        self._bar.update(
            self._task, completed=ended.number, description=f"round {following}/{self._rounds}"
        )
        self._live.update(self._shown())

    def _shown(self) -> Group:
        table = Table(box=None, padding=(0, 2))
        for title in _TITLES:
            table.add_column(title, justify="right")
        for row in self._last:
            table.add_row(*row)
        return Group(table, self._bar) if self._last else Group(self._bar)


def _rate(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"
