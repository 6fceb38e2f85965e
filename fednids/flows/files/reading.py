"""Reading flow files of any supported format into a checked `FlowTable`."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from fednids.flows.files.archive import open_csv
from fednids.flows.files.columns import MisfitError, assemble
from fednids.flows.files.csv_faults import locate_in_csv
from fednids.flows.files.csv_format import parse_body
from fednids.flows.files.formats import Format, format_of
from fednids.flows.files.header import LONGEST_HEADER, parse_header
from fednids.flows.files.messages import data_error, shown_path
from fednids.flows.files.parquet_format import read_parquet_flows
from fednids.flows.table import FlowTable


def read_flows(path: Path) -> FlowTable:
    """Read all flows of a file and check every cell.

    Parameters
    ----------
    path : Path
        NF-BoT-IoT v1 or v2 as CSV, gzipped CSV, a zip with one CSV of flows among its members
        (the publisher's layout), or Parquet. The format is told by the first bytes, the version
        by the column names, which may stand in any order; a ``Dataset`` column is not read.

    Returns
    -------
    FlowTable
        The flows in file order.

    Raises
    ------
    fednids.errors.DataError
        Whatever is wrong with the file. One line that names the file and, for a bad cell, its
        column and its place: the line of a CSV, the header being line 1, or the row of a
        Parquet file, the first flow being row 1.

    Notes
    -----
    The fast path checks whole columns. Only when it refuses a CSV is the file read again to
    find the line, so faults cost a second reading and good files nothing.

    Examples
    --------
    >>> flows = read_flows(Path("NF-BoT-IoT.csv"))  # doctest: +SKIP
    >>> len(flows), flows.version  # doctest: +SKIP
    (600100, 'v1')
    """
    packing = format_of(path)
    try:
        if packing is Format.PARQUET:
            return read_parquet_flows(path)
        return _read_csv_flows(path, packing)
    except MemoryError as error:
        raise data_error(
            shown_path(path),
            expected="flows that fit into memory",
            came="more",
            remedy="take fewer of them, or a machine with more memory",
        ) from error


def _read_csv_flows(path: Path, packing: Format) -> FlowTable:
    with open_csv(path, packing) as source:
        header = parse_header(source.stream.readline(LONGEST_HEADER), source.name)
        try:
            return assemble(parse_body(source.stream, header), header.version)
        except (pa.ArrowException, MisfitError) as error:
            refusal = error
    with open_csv(path, packing) as source:
        source.stream.readline(LONGEST_HEADER)
        raise locate_in_csv(source.stream, header, source.name) from refusal
