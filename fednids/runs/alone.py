"""One process a run folder: a lock that ends with the process, and leaves no file."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fednids.errors import RunError

_PATIENCE = 3.0
"""Seconds to wait for a process that was killed to be gone."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL)
"""What file systems say that know no locks; there we go on without."""


@contextmanager
def alone_in(path: Path, *, patience: float | None = None) -> Iterator[None]:
    """Keep others from writing a run folder; make it, and remove it again if it stays empty.

    Parameters
    ----------
    path : Path
        The run folder.
    patience : float, optional
        Seconds until another's lock is an error; 3 by default.

    Raises
    ------
    RunError
        Another process writes a run there.
    """
    if path.exists() and not path.is_dir():
        yield  # whoever writes there says what is wrong with it
        return
    path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, path, time.monotonic() + (_PATIENCE if patience is None else patience))
        try:
            yield
        finally:
            with suppress(OSError):
                path.rmdir()
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.05)
                continue
            raise RunError(
                f"expected a run folder that nobody writes to, got {path}, where a run is going "
                "on; wait for its end, or name another"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return
