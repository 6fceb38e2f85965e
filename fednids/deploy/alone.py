"""One process a role: a lock on its state folder, and no leftovers of one that was killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from fednids.deploy.orphans import end_marked
from fednids.deploy.private import private_folder
from fednids.errors import SetupError

_LOCK = "lock"
_PATIENCE, _LAST = 5.0, 1.0


@contextmanager
def alone(state: Path, what: str) -> Iterator[None]:
    """Hold a role's state folder; at both ends, end what still runs for the role.

    Raises
    ------
    SetupError
        The role is running.
    """
    lock = FileLock(private_folder(state) / _LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise SetupError(
            f"expected {what} not to run yet, got one that uses {state}; stop that one first"
        ) from None
    try:
        end_marked(state, patience=_PATIENCE)
        yield
    finally:
        end_marked(state, patience=_LAST)
        lock.release()
