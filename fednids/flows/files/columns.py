"""From Arrow columns to a `FlowTable`, checked column by column without a loop over flows.

A table that breaks a rule is only refused here; `fednids.flows.files.faults` finds the cell.
Arrow's own ``to_numpy`` imports pandas, which takes as long as reading 500,000 flows; DLPack
does without.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fednids.flows.schema import (
    ATTACK,
    BENIGN,
    CODES,
    DESTINATION,
    LABEL,
    REQUIRED,
    SOURCE,
    Column,
    Version,
)
from fednids.flows.table import FlowTable

_LARGEST = float(np.finfo(np.float64).max)


class MisfitError(Exception):
    """Some cell breaks the schema; which one is not known yet."""


def assemble(table: pa.Table, version: Version) -> FlowTable:
    """Check Arrow columns against the schema and take them over.

    Parameters
    ----------
    table : pyarrow.Table
        At least the columns of ``version``; numbers of any numeric type, texts as strings or
        dictionaries of strings.
    version : {"v1", "v2"}
        Which schema to apply.

    Returns
    -------
    FlowTable
        The flows in the table's order, numbers as float64 without negative zeros.

    Raises
    ------
    MisfitError
        There is no row, or a cell is missing, not finite, out of range, no address, no class,
        or a ``Label`` that contradicts its ``Attack``.
    """
    if table.num_rows == 0:
        raise MisfitError("no rows")
    numbers = _all_numbers(table, [c for c in REQUIRED[version] if not c.is_text])
    attack = _classes(table.column(ATTACK))
    if not np.array_equal(numbers.pop(LABEL), attack != BENIGN):
        raise MisfitError(LABEL)
    hosts, source, destination = _ends(table.column(SOURCE), table.column(DESTINATION))
    return FlowTable(version, numbers, hosts, source, destination, attack)


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
    if not (target.min() >= 0 and target.max() <= min(column.most, _LARGEST)):  # false for NaN
        raise MisfitError(column.name)
    np.abs(target, out=target)  # 0 for -0


def _coded(values: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    """Give the distinct texts that occur, and each row's place among them."""
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


def _classes(values: pa.ChunkedArray) -> NDArray[np.uint8]:
    names, codes = _coded(values)
    if not CODES.keys() >= set(names):
        raise MisfitError(ATTACK)
    return np.array([CODES[name] for name in names], dtype=np.uint8)[codes]


def _ends(
    source: pa.ChunkedArray, destination: pa.ChunkedArray
) -> tuple[tuple[str, ...], NDArray[np.int32], NDArray[np.int32]]:
    """Give the sorted distinct addresses of both columns, and their places for each."""
    coded = (_coded(source), _coded(destination))
    hosts = tuple(sorted({name for names, _ in coded for name in names}))
    if not all(is_address(host) for host in hosts):
        raise MisfitError(SOURCE)
    place = {host: index for index, host in enumerate(hosts)}
    first, second = (
        np.array([place[name] for name in names], dtype=np.int32)[codes] for names, codes in coded
    )
    return hosts, first, second


def is_address(text: str) -> bool:
    """Tell whether ``text`` is an IPv4 address in dotted decimal."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True
