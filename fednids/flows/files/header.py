"""The header of a flow file: of which data sets its columns are, and whether it is complete."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fednids.datasets.registry import AUTO, all_datasets, candidates
from fednids.datasets.spec import Column, DatasetSpec
from fednids.errors import DataError
from fednids.flows.files.messages import data_error, shown

LONGEST_HEADER = 1 << 16
"""Bytes within which the first line has to end."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Fit:
    """A data set whose columns a file has.

    Attributes
    ----------
    spec : DatasetSpec
        The data set.
    version : str
        The feature set that the file has.
    columns : tuple of Column
        What is read of the file.
    """

    spec: DatasetSpec
    version: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns that are read."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True)
class Header:
    """The first line of a CSV of flows, found complete.

    Attributes
    ----------
    fits : tuple of Fit
        Data sets of which it can be, at least one; their class names tell which.
    names : tuple[str, ...]
        Columns in the file's order.
    quoted : bool
        Whether the file puts names, and so perhaps values, in quotes.
    """

    fits: tuple[Fit, ...]
    names: tuple[str, ...]
    quoted: bool


def parse_header(line: bytes, where: str, dataset: str = AUTO, *, tolerant: bool = False) -> Header:
    """Read the first line of a CSV.

    Parameters
    ----------
    line : bytes
        The line, with or without a UTF-8 byte order mark and a line end.
    where : str
        Name of the file in complaints.
    dataset, tolerant
        As for `check_names`.

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
    fits = check_names(names, f"{where}, line 1", dataset, tolerant=tolerant)
    return Header(fits, names, b'"' in line)


def split_header(line: bytes) -> tuple[str, ...] | None:
    """Return the names in a first line, or None where it is not text or does not end."""
    bare = line.removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n")
    if not bare or len(line) >= LONGEST_HEADER:
        return None
    try:
        text = bare.decode("utf-8")
        return tuple(next(csv.reader([text]))) if '"' in text else tuple(text.split(","))
    except (UnicodeDecodeError, csv.Error):
        return None


def looks_like_flows(line: bytes) -> bool:
    """Return whether a first line has half of the columns of any data set."""
    given = set(split_header(line) or ())
    needed = (s.required(version) for s in all_datasets() for version in s.feature_sets)
    return any(2 * len(given.intersection(names)) >= len(names) for names in needed)


def check_names(
    names: Sequence[str], where: str, dataset: str = AUTO, *, tolerant: bool = False
) -> tuple[Fit, ...]:
    """Return the data sets of which a file can be by its columns, which may stand in any order.

    Parameters
    ----------
    names : Sequence[str]
        All columns of the file.
    where : str
        Name of the file in complaints.
    dataset : str
        The setting ``data.dataset``.
    tolerant : bool
        Whether columns that the data set does not have are passed over.

    Raises
    ------
    fednids.errors.DataError
        A column stands there twice, is missing, or is not part of the nearest data set.
    """
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise _wrong_names(where, "each column once", f"column {_listed(twice)} twice")
    found: list[tuple[tuple[int, int, int], Fit]] = []
    for spec in candidates(dataset):
        for version in spec.feature_sets:
            fit = Fit(spec, version, tuple(c for c in spec.layout(version) if c.name in names))
            missing, extra = _compared(names, fit, tolerant=tolerant)
            wrong = len(missing) + len(extra)
            found.append(((wrong, len(missing), -len(fit.columns)), fit))
    nearest = min(key for key, _ in found)
    fits = tuple(fit for key, fit in found if key == nearest)
    missing, extra = _compared(names, fits[0], tolerant=tolerant)
    if missing or extra:
        parts = [f"no column {_listed(missing)}"] if missing else []
        parts += [f"an unknown column {_listed(extra)}"] if extra else []
        version = fits[0].version if len(fits[0].spec.feature_sets) > 1 else ""
        what = f"the columns of {fits[0].spec.title} {version}".rstrip()
        raise _wrong_names(where, what, " and ".join(parts))
    return fits


def choose_fit(fits: Sequence[Fit], classes: Iterable[str]) -> tuple[Fit, bool]:
    """Return the first data set that has all the classes, or most; and whether it has all."""
    wanted = set(classes)
    best = max(fits, key=lambda fit: len(wanted & fit.spec.codes.keys()))
    return best, wanted <= best.spec.codes.keys()


def _compared(names: Sequence[str], fit: Fit, *, tolerant: bool) -> tuple[list[str], list[str]]:
    """Return what a file lacks of a data set, and what it has beside."""
    missing = [name for name in fit.spec.required(fit.version) if name not in names]
    if tolerant or fit.spec.other_columns:
        return missing, []
    origins = {column.name for column in fit.spec.columns if column.role == "origin"}
    return missing, [name for name in names if name not in origins.union(fit.names)]


def _wrong_names(where: str, expected: str, came: str) -> DataError:
    return data_error(where, expected=expected, came=came, remedy="correct the columns")


def _listed(names: Iterable[str]) -> str:
    every = [shown(name) for name in names]
    more = f" and {len(every) - 3} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more
