"""Writing flows as files that `fednids.flows.files.reading.read_flows` gives back exactly."""

from __future__ import annotations

import gzip
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv, parquet

from fednids.errors import DataError
from fednids.flows.files.messages import data_error, reason, shown, shown_path
from fednids.flows.table import FlowTable

_EXACT_INTEGERS = 2.0**53


def write_flows(table: FlowTable, path: Path, *, overwrite: bool = False) -> None:
    """Write flows to a new file, wholly or not at all.

    Parameters
    ----------
    table : FlowTable
        At least one flow.
    path : Path
        Ends in ``.csv``, ``.csv.gz`` or ``.parquet``, which chooses the format. Its folder exists.
    overwrite : bool
        Whether a file that is already there may be replaced.

    Raises
    ------
    fednids.errors.DataError
        Another suffix, no flows, a file that is already there, or a place that cannot be
        written to. Then nothing is left behind and what was there is unchanged.

    Notes
    -----
    Columns stand in the data set's order. Whole numbers are written as integers, others in the
    shortest form that reads back to the same float64, so ``read_flows`` gives the same table,
    less any hosts that no flow mentions. Equal tables give equal bytes.
    """
    write = _writer(path)
    if len(table) == 0:
        raise data_error(
            shown_path(path), expected="flows to write", came="none", remedy="make at least one"
        )
    if path.exists() and not overwrite:
        raise data_error(
            shown_path(path),
            expected="a new file",
            came="one that is already there",
            remedy="choose another name or allow overwriting",
        )
    with _atomically(path) as file:
        write(_arrow_table(table), file)


def _writer(path: Path) -> Callable[[pa.Table, BinaryIO], None]:
    writers = {".csv": _write_csv, ".csv.gz": _write_gzip, ".parquet": _write_parquet}
    for suffix, write in writers.items():
        if path.name.lower().endswith(suffix):
            return write
    raise data_error(
        shown_path(path),
        expected=f"a name that ends in {', '.join(writers)}",
        came=shown(path.name),
        remedy="rename the output",
    )


def _write_csv(table: pa.Table, file: BinaryIO) -> None:
    file.write(",".join(table.column_names).encode() + b"\n")
    plain = csv.WriteOptions(include_header=False, quoting_style="none")
    csv.write_csv(table, file, plain)


def _write_gzip(table: pa.Table, file: BinaryIO) -> None:
    with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        _write_csv(table, packed)  # type: ignore[arg-type]


def _write_parquet(table: pa.Table, file: BinaryIO) -> None:
    parquet.write_table(table, file, compression="zstd", write_page_checksum=True)


def _arrow_table(table: FlowTable) -> pa.Table:
    spec, hosts = table.spec, np.array(table.hosts, dtype=object)
    columns = {name: _shortest(values) for name, values in table.numbers.items()}
    for column, codes in zip(spec.addresses, (table.source, table.destination), strict=False):
        columns[column.name] = pa.array(hosts[codes], pa.string())
    if spec.label:
        columns[spec.label.name] = pa.array(table.label)
    names = np.array(spec.classes, dtype=object)[table.attack]
    columns[spec.target.name] = pa.array(names, pa.string())
    order = [column.name for column in spec.layout(table.version) if column.name in columns]
    return pa.table({name: columns[name] for name in order})


def _shortest(values: NDArray[np.float64]) -> pa.Array:
    """Return whole numbers as integers, which print without an exponent."""
    whole = bool(np.all((values == np.floor(values)) & (values <= _EXACT_INTEGERS)))
    return pa.array(values.astype(np.int64) if whole else values)


@contextmanager
def _atomically(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes its name only once it is complete and on disk."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> DataError:
    return data_error(
        shown_path(path),
        expected="a place to write flows to",
        came=reason(error),
        remedy="check the folder, its permissions and the free space",
    )
