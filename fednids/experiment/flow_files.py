"""Flow files written piece by piece, in each format that fednids reads."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
from pyarrow import csv, parquet

from fednids.errors import ConfigError, DataError


class PieceWriter(Protocol):
    """An open flow file."""

    def write_table(self, table: pa.Table) -> None:
        """Add rows; columns as the file was opened with."""
        ...


Opener = Callable[[Path, pa.Schema], AbstractContextManager[PieceWriter]]


class _Texts:
    """CSV whose texts hold neither commas nor quotes: bare, as the data set is published."""

    def __init__(self, writer: csv.CSVWriter, schema: pa.Schema):
        self._writer, self._schema = writer, schema

    def write_table(self, table: pa.Table) -> None:
        try:
            self._writer.write_table(table.cast(self._schema))
        except pa.ArrowInvalid as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"expected texts without commas and quotes for a CSV, got others ({reason}); "
                "export with --format parquet"
            ) from error


@contextmanager
def _csv(path: Path, schema: pa.Schema) -> Iterator[PieceWriter]:
    with path.open("wb") as file, _csv_into(file, schema) as writer:
        yield writer


@contextmanager
def _csv_gz(path: Path, schema: pa.Schema) -> Iterator[PieceWriter]:
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
        _csv_into(packed, schema) as writer,
    ):
        yield writer


@contextmanager
def _csv_into(file: Any, schema: pa.Schema) -> Iterator[PieceWriter]:
    plain = pa.schema([(field.name, _plain(field.type)) for field in schema])
    file.write(",".join(schema.names).encode() + b"\n")
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    with csv.CSVWriter(file, plain, write_options=options) as writer:
        yield _Texts(writer, plain)


def _plain(given: pa.DataType) -> pa.DataType:
    return given.value_type if pa.types.is_dictionary(given) else given


@contextmanager
def _parquet(path: Path, schema: pa.Schema) -> Iterator[PieceWriter]:
    with parquet.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as file:
        yield file


FORMATS: dict[str, Opener] = {"parquet": _parquet, "csv": _csv, "csv.gz": _csv_gz}
"""How a file of each format is opened; the name is its suffix."""


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
