"""Files and folders that their owner alone may read."""

from __future__ import annotations

import os
from pathlib import Path

from fednids.errors import SetupError


def write_private(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600, in a folder with mode 0700.

    Raises
    ------
    SetupError
        There is such a file already; it is left as it is.
    """
    private_folder(path.parent)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise SetupError(
            f"expected no {path} yet, got one; keys are never overwritten, move it away first"
        ) from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def private_folder(path: Path) -> Path:
    """Make a folder and the parents that are missing, all of them for their owner alone."""
    if not path.is_dir():
        private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
    return path


def check_private(path: Path) -> None:
    """Check that a secret file exists and that only its owner can read it.

    Raises
    ------
    SetupError
        It is missing, or its mode lets others in.
    """
    try:
        mode = path.stat().st_mode & 0o777
    except OSError as error:
        raise SetupError(
            f"expected the private file {path}, got {error.strerror or error}; copy it from where "
            "`fednids deploy init` wrote it"
        ) from None
    if mode & 0o077:
        raise SetupError(
            f"expected {path} with mode 600, got {mode:o}; run chmod 600 {path}, and make a new "
            "key if others could read it"
        )
