"""Finding the line and the column that made a CSV of flows unreadable.

The file is read a second time in pieces of whole lines. Arrow tells quickly which piece is
bad; only its lines are looked at one by one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa

from fednids.errors import DataError
from fednids.flows.files.columns import MisfitError, assemble
from fednids.flows.files.csv_format import LONGEST_LINE, parse_body
from fednids.flows.files.faults import Fault, fault_in_row
from fednids.flows.files.header import Header
from fednids.flows.files.messages import data_error
from fednids.flows.schema import REQUIRED, Column

_PIECE = 4 << 20


def locate_in_csv(stream: BinaryIO, header: Header, where: str) -> DataError:
    """Word the complaint about the first fault of a refused CSV.

    Parameters
    ----------
    stream : BinaryIO
        Stands after the first line; read up to the fault.
    header : Header
        The file's first line.
    where : str
        Name of the file.

    Returns
    -------
    fednids.errors.DataError
        Names the line, the header being line 1, and the column.
    """
    known = {column.name: column for column in REQUIRED[header.version]}
    columns = [known.get(name) for name in header.names]
    first, empty = 2, True
    for piece in _pieces(stream):
        lines = piece.splitlines()
        empty = empty and not any(lines)
        if max(map(len, lines)) > LONGEST_LINE or not _fits(piece, header):
            for number, line in enumerate(lines, first):
                fault = _fault_in_line(line, columns, header) if line else None
                if fault:
                    return _complaint(fault, f"{where}, line {number}")
        first += len(lines)
    return _no_flows(where) if empty else _unknown(where)


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece + stream.readline(LONGEST_LINE + 1)


def _fits(piece: bytes, header: Header) -> bool:
    try:
        assemble(parse_body(io.BytesIO(piece), header), header.version)
    except (pa.ArrowException, MisfitError):
        return False
    return True


def _fault_in_line(line: bytes, columns: Sequence[Column | None], header: Header) -> Fault | None:
    if len(line) > LONGEST_LINE:
        return Fault(None, f"lines of at most {LONGEST_LINE:,} bytes", "a longer one")
    text = line.decode("utf-8", "surrogateescape")
    if not header.quoted:
        return fault_in_row(text.split(","), columns)
    try:
        return fault_in_row(next(csv.reader([text], strict=True)), columns)
    except csv.Error as error:
        return Fault(None, "quotes that are closed", str(error))


def _complaint(fault: Fault, where: str) -> DataError:
    cell = where if fault.column is None else f"{where}, column {fault.column}"
    return data_error(cell, expected=fault.expected, came=fault.came, remedy=fault.remedy)


def _no_flows(where: str) -> DataError:
    return data_error(
        where, expected="flows after the header", came="none", remedy="fetch the file again"
    )


def _unknown(where: str) -> DataError:
    return data_error(
        where,
        expected="lines of comma-separated values",
        came="some that cannot be parsed together",
        remedy="write the file again without quotes",
    )
