r"""What is called as a run goes: the progress screen, and sinks that write it elsewhere.

A sink of one's own is a class with the three methods of `Callback` that is made from one text,
where to write (empty for its own default), and that is registered under the name that ``--track``
takes, in a file that ``--plugin`` names or in a distribution with an entry point in the group
``fednids.sinks``::

    from fednids.extensions import SINKS

    @SINKS.register("lines")
    class Lines:
        def __init__(self, target: str):
            self._file = Path(target or "run.txt")

        def run_began(self, run: RunStart) -> str:
            return str(self._file)

        def round_ended(self, ended: RoundEnd) -> None:
            with self._file.open("a") as file:
                file.write(f"{ended.number} {ended.metrics['test/macro_f1']}\n")

        def run_ended(self, result: ResultRecord | None) -> None:
            pass

What is missing for it, a package say, is best found when it is made: nothing has been run then.
A sink that raises an error later is warned of once and called no more; the run goes on.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from fednids.config import Config
from fednids.errors import SetupError
from fednids.metrics import ConfusionCounts, scores
from fednids.runs.records import ResultRecord, RoundRecord

_LEFT_OUT = ("round", "partition_id")


@dataclass(frozen=True)
class RunStart:
    """A run that begins, or goes on.

    Attributes
    ----------
    path : Path
        The run folder.
    kind : str
        The arm.
    config : Config
        Its settings.
    done : int
        The last round that this sink was told of before; 0 in a new run.
    handle : str
        What `Callback.run_began` returned when the run was new; empty in a new run.
    """

    path: Path
    kind: str
    config: Config
    done: int = 0
    handle: str = ""

    @property
    def settings(self) -> dict[str, str]:
        """Settings as texts by ``section.key``; those that are left to a preset as a dash."""
        return {n: str(value) if value != "" else "-" for n, value in self.config.flat().items()}


@dataclass(frozen=True)
class RoundEnd:
    """One round that has ended, as the run folder has it.

    Attributes
    ----------
    record : RoundRecord
        The round.
    rows : Mapping[int, Mapping[str, Any]]
        By partition id, the gateway's row of ``gateways.parquet``.
    """

    record: RoundRecord
    rows: Mapping[int, Mapping[str, Any]]

    @property
    def number(self) -> int:
        """From 1."""
        return self.record.round

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Its numbers by path of keys, as ``test/novel/macro_f1``.

        Participants and failures are how many; texts, other lists and undefined rates are left
        out.
        """
        counted = {name: len(getattr(self.record, name)) for name in ("participants", "failures")}
        return flat_numbers({**self.record.to_json(), **counted})

    @cached_property
    def gateways(self) -> dict[int, dict[str, float]]:
        """By partition id, the numbers of its row.

        And ``accuracy``, ``macro_f1`` and ``false_alarm_rate`` on its own test flows.
        """
        return {k: _gateway_numbers(row) for k, row in self.rows.items()}


class Callback(Protocol):
    """Is called as a run goes."""

    def run_began(self, run: RunStart) -> str:
        """Open what is written to; return a handle by which a resumed run finds it again."""
        ...

    def round_ended(self, ended: RoundEnd) -> None:
        """Take note of the round after the last one; after a resume, of those missed, first."""
        ...

    def run_ended(self, result: ResultRecord | None) -> None:
        """Close what is written to; `result` is None where the run was stopped."""
        ...


def flat_numbers(value: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of nested objects by path of keys, with ``/`` between."""
    return dict(_numbers(value, ""))


def demand_package(name: str, install: str, sink: str) -> ModuleType:
    """Import a package that a sink needs and fednids does not.

    Parameters
    ----------
    name : str
        The module.
    install : str
        What to tell pip.
    sink : str
        Who needs it.

    Raises
    ------
    SetupError
        It is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        reason = " ".join(str(error).split())[:200]
        raise SetupError(
            f"expected the package {name} for --track {sink}, got none ({reason}); "
            f"pip install '{install}'"
        ) from None


def _numbers(value: Mapping[str, Any], before: str) -> Iterator[tuple[str, float]]:
    for name, each in value.items():
        if isinstance(each, Mapping):
            yield from _numbers(each, f"{before}{name}/")
        elif isinstance(each, int | float) and name not in _LEFT_OUT and math.isfinite(each):
            yield f"{before}{name}", float(each)


def _gateway_numbers(row: Mapping[str, Any]) -> dict[str, float]:
    size = math.isqrt(len(row["confusion"]))
    counts = ConfusionCounts(np.reshape(row["confusion"], (size, size)))
    found = scores(counts, [str(k) for k in range(size)])
    rates = {name: getattr(found, name) for name in ("accuracy", "macro_f1", "false_alarm_rate")}
    return flat_numbers({**rates, **row})
