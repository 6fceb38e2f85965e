"""Opening the CSV inside a flow file: plain, gzip or zip, checked while it unpacks."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fednids.flows.files.formats import Format, readable
from fednids.flows.files.limits import LIMITS, LimitedStream, Limits, Readable
from fednids.flows.files.members import choose_member
from fednids.flows.files.messages import data_error, reason, shown, shown_path

_BUFFER = 1 << 20
_DAMAGE = (zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, struct.error, RuntimeError)


@dataclass(frozen=True)
class CsvSource:
    """An open CSV, not yet read.

    Attributes
    ----------
    name : str
        File, and member if it lies in an archive, for messages.
    stream : BinaryIO
        Its unpacked bytes, from the first.
    """

    name: str
    stream: BinaryIO


@contextmanager
def open_csv(path: Path, packing: Format, *, limits: Limits = LIMITS) -> Iterator[CsvSource]:
    """Open the CSV at ``path`` for one reading from start to end.

    Parameters
    ----------
    path : Path
        A regular file.
    packing : Format
        As `format_of` tells it, any but Parquet.
    limits : Limits
        How far it may unpack.

    Yields
    ------
    CsvSource
        The bytes and their name.

    Raises
    ------
    fednids.errors.DataError
        On opening or while the caller reads: the archive is damaged, cut short, unsafe,
        encrypted, holds no or several flow files, or unpacks beyond the limits.
    """
    with readable(path), _undamaged(path, packing), path.open("rb") as file:
        size = path.stat().st_size
        if packing is Format.CSV:
            yield CsvSource(shown_path(path), file)
        elif packing is Format.GZIP:
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield _limited(unpacked, size, shown_path(path), limits)
        else:
            folder, member = _open_archive(file, shown_path(path))
            name = f"{shown_path(path)}, member {shown(member.filename)}"
            with folder, folder.open(member) as unpacked_member:
                yield _limited(unpacked_member, size, name, limits)


def _open_archive(file: BinaryIO, where: str) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
    try:
        folder = zipfile.ZipFile(file)
        return folder, choose_member(folder, where)
    except (OSError, ValueError, OverflowError, IndexError) as error:
        raise zipfile.BadZipFile(reason(error)) from error


def _limited(source: Readable, packed: int, where: str, limits: Limits) -> CsvSource:
    stream = LimitedStream(source, packed, where=where, limits=limits)
    return CsvSource(where, io.BufferedReader(stream, _BUFFER))


@contextmanager
def _undamaged(path: Path, packing: Format) -> Iterator[None]:
    """Turn what the unpackers raise on damaged data into one `DataError`."""
    came = "one that ends early"
    try:
        yield
        return
    except EOFError as error:
        cause: Exception = error
    except _DAMAGE as error:
        cause, came = error, f"a damaged one ({reason(error)})"
    raise data_error(
        shown_path(path),
        expected=f"a whole {packing.value} file",
        came=came,
        remedy="fetch it again",
    ) from cause
