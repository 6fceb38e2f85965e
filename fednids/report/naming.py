"""What differs between runs, and their names by it."""

from __future__ import annotations

from collections.abc import Sequence

from fednids.config import KEYS
from fednids.runs.reader import Run
from fednids.studies.relevance import irrelevant

_SEED = "run.seed"
_PLAIN = ("federation.strategy", "partition.scheme", "attack.kind")
"""Settings whose values speak for themselves."""


def differing(runs: Sequence[Run]) -> tuple[str, ...]:
    """Name the settings, but the seed, in which runs differ, as far as their arms read them."""
    read = [_read(run) for run in runs]
    return tuple(
        name for name in KEYS if len({str(each[name]) for each in read if name in each}) > 1
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


def _read(run: Run) -> dict[str, object]:
    """Give the settings that the run's arm reads."""
    skipped = {*irrelevant(run.kind, run.config), _SEED}
    return {name: value for name, value in run.config.flat().items() if name not in skipped}


def _show(name: str, value: object) -> str:
    return str(value) if name in _PLAIN else f"{name.rpartition('.')[2]}={value}"
