"""Parsing the body of a CSV of flows with Arrow: all columns at once, on all cores."""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
from pyarrow import csv

from fednids.flows.files.header import Header
from fednids.flows.schema import REQUIRED, Column

LONGEST_LINE = 1 << 20
"""Bytes that a line may have; also the size of the pieces that Arrow parses."""


def parse_body(stream: BinaryIO, header: Header) -> pa.Table:
    """Parse everything after the header.

    Parameters
    ----------
    stream : BinaryIO
        Stands after the first line; read to its end.
    header : Header
        The columns in the file's order. Optional ones are skipped.

    Returns
    -------
    pyarrow.Table
        Numbers as float64, null where a cell is empty; texts as dictionaries.

    Raises
    ------
    pyarrow.ArrowException
        A row has too few or too many fields, a number is none, a text is not UTF-8, or there
        is nothing at all.
    """
    columns = REQUIRED[header.version]
    return csv.read_csv(
        stream,
        csv.ReadOptions(column_names=header.names, block_size=LONGEST_LINE),
        csv.ParseOptions(quote_char='"' if header.quoted else False),
        csv.ConvertOptions(
            column_types={column.name: _arrow_type(column) for column in columns},
            include_columns=[column.name for column in columns],
            null_values=[""],
        ),
    )


def _arrow_type(column: Column) -> pa.DataType:
    return pa.dictionary(pa.int32(), pa.string()) if column.is_text else pa.float64()
