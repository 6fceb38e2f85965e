"""The table of many runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fednids.report.tables import decimal
from fednids.runs.reader import Run

_TITLES = (
    "seed", "rounds", "macro-F1", "macro-F1, novel", "benign false alarms", "balanced accuracy",
    "macro-F1 of majority", "MB", "seconds",
)  # fmt: skip
_NUMBERS = len(_TITLES) - 2
_PLACES = (3, 3, 3, 3, 3, 1, 1)


@dataclass(frozen=True)
class GroupRows:
    """The rows of one group.

    Attributes
    ----------
    name : str
        What its runs have in common.
    cells : tuple[str, ...]
        Means over its runs, or the only run's numbers.
    members : tuple[tuple[str, ...], ...]
        A row a run where there are several, its folder's name first.
    """

    name: str
    cells: tuple[str, ...]
    members: tuple[tuple[str, ...], ...]


def run_titles() -> tuple[str, ...]:
    """Name the columns."""
    return ("group, run", *_TITLES)


def group_rows(groups: Mapping[str, Sequence[Run]]) -> list[GroupRows]:
    """Give a row a group, and a row a run."""
    return [_rows(name, runs) for name, runs in groups.items()]


def _rows(name: str, runs: Sequence[Run]) -> GroupRows:
    numbers = [_numbers(run) for run in runs]
    single = [
        (run.name, *_facts(run), *map(decimal, each, _PLACES))
        for run, each in zip(runs, numbers, strict=True)
    ]
    if len(runs) == 1:
        return GroupRows(name, single[0][1:], ())
    seeds = f"mean of {len(runs)}"
    means = (_mean([each[k] for each in numbers]) for k in range(_NUMBERS))
    return GroupRows(name, (seeds, "", *map(decimal, means, _PLACES)), tuple(single))


def _facts(run: Run) -> tuple[str, str]:
    rounds = f"{len(run.rounds):,}" + ("" if run.finished else " (stopped)")
    return str(run.config.run.seed), rounds


def _numbers(run: Run) -> tuple[float, ...]:
    nan = math.nan
    found, majority = run.detector, run.majority
    sent = sum(r.bytes_down + r.bytes_up for r in run.rounds) / 1e6
    return (
        found.all.macro_f1 if found else nan,
        found.novel.macro_f1 if found and found.novel else nan,
        found.all.false_alarm_rate if found else nan,
        found.all.balanced_accuracy if found else nan,
        majority.all.macro_f1 if majority else nan,
        sent,
        sum(r.seconds for r in run.rounds),
    )


def _mean(values: Sequence[float]) -> float:
    """Average what is defined."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
