"""SHA-256 of flow files: computing it, holding it against what was expected, knowing it."""

from __future__ import annotations

import re
from pathlib import Path

from fednids.datasets.registry import all_datasets
from fednids.files import sha256_of
from fednids.flows.files.messages import data_error, shown, shown_path
from fednids.flows.files.opening import format_of, readable

_SHA256 = re.compile(r"[0-9a-f]{64}")


def file_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, as they lie on disk.

    Returns
    -------
    str
        64 lower-case hexadecimal digits.

    Raises
    ------
    fednids.errors.DataError
        The file is missing, empty, not regular, or may not be read.
    """
    format_of(path)
    with readable(path):
        return sha256_of(path)


def verify_checksum(path: Path, expected_sha256: str) -> None:
    """Make sure that a file has the checksum that the user was told.

    Parameters
    ----------
    path : Path
        The file.
    expected_sha256 : str
        64 hexadecimal digits in either case; space around them is ignored.

    Raises
    ------
    fednids.errors.DataError
        The checksum differs, ``expected_sha256`` is none, or the file cannot be read.
    """
    expected = expected_sha256.strip().lower()
    if not _SHA256.fullmatch(expected):
        raise data_error(
            shown_path(path),
            expected="a SHA-256 of 64 hexadecimal digits to check against",
            came=shown(expected_sha256),
            remedy="copy the whole checksum",
        )
    came = file_sha256(path)
    if came != expected:
        raise data_error(
            shown_path(path),
            expected=f"SHA-256 {expected}",
            came=came,
            remedy="fetch the file again, or correct the checksum",
        )


def recognise(sha256: str) -> str | None:
    """Return the title of the published file with this checksum, None for an unknown one."""
    files = (file for spec in all_datasets() for file in spec.published)
    return next((file.title for file in files if file.sha256 == sha256.lower()), None)
