"""What a run's sinks were told so far, so that a resumed run goes on in the same place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fednids.errors import RunError
from fednids.files import write_atomically

LEDGER = "tracking.json"
"""In the run folder."""


@dataclass(frozen=True)
class Told:
    """One sink.

    Attributes
    ----------
    name : str
        A key of `fednids.runs.callbacks.SINKS`.
    target : str
        Where it writes; empty for its default.
    done : int
        The last round that it was told of.
    handle : str
        By which it finds its place again.
    """

    name: str
    target: str
    done: int = 0
    handle: str = ""


def read_ledger(path: Path) -> tuple[Told, ...]:
    """Read what the sinks of a run were told; nothing where it has none.

    Raises
    ------
    RunError
        The file is damaged.
    """
    file = path / LEDGER
    if not file.is_file():
        return ()
    try:
        found = tuple(Told(**each) for each in json.loads(file.read_bytes()))
        for each in found:
            if type(each.done) is not int or any(
                type(text) is not str for text in (each.name, each.target, each.handle)
            ):
                raise TypeError("a value of another type")
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunError(
            f"expected a list of the run's sinks in {file}, got something else ({reason}); "
            "remove it, and the run goes on without them"
        ) from None
    return found


def write_ledger(path: Path, told: Sequence[Told]) -> None:
    """Write what the sinks were told."""
    write_atomically(path / LEDGER, json.dumps([asdict(each) for each in told], indent=2).encode())
