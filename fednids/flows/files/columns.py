"""From Arrow columns to a `FlowTable`, checked column by column without a loop over flows.

A table that breaks a rule is only refused here; `fednids.flows.files.faults` finds the cell.
Arrow's own ``to_numpy`` imports pandas, which takes as long as reading 500,000 flows; DLPack
does without.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from fednids.datasets.spec import Column, DatasetSpec
from fednids.flows.files.header import Fit, Header
from fednids.flows.table import FlowTable

LONGEST_LINE = 1 << 20
"""Bytes that a line may have; also the size of the pieces that Arrow parses."""

_LARGEST = float(np.finfo(np.float64).max)


class MisfitError(Exception):
    """Some cell breaks the schema; which one is not known yet."""


def parse_body(stream: BinaryIO, header: Header, columns: Sequence[Column]) -> pa.Table:
    """Parse the lines after the header of a CSV, on all cores.

    Parameters
    ----------
    stream : BinaryIO
        Stands after the first line.
    header : Header
        The file's first line.
    columns : Sequence[Column]
        What to read of it.

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
    text = pa.dictionary(pa.int32(), pa.string())
    types = {each.name: text if each.is_text else pa.float64() for each in columns}
    return csv.read_csv(
        stream,
        csv.ReadOptions(column_names=header.names, block_size=LONGEST_LINE),
        csv.ParseOptions(quote_char='"' if header.quoted else False),
        csv.ConvertOptions(column_types=types, include_columns=list(types), null_values=[""]),
    )


def assemble(table: pa.Table, fit: Fit) -> FlowTable:
    """Check Arrow columns against a data set and take them over.

    Parameters
    ----------
    table : pyarrow.Table
        At least the columns of ``fit``; numbers of any numeric type, texts as strings or
        dictionaries of strings.
    fit : Fit
        Data set and columns.

    Returns
    -------
    FlowTable
        The flows in the table's order, numbers as float64 without negative zeros.

    Raises
    ------
    MisfitError
        There is no row, or a cell is missing, not finite, out of range, no address, no class,
        or a label of 0 or 1 that contradicts the class.
    """
    if table.num_rows == 0:
        raise MisfitError("no rows")
    spec = fit.spec
    numbers = _all_numbers(table, [c for c in fit.columns if not c.is_text])
    attack = _classes(table.column(spec.target.name), spec)
    label = spec.label
    if label and not np.array_equal(numbers.pop(label.name, attack != 0), attack != 0):
        raise MisfitError(label.name)
    ends = [table.column(column.name) for column in spec.addresses]
    hosts, source, destination = _ends(*ends) if ends else _no_ends(len(attack))
    return FlowTable(spec, fit.version, numbers, hosts, source, destination, attack)


def class_texts(values: pa.ChunkedArray) -> list[str]:
    """Return the distinct texts of a column, which may be no classes."""
    return _coded(values)[0]


def _all_numbers(table: pa.Table, columns: Sequence[Column]) -> dict[str, NDArray[np.float64]]:
    """Copy columns into one block of memory, cheaper than one allocation for each."""
    block = np.empty((len(columns), table.num_rows))
    for column, target in zip(columns, block, strict=True):
        _copy_numbers(table.column(column.name), column, target)
    return {column.name: target for column, target in zip(columns, block, strict=True)}


def _copy_numbers(values: pa.ChunkedArray, column: Column, target: NDArray[np.float64]) -> None:
    if values.null_count:
        raise MisfitError(column.name)
    np.concatenate([np.from_dlpack(chunk) for chunk in values.chunks], out=target)
    least, most = max(column.least, -_LARGEST), min(column.most, _LARGEST)
    if not (target.min() >= least and target.max() <= most):  # false for NaN
        raise MisfitError(column.name)
    target += 0.0  # 0 for -0


def _coded(values: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    """Return the distinct texts that occur, and each row's place among them."""
    if not pa.types.is_dictionary(values.type):
        values = values.dictionary_encode()
    if values.null_count:
        raise MisfitError("missing text")
    chunks = values.unify_dictionaries().chunks
    indices = [np.from_dlpack(chunk.indices) for chunk in chunks]
    distinct = chunks[0].dictionary
    used = np.zeros(len(distinct), dtype=np.bool_)
    for part in indices:
        used[part] = True
    place = np.cumsum(used, dtype=np.int32) - 1
    names = [_name(distinct[index]) for index in np.flatnonzero(used).tolist()]
    return names, np.concatenate([place[part] for part in indices])


def _name(text: pa.Scalar) -> str:
    try:
        name = text.as_py()
    except UnicodeDecodeError as error:
        raise MisfitError("not UTF-8") from error
    if not isinstance(name, str):
        raise MisfitError("missing text")
    return name


def _classes(values: pa.ChunkedArray, spec: DatasetSpec) -> NDArray[np.uint8]:
    names, codes = _coded(values)
    if not spec.codes.keys() >= set(names):
        raise MisfitError(spec.target.name)
    return np.array([spec.codes[name] for name in names], dtype=np.uint8)[codes]


def _ends(
    source: pa.ChunkedArray, destination: pa.ChunkedArray
) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.int32]]:
    """Return the sorted distinct addresses of both columns, and their places for each."""
    coded = (_coded(source), _coded(destination))
    hosts = tuple(sorted({name for names, _ in coded for name in names}))
    if not all(is_ipv4(host) for host in hosts):
        raise MisfitError("no address")
    place = {host: index for index, host in enumerate(hosts)}
    first, second = (
        np.array([place[name] for name in names], dtype=np.int32)[codes] for names, codes in coded
    )
    return hosts, first, second


def _no_ends(flows: int) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.int32]]:
    return (), np.zeros(flows, np.int32), np.zeros(flows, np.int32)


def is_ipv4(text: str) -> bool:
    """Return whether ``text`` is an IPv4 address in dotted decimal."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
