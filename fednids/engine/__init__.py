"""Engines: where and in what order gateways train. Engines change speed, never results."""

from __future__ import annotations

from fednids.engine.base import LocalGrid
from fednids.engine.inprocess import InProcessGrid
from fednids.errors import ConfigError

__all__ = ["ENGINES", "InProcessGrid", "LocalGrid", "find_engine"]

ENGINES: dict[str, type[LocalGrid]] = {"inprocess": InProcessGrid}
"""How to add one: write a subclass of `LocalGrid` with `send_and_receive`, add a line here,
run ``pytest tests/contracts/test_engines.py``."""


def find_engine(name: str) -> type[LocalGrid]:
    """Look an engine up; ``auto`` picks the fastest for the machine.

    Raises
    ------
    ConfigError
        There is none of this name.
    """
    if name == "auto":
        return InProcessGrid
    if name not in ENGINES:
        raise ConfigError(
            f"expected run.engine to be auto or one of {', '.join(ENGINES)}, got {name!r}; "
            "choose one of these"
        )
    return ENGINES[name]
