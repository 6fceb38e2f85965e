"""What a sink is, and what it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from fednids.config import Config


@dataclass(frozen=True)
class Start:
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
        What `Sink.begin` gave when the run was new; empty in a new run.
    """

    path: Path
    kind: str
    config: Config
    done: int = 0
    handle: str = ""


@dataclass(frozen=True)
class RoundMetrics:
    """One round as numbers.

    Attributes
    ----------
    number : int
        From 1.
    metrics : Mapping[str, float]
        By path of keys in ``rounds.jsonl``, as ``test/novel/macro_f1``; participants and
        failures are their numbers. Undefined rates are left out.
    gateways : Mapping[int, Mapping[str, float]]
        By partition id: ``accuracy``, ``macro_f1`` and ``false_alarm_rate`` on the gateway's
        own test flows, and the numbers of its row in ``gateways.parquet``.
    """

    number: int
    metrics: Mapping[str, float]
    gateways: Mapping[int, Mapping[str, float]]


class Sink(Protocol):
    """A place that a run is written to beside its folder."""

    def begin(self, start: Start) -> str:
        """Open the place, and give a handle by which a resumed run finds it again."""
        ...

    def rounds_ended(self, rounds: Sequence[RoundMetrics]) -> None:
        """Write rounds that follow the last one."""
        ...

    def finish(self, result: Mapping[str, Any] | None) -> None:
        """Close the place; `result` is ``result.json``, None where the run was stopped."""
        ...


class SinkMaker(Protocol):
    """Makes a sink, and finds what is missing for it before time is spent."""

    def __call__(self, target: str) -> Sink:
        """Make a sink.

        Parameters
        ----------
        target : str
            Where to write; the sink's own default where it is empty.

        Raises
        ------
        SetupError
            A package is missing.
        ConfigError
            The target is none.
        """
        ...
