"""Engines: where and in what order clients train. Engines change speed, never results."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable

from fednids.errors import ConfigError, SetupError
from fednids.simulation.engines.base import Clients, InProcessGrid, LocalGrid
from fednids.simulation.engines.processes import ProcessGrid

__all__ = [
    "ENGINES",
    "Clients",
    "InProcessGrid",
    "LocalGrid",
    "ProcessGrid",
    "check_engine",
    "open_grid",
]


def _processes(clients: Clients, workers: int) -> LocalGrid:
    return ProcessGrid(clients, _count(clients, workers))


def _ray(clients: Clients, workers: int) -> LocalGrid:
    from fednids.simulation.engines.ray import RayGrid  # an optional extra

    return RayGrid(clients, workers)


def _count(clients: Clients, workers: int) -> int:
    return min(workers or len(os.sched_getaffinity(0)), clients.gateways)


ENGINES: dict[str, Callable[[Clients, int], LocalGrid]] = {
    "inprocess": lambda clients, workers: InProcessGrid(clients),
    "processes": _processes,
    "ray": _ray,
}
"""How to add one: write a subclass of `LocalGrid` with `stream`, or of
`fednids.simulation.engines.pool.PoolGrid` where there are workers; add a line here, which is
called with the number of workers, 0 for one a processor; run ``pytest
tests/contracts/test_engines.py``."""

WORTH_PROCESSES = 100_000
"""Windows of a run from which starting workers saves time; a few seconds' work."""


def check_engine(name: str) -> None:
    """Check that there is an engine of this name, and that its package is installed.

    Raises
    ------
    ConfigError
        There is no engine of this name.
    SetupError
        The engine is ``ray``, and Ray is not installed.
    """
    if name != "auto" and name not in ENGINES:
        raise ConfigError(
            f"expected run.engine to be auto or one of {', '.join(ENGINES)}, got {name!r}; "
            "choose one of these"
        )
    if name == "ray" and importlib.util.find_spec("ray") is None:
        raise SetupError(
            "expected the packages of fednids[ray] for run.engine=ray, got none called ray; "
            "install them with pip install 'fednids[ray]'"
        )


def open_grid(name: str, clients: Clients, *, workers: int, work: int) -> LocalGrid:
    """Start an engine.

    Parameters
    ----------
    name : str
        A name in `ENGINES`; ``auto`` chooses processes where that is faster.
    clients : Clients
        The clients of the run.
    workers : int
        Number of processes; 0 for one a processor, of this machine or of the Ray cluster.
        Never more than clients.
    work : int
        Number of windows that the run will train on, for ``auto``.

    Raises
    ------
    ConfigError, SetupError
        There is no such engine, or it cannot start here.
    """
    check_engine(name)
    if name == "auto":
        worth = _count(clients, workers) > 1 and work >= WORTH_PROCESSES
        name = "processes" if worth else "inprocess"
    return ENGINES[name](clients, workers)
