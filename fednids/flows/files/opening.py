"""Opening flow files: their format by the first bytes, and what is packed checked as it unpacks.

Suffixes may lie. Small files that unpack without bound, archives that lead out of themselves, and
damaged ones are refused in one line.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from fednids.errors import DataError
from fednids.flows.files.header import LONGEST_HEADER, looks_like_flows
from fednids.flows.files.messages import data_error, reason, shown, shown_path

_BUFFER = 1 << 20
_DAMAGE = (zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, struct.error, RuntimeError)
_ENCRYPTED = 0x1
_UNPACKABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


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
    """Return how the file at ``path`` is packed.

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


@dataclass(frozen=True)
class Limits:
    """What a packed file may become.

    Attributes
    ----------
    most_bytes : int
        Largest unpacked size; all 37.8 million flows of NF-BoT-IoT-v2 take less than half of it.
    most_ratio : int
        Largest unpacked size as a multiple of the packed size, once above `free_bytes`.
    free_bytes : int
        Unpacked size up to which the ratio does not matter.
    """

    most_bytes: int = 20 * 10**9
    most_ratio: int = 1_000
    free_bytes: int = 10**9

    def allows(self, packed: int, unpacked: int) -> bool:
        """Return whether ``packed`` bytes may become ``unpacked`` bytes."""
        ratio_matters = unpacked > self.free_bytes
        return unpacked <= self.most_bytes and not (
            ratio_matters and unpacked > self.most_ratio * packed
        )

    def error(self, where: str) -> DataError:
        """Word the complaint about a file that unpacks too far."""
        return data_error(
            where,
            expected=f"at most {self.most_bytes:,} bytes of flows, and at most"
            f" {self.most_ratio:,} times the file's size",
            came="more when unpacked",
            remedy="check where the file comes from, or unpack it yourself",
        )


LIMITS = Limits()
"""The limits that `fednids.flows.files.reading.read_flows` applies."""


class Readable(Protocol):
    """Anything that gives bytes when read."""

    def read(self, size: int = -1, /) -> bytes:
        """Read at most ``size`` bytes, none at the end."""


class LimitedStream(io.RawIOBase):
    """A stream that refuses to give more unpacked bytes than its limits allow.

    Parameters
    ----------
    source : Readable
        Unpacks as it is read.
    packed : int
        Size of the packed data in bytes.
    where : str
        Name of the file in the complaint.
    limits : Limits
        What may be given.

    Raises
    ------
    fednids.errors.DataError
        On reading, as soon as the limits are passed.
    """

    def __init__(self, source: Readable, packed: int, *, where: str, limits: Limits) -> None:
        self._source = source
        self._packed = packed
        self._where = where
        self._limits = limits
        self._given = 0

    def readable(self) -> bool:
        """Return that this stream can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` as far as the source goes and give the number of bytes."""
        data = self._source.read(len(buffer))
        self._given += len(data)
        if not self._limits.allows(self._packed, self._given):
            raise self._limits.error(self._where)
        buffer[: len(data)] = data
        return len(data)


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


def choose_member(folder: zipfile.ZipFile, where: str) -> zipfile.ZipInfo:
    """Find the one member of an archive that holds flows.

    Parameters
    ----------
    folder : zipfile.ZipFile
        The open archive. Nothing of it is ever written to disk.
    where : str
        Name of the archive in complaints.

    Returns
    -------
    zipfile.ZipInfo
        The member called ``*.csv`` whose header is that of a flow file.

    Raises
    ------
    fednids.errors.DataError
        No or several such members, a member whose path leads out of the archive, a symbolic
        link, an encrypted member, or a method of compression other than deflate.
    """
    for member in folder.infolist():
        _check_safe(member, where)
    tables = [member for member in folder.infolist() if member.filename.lower().endswith(".csv")]
    for member in tables:
        _check_unpackable(member, where)
    flows = [member for member in tables if _holds_flows(folder, member)]
    if len(flows) != 1:
        raise _not_one(flows, where)
    return flows[0]


def _check_safe(member: zipfile.ZipInfo, where: str) -> None:
    name = member.orig_filename
    parts = re.split(r"[/\\]", name)
    climbs = ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name) is not None
    if climbs or stat.S_ISLNK(member.external_attr >> 16):
        raise data_error(
            f"{where}, member {shown(name)}",
            expected="a path inside the archive",
            came="one that leads out of it" if climbs else "a symbolic link",
            remedy="do not trust this archive; fetch it from its publisher",
        )


def _check_unpackable(member: zipfile.ZipInfo, where: str) -> None:
    encrypted = member.flag_bits & _ENCRYPTED
    if encrypted or member.compress_type not in _UNPACKABLE:
        raise data_error(
            f"{where}, member {shown(member.filename)}",
            expected="plain or deflated data",
            came="encrypted data" if encrypted else f"compression method {member.compress_type}",
            remedy="unpack the archive yourself and name the CSV",
        )


def _holds_flows(folder: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    with folder.open(member) as stream:
        return looks_like_flows(stream.readline(LONGEST_HEADER))


def _not_one(flows: list[zipfile.ZipInfo], where: str) -> DataError:
    names = ", ".join(shown(member.filename) for member in flows[:3])
    return data_error(
        where,
        expected="one CSV of flows in the archive",
        came=f"{len(flows)} ({names}{', ...' if len(flows) > 3 else ''})" if flows else "none",
        remedy="unpack the archive and name one CSV",
    )
