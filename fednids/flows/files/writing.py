"""Writing flows as files that `fednids.flows.files.reading.read_flows` gives back exactly."""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, parquet

from fednids.errors import ConfigError, DataError
from fednids.flows.files.messages import data_error, reason, shown, shown_path
from fednids.flows.table import FlowTable

_EXACT_INTEGERS = 2.0**53


def write_flows(table: FlowTable, path: Path, *, overwrite: bool = False) -> None:
    """Write flows to a new file, wholly or not at all.

    Parameters
    ----------
    table : FlowTable
        At least one flow.
    path : Path
        Ends in ``.csv``, ``.csv.gz`` or ``.parquet``, which chooses the format. Its folder exists.
    overwrite : bool
        Whether a file that is already there may be replaced.

    Raises
    ------
    fednids.errors.DataError
        Another suffix, no flows, a file that is already there, or a place that cannot be
        written to. Then nothing is left behind and what was there is unchanged.

    Notes
    -----
    Columns stand in the data set's order. Whole numbers are written as integers, others in the
    shortest form that reads back to the same float64, so ``read_flows`` gives the same table,
    less any hosts that no flow mentions. Equal tables give equal bytes.
    """
    opener = _opener_of(path)
    if len(table) == 0:
        raise data_error(
            shown_path(path), expected="flows to write", came="none", remedy="make at least one"
        )
    if path.exists() and not overwrite:
        raise data_error(
            shown_path(path),
            expected="a new file",
            came="one that is already there",
            remedy="choose another name or allow overwriting",
        )
    rows = _arrow_table(table)
    with _atomically(path) as file, opener(file, rows.schema) as writer:
        writer.write_table(rows)


class PieceWriter(Protocol):
    """An open flow file."""

    def write_table(self, table: pa.Table) -> None:
        """Add rows; columns as the file was opened with."""
        ...


Opener = Callable[[Any, pa.Schema], AbstractContextManager[PieceWriter]]


class _Texts:
    """CSV whose texts hold neither commas nor quotes: bare, as the data set is published."""

    def __init__(self, writer: csv.CSVWriter, schema: pa.Schema):
        self._writer, self._schema = writer, schema

    def write_table(self, table: pa.Table) -> None:
        try:
            self._writer.write_table(table.cast(self._schema))
        except pa.ArrowInvalid as error:
            found = " ".join(str(error).split())[:200]
            raise DataError(
                f"expected texts without commas and quotes for a CSV, got others ({found}); "
                "export with --format parquet"
            ) from error


@contextmanager
def _csv(file: Any, schema: pa.Schema) -> Iterator[PieceWriter]:
    types = [t.value_type if pa.types.is_dictionary(t) else t for t in schema.types]
    plain = pa.schema(list(zip(schema.names, types, strict=True)))
    file.write(",".join(schema.names).encode() + b"\n")
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    with csv.CSVWriter(file, plain, write_options=options) as writer:
        yield _Texts(writer, plain)


@contextmanager
def _csv_gz(file: Any, schema: pa.Schema) -> Iterator[PieceWriter]:
    with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed, _csv(packed, schema) as writer:
        yield writer


@contextmanager
def _parquet(file: Any, schema: pa.Schema) -> Iterator[PieceWriter]:
    options: dict[str, Any] = {"compression": "zstd", "write_page_checksum": True}
    with parquet.ParquetWriter(file, schema, **options) as writer:
        yield writer


FORMATS: dict[str, Opener] = {"parquet": _parquet, "csv": _csv, "csv.gz": _csv_gz}
"""How rows are written to an open file, piece by piece; the name is the file's suffix."""


def find_format(name: str) -> Opener:
    """Look a format up.

    Raises
    ------
    ConfigError
        There is no such format.
    """
    if name not in FORMATS:
        raise ConfigError(
            f"expected a format among {', '.join(FORMATS)}, got {name!r}; choose one of them"
        )
    return FORMATS[name]


def _opener_of(path: Path) -> Opener:
    for suffix, opener in FORMATS.items():
        if path.name.lower().endswith(f".{suffix}"):
            return opener
    raise data_error(
        shown_path(path),
        expected="a name that ends in .csv, .csv.gz, .parquet",
        came=shown(path.name),
        remedy="rename the output",
    )


def _arrow_table(table: FlowTable) -> pa.Table:
    spec, hosts = table.spec, np.array(table.hosts, dtype=object)
    columns = {name: _shortest(values) for name, values in table.numbers.items()}
    for column, codes in zip(spec.addresses, (table.source, table.destination), strict=False):
        columns[column.name] = pa.array(hosts[codes], pa.string())
    if spec.label:
        columns[spec.label.name] = pa.array(table.label)
    names = np.array(spec.classes, dtype=object)[table.attack]
    columns[spec.target.name] = pa.array(names, pa.string())
    order = [column.name for column in spec.layout(table.version) if column.name in columns]
    return pa.table({name: columns[name] for name in order})


def _shortest(values: NDArray[np.float64]) -> pa.Array:
    """Return whole numbers as integers, which print without an exponent."""
    whole = bool(np.all((values == np.floor(values)) & (values <= _EXACT_INTEGERS)))
    return pa.array(values.astype(np.int64) if whole else values)


@contextmanager
def _atomically(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes its name only once it is complete and on disk."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> DataError:
    return data_error(
        shown_path(path),
        expected="a place to write flows to",
        came=reason(error),
        remedy="check the folder, its permissions and the free space",
    )
