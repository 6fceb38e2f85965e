"""Finding the cell that made a flow file unreadable; only run once a file has been refused.

A CSV is read a second time in pieces of whole lines. Arrow tells quickly which piece is bad; only
its lines are looked at one by one. Parquet is read again row group by row group.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
from pyarrow import parquet

from fednids.datasets.spec import Column, DatasetSpec
from fednids.errors import DataError
from fednids.flows.files.columns import (
    LONGEST_LINE,
    MisfitError,
    assemble,
    is_ipv4,
    parse_body,
)
from fednids.flows.files.header import Fit, Header
from fednids.flows.files.messages import data_error, shown

_PIECE = 4 << 20
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan(\(.*\))?|inf|infinity)", re.IGNORECASE)
_BLANKS = " \t"
_REMEDY = "correct the cell or remove the row"


@dataclass(frozen=True)
class Fault:
    """What is wrong in a row.

    Attributes
    ----------
    column : str or None
        Column of the bad cell, None where the row as a whole is wrong.
    expected, came, remedy : str
        Parts of the complaint.
    """

    column: str | None
    expected: str
    came: str
    remedy: str = _REMEDY


def locate_in_csv(stream: BinaryIO, header: Header, fit: Fit, where: str) -> DataError:
    """Word the complaint about the first fault of a refused CSV.

    Parameters
    ----------
    stream : BinaryIO
        Stands after the first line; read up to the fault.
    header : Header
        The file's first line.
    fit : Fit
        The data set that it is taken for.
    where : str
        Name of the file.

    Returns
    -------
    fednids.errors.DataError
        Names the line, the header being line 1, and the column.
    """
    known = {column.name: column for column in fit.columns}
    columns = [known.get(name) for name in header.names]
    first, empty = 2, True
    while piece := stream.read(_PIECE):
        piece += stream.readline(LONGEST_LINE + 1)
        lines = piece.splitlines()
        empty = empty and not any(lines)
        if max(map(len, lines)) > LONGEST_LINE or not _fits(piece, header, fit):
            for number, line in enumerate(lines, first):
                fault = _fault_in_line(line, columns, header, fit.spec) if line else None
                if fault:
                    return _complaint(fault, f"{where}, line {number}")
        first += len(lines)
    if empty:
        return data_error(
            where, expected="flows after the header", came="none", remedy="fetch the file again"
        )
    return data_error(
        where,
        expected="lines of comma-separated values",
        came="some that cannot be parsed together",
        remedy="write the file again without quotes",
    )


def locate_in_parquet(file: parquet.ParquetFile, fit: Fit, where: str) -> DataError:
    """Word the complaint about the first fault of a refused Parquet file."""
    first = 1
    for batch in file.iter_batches(columns=list(fit.names)):
        table = pa.Table.from_batches([batch])
        try:
            assemble(table, fit)
        except MisfitError:
            for number, fault in _faults_in_table(table, fit, first=first):
                return _complaint(fault, f"{where}, row {number} (the first flow is row 1)")
        first += table.num_rows
    return data_error(where, expected="flows", came="no rows", remedy="fetch the file again")


def fault_in_row(
    cells: Sequence[str], columns: Sequence[Column | None], spec: DatasetSpec
) -> Fault | None:
    """Find the first fault of a row.

    Parameters
    ----------
    cells : Sequence[str]
        Texts of the row; bytes that are not UTF-8 as lone surrogates.
    columns : Sequence[Column or None]
        What each cell belongs to; None for cells that are not read.
    spec : DatasetSpec
        Whose columns these are.

    Returns
    -------
    Fault or None
        None if the row keeps to the data set.
    """
    if len(cells) != len(columns):
        return Fault(None, f"{len(columns)} fields as in the header", f"{len(cells)}")
    faults = (
        fault_in_cell(cell, column, spec)
        for cell, column in zip(cells, columns, strict=True)
        if column is not None
    )
    return next(filter(None, faults), None) or _contradiction(cells, columns, spec)


def fault_in_cell(cell: str, column: Column, spec: DatasetSpec) -> Fault | None:
    """Return what is wrong with the text of one cell, None if nothing is."""
    if not cell.strip(_BLANKS):
        wrong: str | None = "an empty cell"
    else:
        wrong = _wrong_text(cell, column, spec) if column.is_text else _wrong_number(cell, column)
    return Fault(column.name, _allowed(column, spec), wrong) if wrong else None


def _wrong_text(cell: str, column: Column, spec: DatasetSpec) -> str | None:
    if any("\ud800" <= letter <= "\udfff" for letter in cell):
        return f"bytes that are not UTF-8 ({shown(cell)})"
    if column.role == "address":
        return None if is_ipv4(cell) else shown(cell)
    return shown(cell) if column.role == "label" and cell not in spec.codes else None


def _wrong_number(cell: str, column: Column) -> str | None:
    bare = cell.strip(_BLANKS)
    if _NOT_FINITE.fullmatch(bare) or not _NUMBER.fullmatch(bare):
        return shown(cell)
    value = float(bare)
    known = column.role != "label" or value in (0.0, 1.0)
    finite = abs(value) != float("inf")
    return None if column.least <= value <= column.most and known and finite else shown(cell)


def _contradiction(
    cells: Sequence[str], columns: Sequence[Column | None], spec: DatasetSpec
) -> Fault | None:
    by_name = {column.name: cell for cell, column in zip(cells, columns, strict=True) if column}
    if spec.label is None or spec.label.name not in by_name:
        return None
    label, attack = by_name[spec.label.name], by_name[spec.target.name]
    right = int(spec.codes[attack] != 0)
    if float(label) == right:
        return None
    return Fault(spec.label.name, f"{right} beside {spec.target.name} {attack}", shown(label))


def _allowed(column: Column, spec: DatasetSpec) -> str:
    if column.role == "address":
        return "an IPv4 address"
    if column.role == "label":
        return f"one of {', '.join(spec.classes)}" if column.is_text else "0 or 1"
    if column.is_text:
        return "a text"
    least = f"{column.least:,.0f}" if column.least > float("-inf") else None
    if column.most == float("inf"):
        return f"a finite number of at least {least}" if least else "a finite number"
    return f"a number from {least or 'any'} to {column.most:,.0f}"


def _complaint(fault: Fault, where: str) -> DataError:
    cell = where if fault.column is None else f"{where}, column {fault.column}"
    return data_error(cell, expected=fault.expected, came=fault.came, remedy=fault.remedy)


def _fits(piece: bytes, header: Header, fit: Fit) -> bool:
    try:
        assemble(parse_body(io.BytesIO(piece), header, fit.columns), fit)
    except (pa.ArrowException, MisfitError):
        return False
    return True


def _fault_in_line(
    line: bytes, columns: Sequence[Column | None], header: Header, spec: DatasetSpec
) -> Fault | None:
    if len(line) > LONGEST_LINE:
        return Fault(None, f"lines of at most {LONGEST_LINE:,} bytes", "a longer one")
    text = line.decode("utf-8", "surrogateescape")
    if not header.quoted:
        return fault_in_row(text.split(","), columns, spec)
    try:
        return fault_in_row(next(csv.reader([text], strict=True)), columns, spec)
    except csv.Error as error:
        return Fault(None, "quotes that are closed", str(error))


def _faults_in_table(table: pa.Table, fit: Fit, *, first: int) -> Iterator[tuple[int, Fault]]:
    columns = [_texts(table.column(name)) for name in fit.names]
    for number, cells in enumerate(zip(*columns, strict=True), first):
        fault = fault_in_row(cells, fit.columns, fit.spec)
        if fault:
            yield number, fault


def _texts(values: pa.ChunkedArray) -> list[str]:
    """Return the cells as they would stand in a CSV; bytes that are not UTF-8 as surrogates."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        cells = values.cast(pa.large_binary()).to_pylist()
        return ["" if cell is None else cell.decode("utf-8", "surrogateescape") for cell in cells]
    return ["" if cell is None else str(cell) for cell in values.to_pylist()]
