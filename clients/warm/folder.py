"""Where trainer and ClientApp meet: a socket and a key in a folder that only its owner enters.

::

    FOLDER/           0700
        socket        0600, listened to while the trainer lives
        key           0600, drawn anew by each trainer
        lock          held while the trainer lives
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Listener
from pathlib import Path

from filelock import FileLock, Timeout

from fednids.errors import SetupError

_SOCKET, _KEY, _LOCK = "socket", "key", "lock"
_KEY_BYTES = 32
_BACKLOG = 64


@dataclass(frozen=True)
class Opened:
    """A trainer's end of the meeting place.

    Attributes
    ----------
    listener : Listener
        Whoever comes has still to show that it knows the key.
    key : bytes
        Of this trainer.
    """

    listener: Listener
    key: bytes


@contextmanager
def opened(folder: Path) -> Iterator[Opened]:
    """Listen in a folder, and leave neither socket nor key behind.

    Raises
    ------
    SetupError
        The folder cannot be made, is open to others, or has a trainer already.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_ours(folder, 0o700)
    except (OSError, PermissionError) as error:
        raise SetupError(
            f"expected a folder of our own for the trainer's socket, got {folder} ({error}); "
            "name another, or chmod 700 it"
        ) from None
    lock = FileLock(folder / _LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise SetupError(
            f"expected no trainer in {folder}, got one that is running; stop it or name another "
            "folder"
        ) from None
    with lock, _listening(folder) as listener:
        yield Opened(listener, _new_key(folder))


@contextmanager
def address(folder: Path) -> Iterator[str]:
    """Yield the socket's address, short however deep the folder lies.

    Systems allow about a hundred characters for it.

    Raises
    ------
    OSError
        There is no such folder.
    """
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{place}/{_SOCKET}"
    finally:
        os.close(place)


def read_key(folder: Path) -> bytes:
    """Read the trainer's key.

    Raises
    ------
    OSError
        There is none, or somebody else could have put it there.
    """
    check_ours(folder, 0o700)
    check_ours(folder / _KEY, 0o600)
    return (folder / _KEY).read_bytes()


def check_ours(path: Path, mode: int) -> None:
    """Check that a path is ours alone.

    Raises
    ------
    PermissionError
        It is somebody else's, or others may use it.
    OSError
        It is not there.
    """
    found = path.lstat()
    ours = found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode)
    if not ours or stat.S_IMODE(found.st_mode) & ~mode:
        raise PermissionError(f"{path.name} is open to others: {stat.filemode(found.st_mode)}")


@contextmanager
def _listening(folder: Path) -> Iterator[Listener]:
    for name in (_SOCKET, _KEY):
        (folder / name).unlink(missing_ok=True)  # of a trainer that was killed
    with address(folder) as place:
        listener = Listener(place, "AF_UNIX", backlog=_BACKLOG)
        try:
            (folder / _SOCKET).chmod(0o600)
            yield listener
        finally:
            with suppress(OSError):
                listener.close()
            for name in (_SOCKET, _KEY):
                (folder / name).unlink(missing_ok=True)


def _new_key(folder: Path) -> bytes:
    """Draw a key, and write it so that it is never there in part."""
    key, beside = secrets.token_bytes(_KEY_BYTES), folder / f".{_KEY}.tmp"
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
    beside.replace(folder / _KEY)
    return key
