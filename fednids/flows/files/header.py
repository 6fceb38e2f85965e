"""The header of a flow file: which version it announces, and whether it is complete."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fednids.errors import DataError
from fednids.flows.files.messages import data_error, shown
from fednids.flows.schema import OPTIONAL, Version, required_names

LONGEST_HEADER = 1 << 16
"""Bytes within which the first line has to end."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_VERSIONS: tuple[Version, ...] = ("v1", "v2")
_OPTIONAL_NAMES = frozenset(column.name for column in OPTIONAL)


@dataclass(frozen=True)
class Header:
    """The first line of a CSV of flows, found complete.

    Attributes
    ----------
    version : {"v1", "v2"}
        Which schema the columns follow.
    names : tuple[str, ...]
        Columns in the file's order.
    quoted : bool
        Whether the file puts names, and so perhaps values, in quotes.
    """

    version: Version
    names: tuple[str, ...]
    quoted: bool


def parse_header(line: bytes, where: str) -> Header:
    """Read the first line of a CSV.

    Parameters
    ----------
    line : bytes
        The line, with or without a UTF-8 byte order mark and a line end.
    where : str
        Name of the file in complaints.

    Raises
    ------
    fednids.errors.DataError
        The line is not UTF-8 text, or not the header of a flow file.
    """
    names = split_header(line)
    if names is None:
        raise data_error(
            f"{where}, line 1",
            expected="a header of column names in UTF-8",
            came=shown(line.decode("latin-1")),
            remedy="name a CSV, CSV.gz, zip or Parquet file of flows",
        )
    return Header(check_names(names, f"{where}, line 1"), names, b'"' in line)


def split_header(line: bytes) -> tuple[str, ...] | None:
    """Give the names in a first line, or None where it is not text or does not end."""
    bare = line.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n")
    if not bare or len(line) >= LONGEST_HEADER:
        return None
    try:
        text = bare.decode("utf-8")
        return tuple(next(csv.reader([text]))) if '"' in text else tuple(text.split(","))
    except (UnicodeDecodeError, csv.Error):
        return None


def looks_like_flows(line: bytes) -> bool:
    """Tell whether a first line is meant as the header of a flow file, complete or not."""
    expected = set(required_names("v1"))
    return 2 * len(expected & set(split_header(line) or ())) >= len(expected)


def check_names(names: Sequence[str], where: str) -> Version:
    """Tell the version of a file by its column names, which may stand in any order.

    Parameters
    ----------
    names : Sequence[str]
        All columns of the file.
    where : str
        Name of the file in complaints.

    Returns
    -------
    {"v1", "v2"}
        The version whose columns these are.

    Raises
    ------
    fednids.errors.DataError
        A column stands there twice, is missing, or is not part of the nearest version.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise _wrong_names(where, "each column once", f"column {_listed(twice)} twice")
    given = set(names) - _OPTIONAL_NAMES
    version = min(_VERSIONS, key=lambda each: len(given.symmetric_difference(required_names(each))))
    missing = [name for name in required_names(version) if name not in given]
    extra = [name for name in names if name in given.difference(required_names(version))]
    if missing or extra:
        raise _wrong_names(where, f"the columns of NF-BoT-IoT {version}", _compared(missing, extra))
    return version


def _wrong_names(where: str, expected: str, came: str) -> DataError:
    return data_error(where, expected=expected, came=came, remedy="correct the columns")


def _compared(missing: Sequence[str], extra: Sequence[str]) -> str:
    parts = [f"no column {_listed(missing)}"] if missing else []
    return " and ".join(parts + ([f"an unknown column {_listed(extra)}"] if extra else []))


def _listed(names: Iterable[str]) -> str:
    every = [shown(name) for name in names]
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more
