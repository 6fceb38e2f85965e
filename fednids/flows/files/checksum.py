"""SHA-256 of flow files: computing it, holding it against what was expected, knowing it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from fednids.flows.files.formats import format_of, readable
from fednids.flows.files.messages import data_error, shown, shown_path

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class KnownFile:
    """A published flow file.

    Attributes
    ----------
    title : str
        What it is, for people.
    sha256 : str
        Its checksum in lower-case hexadecimal.
    size : int
        Its length in bytes.
    """

    title: str
    sha256: str
    size: int


KNOWN_FILES: dict[str, KnownFile] = {
    "NF-BoT-IoT.csv": KnownFile(
        "NF-BoT-IoT v1 as published",
        "0dcaeb12918dccee4127e537863366958a2fdc222fda06e0b1b0458c31a429ff",
        49_056_932,
    ),
}
"""Published files by name; v1's checksum and size are those in two public Git LFS pointers."""


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
    with readable(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    """Tell which published file has this checksum, None for an unknown one."""
    titles = (known.title for known in KNOWN_FILES.values() if known.sha256 == sha256.lower())
    return next(titles, None)
