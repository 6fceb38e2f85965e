"""Telling the formats of flow files apart by their first bytes; suffixes may lie."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path

from fednids.flows.files.messages import data_error, reason, shown_path


class Format(Enum):
    """How the flows of a file are packed; the value is for people."""

    CSV = "CSV"
    GZIP = "gzip"
    ZIP = "zip"
    PARQUET = "Parquet"


_MAGIC = {
    b"\x1f\x8b": Format.GZIP,
    b"PK\x03\x04": Format.ZIP,
    b"PK\x05\x06": Format.ZIP,
    b"PK\x07\x08": Format.ZIP,
    b"PAR1": Format.PARQUET,
}


def format_of(path: Path) -> Format:
    """Tell how the file at ``path`` is packed.

    Raises
    ------
    fednids.errors.DataError
        No regular file stands there, it may not be read, or it has no bytes.
    """
    with readable(path):
        _check_regular(path)
        with path.open("rb") as file:
            start = file.read(4)
    if not start:
        raise data_error(
            shown_path(path), expected="flows", came="an empty file", remedy="fetch it again"
        )
    found = (kind for magic, kind in _MAGIC.items() if start.startswith(magic))
    return next(found, Format.CSV)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the system's refusals to open or read ``path`` into one `DataError`."""
    where = shown_path(path)
    try:
        yield
    except FileNotFoundError as error:
        raise data_error(
            where, expected="a flow file", came="nothing of that name", remedy="check the path"
        ) from error
    except PermissionError as error:
        raise data_error(
            where,
            expected="a file that you may read",
            came="a refusal",
            remedy="ask its owner for permission",
        ) from error
    except OSError as error:
        raise data_error(
            where, expected="a readable file", came=reason(error), remedy="check the path"
        ) from error


def _check_regular(path: Path) -> None:
    if "\0" in str(path):
        raise FileNotFoundError(path)
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise data_error(
            shown_path(path), expected="a flow file", came=kind, remedy="name a regular file"
        )
