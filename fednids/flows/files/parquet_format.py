"""Reading flows from Parquet, and finding the row that made a file unreadable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from fednids.errors import DataError
from fednids.flows.files.columns import MisfitError, assemble
from fednids.flows.files.faults import Fault, fault_in_row
from fednids.flows.files.formats import readable
from fednids.flows.files.header import check_names
from fednids.flows.files.limits import LIMITS, Limits
from fednids.flows.files.messages import data_error, reason, shown, shown_path
from fednids.flows.schema import REQUIRED, Version, required_names
from fednids.flows.table import FlowTable

_BYTES_PER_CELL = 8


def read_parquet_flows(path: Path, *, limits: Limits = LIMITS) -> FlowTable:
    """Read the flows of a Parquet file.

    Parameters
    ----------
    path : Path
        A regular file that begins like Parquet.
    limits : Limits
        How far it may unpack.

    Returns
    -------
    FlowTable
        The flows in the file's order.

    Raises
    ------
    fednids.errors.DataError
        The file is damaged, unpacks beyond the limits, or breaks the schema; the complaint
        names column and row, the first flow being row 1.
    """
    where = shown_path(path)
    with readable(path), path.open("rb") as stream, _undamaged(where):
        file = parquet.ParquetFile(stream, page_checksum_verification=True)
        version = check_names(file.schema_arrow.names, where)
        _check_types(file.schema_arrow, version, where)
        cells = file.metadata.num_rows * len(required_names(version))
        if not limits.allows(path.stat().st_size, cells * _BYTES_PER_CELL):
            raise limits.error(where)
        try:
            return assemble(file.read(columns=list(required_names(version))), version)
        except MisfitError as error:
            raise _located(file, version, where) from error


@contextmanager
def _undamaged(where: str) -> Iterator[None]:
    """Turn what Arrow raises on damaged data into one `DataError`."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError, IndexError) as error:
        raise data_error(
            where,
            expected="a whole Parquet file",
            came=f"a damaged one ({reason(error)})",
            remedy="fetch it again",
        ) from error


def _check_types(schema: pa.Schema, version: Version, where: str) -> None:
    for column in REQUIRED[version]:
        given = schema.field(column.name).type
        if not (_is_text(given) if column.is_text else _is_number(given)):
            raise data_error(
                f"{where}, column {column.name}",
                expected="text" if column.is_text else "integers or floats",
                came=f"the type {shown(str(given))}",
                remedy="convert the column and write the file again",
            )


def _is_text(given: pa.DataType) -> bool:
    value = given.value_type if pa.types.is_dictionary(given) else given
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def _is_number(given: pa.DataType) -> bool:
    return bool(pa.types.is_integer(given) or pa.types.is_floating(given))


def _located(file: parquet.ParquetFile, version: Version, where: str) -> DataError:
    """Word the complaint about the first fault of a refused file."""
    first = 1
    for batch in file.iter_batches(columns=list(required_names(version))):
        table = pa.Table.from_batches([batch])
        try:
            assemble(table, version)
        except MisfitError:
            for number, fault in _faults_in_table(table, version, first=first):
                return data_error(
                    f"{where}, row {number} (the first flow is row 1), column {fault.column}",
                    expected=fault.expected,
                    came=fault.came,
                    remedy=fault.remedy,
                )
        first += table.num_rows
    return data_error(where, expected="flows", came="no rows", remedy="fetch the file again")


def _faults_in_table(
    table: pa.Table, version: Version, *, first: int
) -> Iterator[tuple[int, Fault]]:
    columns = [_texts(table.column(column.name)) for column in REQUIRED[version]]
    for number, cells in enumerate(zip(*columns, strict=True), first):
        fault = fault_in_row(cells, REQUIRED[version])
        if fault:
            yield number, fault


def _texts(values: pa.ChunkedArray) -> list[str]:
    """Give the cells as they would stand in a CSV; bytes that are not UTF-8 as surrogates."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if _is_text(values.type):
        cells = values.cast(pa.large_binary()).to_pylist()
        return ["" if cell is None else cell.decode("utf-8", "surrogateescape") for cell in cells]
    return ["" if cell is None else str(cell) for cell in values.to_pylist()]
