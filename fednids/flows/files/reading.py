"""Reading flow files of any supported format into a checked `FlowTable`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from fednids.datasets.registry import AUTO
from fednids.datasets.spec import Column
from fednids.flows.files.columns import MisfitError, assemble, class_texts, parse_body
from fednids.flows.files.faults import locate_in_csv, locate_in_parquet
from fednids.flows.files.header import (
    LONGEST_HEADER,
    Fit,
    Header,
    check_names,
    choose_fit,
    parse_header,
)
from fednids.flows.files.messages import data_error, reason, shown, shown_path
from fednids.flows.files.opening import LIMITS, Format, Limits, format_of, open_csv, readable
from fednids.flows.table import FlowTable

_BYTES_PER_CELL = 8

Parse = Callable[[Sequence[Column]], pa.Table]


def read_flows(path: Path, dataset: str = AUTO) -> FlowTable:
    """Read all flows of a file and check every cell.

    Parameters
    ----------
    path : Path
        Flows as CSV, gzipped CSV, a zip with one CSV of flows among its members (the
        publisher's layout), or Parquet. The format is told by the first bytes, the data set by
        the column names, which may stand in any order, and then by the names of classes.
    dataset : str
        Name of the data set, or ``auto`` to recognise it.

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
    fednids.errors.ConfigError
        There is no such data set.

    Notes
    -----
    The fast path checks whole columns. Only when it refuses a CSV is the file read again to
    find the line, so faults cost a second reading and good files nothing.

    Examples
    --------
    >>> flows = read_flows(Path("NF-BoT-IoT.csv"))  # doctest: +SKIP
    >>> len(flows), flows.spec.title, flows.version  # doctest: +SKIP
    (600100, 'NF-BoT-IoT', 'v1')
    """
    packing = format_of(path)
    try:
        if packing is Format.PARQUET:
            return read_parquet_flows(path, dataset)
        return read_csv_flows(path, packing, dataset)[0]
    except MemoryError as error:
        raise data_error(
            shown_path(path),
            expected="flows that fit into memory",
            came="more",
            remedy="take fewer of them, or a machine with more memory",
        ) from error


def read_csv_flows(
    path: Path, packing: Format, dataset: str = AUTO, *, tolerant: bool = False
) -> tuple[FlowTable, Header]:
    """Read the flows of a CSV, packed or not; `tolerant` passes over unknown columns."""
    with open_csv(path, packing) as source:
        name, line = source.name, source.stream.readline(LONGEST_HEADER)
    header = parse_header(line, name, dataset, tolerant=tolerant)

    def parse(columns: Sequence[Column]) -> pa.Table:
        with open_csv(path, packing) as source:
            source.stream.readline(LONGEST_HEADER)
            return parse_body(source.stream, header, columns)

    fit = header.fits[0]
    try:
        fit, table = _recognised(header.fits, parse)
        return assemble(table, fit), header
    except pa.ArrowException as error:
        refusal: Exception = error
        with suppress(pa.ArrowException):
            fit, _ = _recognised(header.fits, lambda columns: parse([_target(columns)]))
    except MisfitError as error:
        refusal = error
    with open_csv(path, packing) as source:
        source.stream.readline(LONGEST_HEADER)
        raise locate_in_csv(source.stream, header, fit, name) from refusal


def read_parquet_flows(path: Path, dataset: str = AUTO, *, limits: Limits = LIMITS) -> FlowTable:
    """Read the flows of a Parquet file.

    Parameters
    ----------
    path : Path
        A regular file that begins like Parquet.
    dataset : str
        As for `read_flows`.
    limits : Limits
        How far it may unpack.

    Raises
    ------
    fednids.errors.DataError
        The file is damaged, unpacks beyond the limits, or breaks the schema; the complaint
        names column and row, the first flow being row 1.
    """
    where = shown_path(path)
    with readable(path), path.open("rb") as stream, _undamaged(where):
        file = parquet.ParquetFile(stream, page_checksum_verification=True)
        fits = check_names(file.schema_arrow.names, where, dataset)
        for fit in fits:
            _check_types(file.schema_arrow, fit, where)
        cells = file.metadata.num_rows * max(len(fit.columns) for fit in fits)
        if not limits.allows(path.stat().st_size, cells * _BYTES_PER_CELL):
            raise limits.error(where)
        fit = fits[0]
        try:
            fit, table = _recognised(
                fits, lambda columns: file.read(columns=[column.name for column in columns])
            )
            return assemble(table, fit)
        except MisfitError as error:
            raise locate_in_parquet(file, fit, where) from error


def _target(columns: Sequence[Column]) -> Column:
    return next(column for column in columns if column.role == "label" and column.is_text)


def _recognised(fits: Sequence[Fit], parse: Parse) -> tuple[Fit, pa.Table]:
    """Choose among data sets by the names of classes; those with the same columns at once."""
    best: tuple[Fit, pa.Table] | None = None
    for columns in dict.fromkeys(fit.names for fit in fits):
        alike = [fit for fit in fits if fit.names == columns]
        table = parse(alike[0].columns)
        if len(fits) == 1 or table.num_rows == 0:
            return alike[0], table
        try:
            fit, whole = choose_fit(alike, class_texts(table.column(alike[0].spec.target.name)))
        except MisfitError:
            fit, whole = alike[0], False
        if whole:
            return fit, table
        best = best or (fit, table)
    if best is None:
        raise ValueError("expected at least one data set to choose among, got none")
    return best


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


def _check_types(schema: pa.Schema, fit: Fit, where: str) -> None:
    for column in fit.columns:
        given = schema.field(column.name).type
        bare = given.value_type if pa.types.is_dictionary(given) else given
        is_text = pa.types.is_string(bare) or pa.types.is_large_string(bare)
        is_number = pa.types.is_integer(given) or pa.types.is_floating(given)
        if not (is_text if column.is_text else is_number):
            raise data_error(
                f"{where}, column {column.name}",
                expected="text" if column.is_text else "integers or floats",
                came=f"the type {shown(str(given))}",
                remedy="convert the column and write the file again",
            )
