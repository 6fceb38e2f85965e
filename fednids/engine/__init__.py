"""Engines: where and in what order gateways train. Engines change speed, never results."""

from __future__ import annotations

import os
from collections.abc import Callable

from fednids.engine.base import Clients, LocalGrid
from fednids.engine.inprocess import InProcessGrid
from fednids.engine.processes import ProcessGrid
from fednids.errors import ConfigError

__all__ = [
    "ENGINES",
    "Clients",
    "InProcessGrid",
    "LocalGrid",
    "ProcessGrid",
    "check_engine",
    "open_grid",
]

ENGINES: dict[str, Callable[[Clients, int], LocalGrid]] = {
    "inprocess": lambda clients, workers: InProcessGrid(clients),
    "processes": ProcessGrid,
}
"""How to add one: write a subclass of `LocalGrid` with `send_and_receive`, add a line here,
run ``pytest tests/contracts/test_engines.py``."""

WORTH_PROCESSES = 100_000
"""Windows trained on in a run from which starting workers pays; a few seconds' work."""


def check_engine(name: str) -> None:
    """Refuse names of no engine.

    Raises
    ------
    ConfigError
        There is none of this name.
    """
    if name != "auto" and name not in ENGINES:
        raise ConfigError(
            f"expected run.engine to be auto or one of {', '.join(ENGINES)}, got {name!r}; "
            "choose one of these"
        )


def open_grid(name: str, clients: Clients, *, workers: int, work: int) -> LocalGrid:
    """Start an engine.

    Parameters
    ----------
    name : str
        A name in `ENGINES`; ``auto`` takes processes where that is faster.
    clients : Clients
        Who answers.
    workers : int
        Number of processes; 0 for one a processor. Never more than gateways.
    work : int
        Windows that the run will train on, for ``auto``.
    """
    check_engine(name)
    count = min(workers or len(os.sched_getaffinity(0)), clients.gateways)
    if name == "auto":
        name = "processes" if count > 1 and work >= WORTH_PROCESSES else "inprocess"
    return ENGINES[name](clients, count)
