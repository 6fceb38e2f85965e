"""The rows of a flow file as they stand in it, a piece at a time, by any number of readings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

from fednids.errors import DataError
from fednids.flows.files.columns import LONGEST_LINE
from fednids.flows.files.header import LONGEST_HEADER, Header, parse_header
from fednids.flows.files.opening import Format, format_of, open_csv

_EXACT_INTEGERS = 2.0**53


class Original(Protocol):
    """All rows of a file that `fednids.flows.files.reading.read_flows` accepts, in its order."""

    @property
    def schema(self) -> pa.Schema:
        """All columns of the file, in its order."""
        ...

    def pieces(self) -> Iterator[pa.RecordBatch]:
        """Read the file once, from its first row to its last; one piece is in memory."""
        ...


def open_original(path: Path, dataset: str, *, as_text: bool) -> Original:
    """Look into a flow file.

    Parameters
    ----------
    path : Path
        CSV, gzip, zip or Parquet.
    dataset : str
        Name of the data set.
    as_text : bool
        Return the cells of a CSV as they are written; otherwise columns of whole numbers are
        integers, other numbers floats, which takes a reading to find out. The columns of a
        Parquet file have its types in any case.

    Raises
    ------
    DataError
        The file cannot be read any more.
    """
    packing = format_of(path)
    if packing is Format.PARQUET:
        return _ParquetRows(path)
    with open_csv(path, packing) as source:
        header = parse_header(source.stream.readline(LONGEST_HEADER), source.name, dataset)
    text = pa.schema([(name, pa.string()) for name in header.names])
    rows = _CsvRows(path, packing, header, text, text)
    return rows if as_text else _with_numbers(rows)


@dataclass(frozen=True)
class _ParquetRows:
    path: Path

    @property
    def schema(self) -> pa.Schema:
        return parquet.read_schema(self.path).remove_metadata()

    def pieces(self) -> Iterator[pa.RecordBatch]:
        with _readable(self.path), parquet.ParquetFile(self.path) as file:
            yield from file.iter_batches()


@dataclass(frozen=True)
class _CsvRows:
    path: Path
    packing: Format
    header: Header
    parsed: pa.Schema
    schema: pa.Schema

    def pieces(self) -> Iterator[pa.RecordBatch]:
        with _readable(self.path), open_csv(self.path, self.packing) as source:
            source.stream.readline(LONGEST_HEADER)
            parts = csv.open_csv(
                source.stream,
                csv.ReadOptions(column_names=self.header.names, block_size=LONGEST_LINE),
                csv.ParseOptions(quote_char='"' if self.header.quoted else False),
                csv.ConvertOptions(column_types=self.parsed, null_values=[""]),
            )
            for part in parts:
                yield part.cast(self.schema)


def _with_numbers(rows: _CsvRows) -> _CsvRows:
    """Find the columns of numbers, and which of them hold whole numbers alone."""
    numbers = [each.name for each in rows.header.fits[0].columns if not each.is_text]
    floats = _retyped(rows.schema, dict.fromkeys(numbers, pa.float64()))
    numeric, fractions = replace(rows, parsed=floats, schema=floats), set()
    for piece in numeric.pieces():
        fractions |= {name for name in numbers if not _is_whole(piece.column(name))}
    integers = [name for name in numbers if name not in fractions]
    return replace(numeric, schema=_retyped(floats, dict.fromkeys(integers, pa.int64())))


def _retyped(schema: pa.Schema, types: dict[str, pa.DataType]) -> pa.Schema:
    return pa.schema([(field.name, types.get(field.name, field.type)) for field in schema])


def _is_whole(values: pa.Array) -> bool:
    exact = pc.and_(pc.equal(values, pc.floor(values)), pc.less_equal(values, _EXACT_INTEGERS))
    return bool(pc.all(exact).as_py())


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what Arrow raises on a file that has changed into one `DataError`."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"expected {path} as it was when its flows were dealt, got another ({reason}); "
            "leave the file alone and try again"
        ) from error
