"""What each gateway did in each round, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fednids.runs.layout import CHECKPOINT, FINAL_COUNTS, GATEWAYS, ROWS
from fednids.runs.lines import read_lines

Matrix = NDArray[np.float64]
_COLUMNS = ("round", "partition_id", "participated", "examples", "test_loss", "confusion")


@dataclass(frozen=True, eq=False)
class Histories:
    """``R`` rounds of ``K`` gateways; NaN where a gateway said nothing or a rate is undefined.

    Attributes
    ----------
    rounds : ndarray
        ``(R,) int64``, rising.
    ids : ndarray
        ``(K,) int64`` partition ids, rising.
    accuracy, macro_f1, loss : ndarray
        ``(R, K) float64`` on the gateway's own test flows.
    took_part : ndarray
        ``(R, K) bool``: its update was used.
    examples : ndarray
        ``(R, K) int64`` windows that it trained on.
    last : ndarray
        ``(K, C, C) int64`` confusion counts of each gateway's last row, true class first.
    final : ndarray
        ``(C, C) int64`` counts of the last round, over all who answered then.
    """

    rounds: NDArray[np.int64]
    ids: NDArray[np.int64]
    accuracy: Matrix
    macro_f1: Matrix
    loss: Matrix
    took_part: NDArray[np.bool_]
    examples: NDArray[np.int64]
    last: NDArray[np.int64]
    final: NDArray[np.int64]

    @classmethod
    def of(cls, table: pa.Table) -> Histories:
        """Arrange rows.

        Parameters
        ----------
        table : pyarrow.Table
            As in ``gateways.parquet``; columns of older runs may be missing, but for round,
            partition and counts.

        Raises
        ------
        ValueError, KeyError, TypeError, ArithmeticError, pyarrow.ArrowException
            These are no such rows.
        """
        numbers, owners = (_integers(table, name) for name in ("round", "partition_id"))
        counts = _counts(table)
        rounds, row = np.unique(numbers, return_inverse=True)
        ids, column = np.unique(owners, return_inverse=True)
        shape, where = (len(rounds), len(ids)), (row, column)
        last = np.zeros((len(ids), *counts.shape[1:]), np.int64)
        order = np.argsort(numbers, kind="stable")
        last[column[order]] = counts[order]
        return cls(
            rounds,
            ids,
            _spread(shape, where, accuracies(counts)),
            _spread(shape, where, macro_f1s(counts)),
            _spread(shape, where, _floats(table, "test_loss")),
            _spread(shape, where, _integers(table, "participated")) > 0,
            np.nan_to_num(_spread(shape, where, _integers(table, "examples"))).astype(np.int64),
            last,
            counts[numbers == rounds[-1]].sum(axis=0),
        )

    @property
    def test_flows(self) -> NDArray[np.int64]:
        """Test flows of each gateway by class, ``(K, C)``."""
        flows: NDArray[np.int64] = self.last.sum(axis=2)
        return flows


def read_gateways(folder: Path, until: int) -> pa.Table | None:
    """Read the rows of a run's gateways; None where there are none.

    Parameters
    ----------
    folder : Path
        The run folder.
    until : int
        Rows of later rounds, which a stop may have left behind, are dropped.
    """
    path = folder / GATEWAYS
    if path.is_file():
        there = set(pq.read_schema(path).names)
        table = pq.read_table(path, columns=[name for name in _COLUMNS if name in there])
        return table if table.num_rows else None
    rows = [row for row in read_lines(folder / CHECKPOINT / ROWS) if row["round"] <= until]
    return pa.Table.from_pylist(rows) if rows else None


def table_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a finished run as its rounds wrote them; none where there is no table."""
    path = folder / GATEWAYS
    for batch in pq.ParquetFile(path).iter_batches() if path.is_file() else ():
        for row in batch.to_pylist():
            row.pop(FINAL_COUNTS, None)
            yield row


def accuracies(counts: NDArray[np.int64]) -> Matrix:
    """Return the accuracy of each of ``(n, C, C)`` counts; NaN without flows."""
    right, total = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    return np.divide(right, total, out=np.full(len(counts), np.nan), where=total > 0)


def macro_f1s(counts: NDArray[np.int64]) -> Matrix:
    """Return the macro-F1 of each of ``(n, C, C)`` counts, as `fednids.metrics.scores` does."""
    support, taken = counts.sum(axis=2), counts.sum(axis=1)
    found = np.diagonal(counts, axis1=1, axis2=2)
    there = support > 0
    f1 = np.divide(2.0 * found, support + taken, out=np.zeros(found.shape), where=there)
    classes = there.sum(axis=1)
    sums = f1.sum(axis=1)
    return np.divide(sums, classes, out=np.full(len(counts), np.nan), where=classes > 0)


def _counts(table: pa.Table) -> NDArray[np.int64]:
    """Read the confusion counts, ``(n, C, C)``."""
    column = table.column("confusion").combine_chunks()
    flat = np.asarray(column.flatten().to_numpy(zero_copy_only=False))
    classes = round((len(flat) / table.num_rows) ** 0.5)
    lengths = np.asarray(column.value_lengths())
    if classes < 2 or not (lengths == classes**2).all() or flat.dtype.kind != "i":
        raise ValueError("rows without C x C confusion counts")
    if flat.min() < 0:
        raise ValueError("negative confusion counts")
    return flat.astype(np.int64).reshape(-1, classes, classes)


def _integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Read a column of integers; 1 everywhere for one that older runs did not write."""
    if name not in table.column_names and name not in ("round", "partition_id"):
        return np.ones(table.num_rows, np.int64)
    return np.asarray(table.column(name).cast(pa.int64()).to_numpy(), np.int64)


def _floats(table: pa.Table, name: str) -> Matrix:
    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    return np.asarray(table.column(name).cast(pa.float64()).to_numpy(), np.float64)


def _spread(
    shape: tuple[int, int],
    where: tuple[NDArray[np.intp], NDArray[np.intp]],
    values: NDArray[np.generic],
) -> Matrix:
    """Put a value a row into its place; NaN where there is no row."""
    found = np.full(shape, np.nan)
    found[where] = values
    return found
