"""One process a role: a lock on its state folder, and no process that outlives it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from fednids.deploy.environment import MARK
from fednids.deploy.private import private_folder
from fednids.errors import SetupError

PARENT = "FEDNIDS_DEPLOY_PARENT"
"""Process id of the one that a Flower program must not outlive."""

_PR_SET_PDEATHSIG = 1
_PAUSE = 0.05
_LOCK = "lock"
_PATIENCE, _LAST = 5.0, 1.0


@contextlib.contextmanager
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


def die_with_parent() -> None:
    """Ask Linux to end this process when the one that started it dies."""
    parent = os.environ.get(PARENT)
    if parent is None:
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        sys.exit(1)


def find_marked(state: Path) -> list[int]:
    """List the processes that work for a role, whatever started them.

    Parameters
    ----------
    state : Path
        The role's state folder; its processes have it in their environment.
    """
    mark = f"{MARK}={state}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def end_marked(state: Path, *, patience: float) -> None:
    """End all processes of a role, gently first.

    Parameters
    ----------
    state : Path
        As in `find_marked`.
    patience : float
        Seconds from the request to the kill.
    """
    _signal(state, signal.SIGTERM)
    until = time.monotonic() + patience
    while find_marked(state) and time.monotonic() < until:
        time.sleep(_PAUSE)
    while find_marked(state):
        _signal(state, signal.SIGKILL)
        time.sleep(_PAUSE)


def _signal(state: Path, number: signal.Signals) -> None:
    for pid in find_marked(state):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
