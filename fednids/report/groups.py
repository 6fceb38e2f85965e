"""Many runs: groups of those that differ in nothing but the seed, and the table of all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fednids.config import setting_names, short_name
from fednids.report.tables import decimal
from fednids.runs.reader import Run
from fednids.studies.relevance import irrelevant

_SEED = "run.seed"
_PLAIN = ("strategy.name", "partition.scheme", "attack.kind")
"""Settings whose values speak for themselves."""

TITLES = (
    "group, run", "seed", "rounds", "macro-F1", "macro-F1, novel", "benign false alarms",
    "balanced accuracy", "macro-F1 of majority", "MB", "seconds",
)  # fmt: skip
"""Columns of the table of many runs."""

_PLACES = (3, 3, 3, 3, 3, 1, 1)


@dataclass(frozen=True)
class GroupRows:
    """The rows of one group in the table of many runs.

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

    @classmethod
    def of(cls, name: str, runs: Sequence[Run]) -> GroupRows:
        """Put the rows of a group together."""
        numbers = [_numbers(run) for run in runs]
        members = [
            (
                run.name,
                str(run.config.run.seed),
                f"{len(run.rounds):,}" + ("" if run.finished else " (stopped)"),
                *map(decimal, each, _PLACES),
            )
            for run, each in zip(runs, numbers, strict=True)
        ]
        if len(runs) == 1:
            return cls(name, members[0][1:], ())
        means = map(decimal, map(_mean, zip(*numbers, strict=True)), _PLACES)
        return cls(name, (f"mean of {len(runs)}", "", *means), tuple(members))


def differing(runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the settings, but the seed, in which runs differ, as far as their arms read them."""
    read = [_read(run) for run in runs]
    return tuple(
        name
        for name in setting_names()
        if len({str(each[name]) for each in read if name in each}) > 1
    )


def grouped(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Put runs that differ in nothing but the seed together.

    Returns
    -------
    dict
        By arm and the settings that differ, in the order given.
    """
    names = differing(runs)
    several = len({run.kind for run in runs}) > 1
    found: dict[str, list[Run]] = {}
    for run in runs:
        read = _read(run)
        parts = [run.kind] if several or not names else []
        parts += [_show(name, read[name]) for name in names if name in read]
        found.setdefault(" · ".join(parts) or run.kind, []).append(run)
    return found


def _read(run: Run) -> Mapping[str, object]:
    """The settings that the run's arm reads."""
    skipped = {*irrelevant(run.kind, run.config), _SEED}
    return {name: value for name, value in run.config.flat().items() if name not in skipped}


def _show(name: str, value: object) -> str:
    return str(value) if name in _PLAIN else f"{short_name(name)}={value}"


def _numbers(run: Run) -> tuple[float, ...]:
    found, novel = run.detector, run.detector.novel if run.detector else None
    return (
        found.all.macro_f1 if found else math.nan,
        novel.macro_f1 if novel else math.nan,
        found.all.false_alarm_rate if found else math.nan,
        found.all.balanced_accuracy if found else math.nan,
        run.majority.all.macro_f1 if run.majority else math.nan,
        sum(run.sent) / 1e6,
        sum(row.seconds for row in run.rounds),
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
