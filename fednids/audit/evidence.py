"""A flow file as evidence: all its columns, classes, equal vectors and the split of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from fednids.config import DataConfig
from fednids.datasets.registry import AUTO, chosen_features
from fednids.datasets.spec import Role, Rule
from fednids.flows.files.checksum import file_sha256
from fednids.flows.files.columns import LONGEST_LINE
from fednids.flows.files.header import LONGEST_HEADER, Header
from fednids.flows.files.messages import shown
from fednids.flows.files.opening import Format, format_of, open_csv
from fednids.flows.files.reading import read_csv_flows, read_flows
from fednids.flows.prepared import prepare_table
from fednids.flows.split import limit_flows, split_flows
from fednids.flows.table import FlowTable
from fednids.seeding import Stream, generator

FOLDS = 5
"""Parts of every cross-validation."""

Codes = NDArray[np.int64]
FlowRows = NDArray[np.int64]

_NAMES = ("address", "identifier", "origin")


@dataclass(frozen=True, eq=False)
class AuditColumn:
    """One column that is no target.

    Attributes
    ----------
    name : str
        As in the file.
    role : Role or None
        As in the data set; None for a column that it does not have.
    nominal : bool
        Whether its values are names, so that their order means nothing.
    codes : ndarray
        ``(N,) int64``, each flow's place in `values`.
    values : tuple[object, ...]
        Distinct values, sorted; a missing one is None.
    """

    name: str
    role: Role | None
    nominal: bool
    codes: Codes
    values: tuple[object, ...]

    @property
    def is_foreign(self) -> bool:
        """Whether nobody knows what the column is: the data set does not have it."""
        return self.role in (None, "origin")

    def value(self, code: int) -> str:
        """Return a value as it is shown to people."""
        found = self.values[code]
        if found is None:
            return "a missing value"
        return f"{found:.10g}" if isinstance(found, int | float) else shown(str(found))


def columns_of(table: FlowTable, foreign: Mapping[str, pd.Series]) -> tuple[AuditColumn, ...]:
    """Return all columns but the labels: those of the data set, then the foreign ones.

    Parameters
    ----------
    table : FlowTable
        Columns of the data set.
    foreign : Mapping[str, Series]
        ``(N,)`` each, what else the file has.
    """
    spec = table.spec
    ends = dict(
        zip((c.name for c in spec.addresses), (table.source, table.destination), strict=False)
    )
    found = []
    for column in spec.layout(table.version):
        if column.role == "address":
            used, places = np.unique(ends[column.name], return_inverse=True)
            hosts = tuple(table.hosts[code] for code in used)
            found.append(AuditColumn(column.name, column.role, True, places, hosts))
        elif column.name in table.numbers:
            series = pd.Series(table.numbers[column.name])
            found.append(_coded(column.name, column.role, series))
    known: dict[str, Role] = {c.name: c.role for c in spec.columns if c.role == "origin"}
    return (
        *found,
        *(_coded(name, known.get(name), values) for name, values in foreign.items()),
    )


def _coded(name: str, role: Role | None, series: pd.Series) -> AuditColumn:
    ordered = series.dtype.kind in "biufmM"
    if not ordered:
        series = series.map(str, na_action="ignore")
    codes, distinct = pd.factorize(series, sort=True, use_na_sentinel=False)
    values = tuple(None if pd.isna(value) else value for value in distinct.tolist())
    return AuditColumn(name, role, role in _NAMES or not ordered, codes.astype(np.int64), values)


def read_whole(path: Path, dataset: str = AUTO) -> tuple[FlowTable, dict[str, pd.Series]]:
    """Read all columns of a flow file.

    Parameters
    ----------
    path, dataset
        As for `fednids.flows.files.reading.read_flows`; a CSV, in an archive or not, may have
        any columns beside those of the data set.

    Returns
    -------
    FlowTable
        The columns of the data set, checked.
    dict
        The others by name, ``(N,)`` each, as numbers, dates or texts, whatever they look like.

    Raises
    ------
    fednids.errors.DataError
        Whatever is wrong with the file, in one line, as `read_flows` words it.
    """
    packing = format_of(path)
    if packing is Format.PARQUET:
        return read_flows(path, dataset), {}
    table, header = read_csv_flows(path, packing, dataset, tolerant=True)
    known = [column.name for column in table.spec.layout(table.version)]
    return table, _read_foreign(path, packing, header, known)


def _read_foreign(
    path: Path, packing: Format, header: Header, known: Sequence[str]
) -> dict[str, pd.Series]:
    names = [name for name in header.names if name not in known]
    if not names:
        return {}
    try:
        table = _parse(path, packing, header, dict.fromkeys(names))
    except pa.ArrowException:  # a column that begins like numbers and goes on otherwise
        table = _parse(path, packing, header, {name: pa.large_binary() for name in names})
        return {name: _text(table.column(name)) for name in names}
    return {name: table.column(name).to_pandas() for name in names}


def _parse(
    path: Path, packing: Format, header: Header, types: dict[str, pa.DataType | None]
) -> pa.Table:
    with open_csv(path, packing) as source:
        source.stream.readline(LONGEST_HEADER)
        return csv.read_csv(
            source.stream,
            csv.ReadOptions(column_names=header.names, block_size=LONGEST_LINE),
            csv.ParseOptions(quote_char='"' if header.quoted else False),
            csv.ConvertOptions(
                column_types={name: kind for name, kind in types.items() if kind is not None},
                include_columns=list(types),
            ),
        )


def _text(cells: pa.ChunkedArray) -> pd.Series:
    """Return texts, or the numbers that they all are."""
    texts = pd.Series([cell.decode("utf-8", "replace") for cell in cells.to_pylist()])
    numbers = pd.to_numeric(texts.where(texts.str.strip() != ""), errors="coerce")
    whole = bool((numbers.notna() == (texts.str.strip() != "")).all())
    return numbers if whole else texts


@dataclass(frozen=True)
class Evidence:
    """What all checks look at.

    Attributes
    ----------
    columns : tuple[AuditColumn, ...]
        All columns but the labels.
    classes : tuple[str, ...]
        Names of the classes, the benign one first.
    rules : tuple of Rule
        What flows of this data set cannot be.
    feature_set : str
        Name of the feature set that a detector is shown.
    features : tuple[str, ...]
        Names of those that a detector is shown; equal flows are equal in these.
    attack : ndarray
        ``(N,) uint8``, each flow's class.
    vector : ndarray
        ``(N,) int32``, number of each flow's feature vector.
    test : ndarray
        ``(N,) bool``, test flows of a run with this split and seed.
    """

    columns: tuple[AuditColumn, ...]
    classes: tuple[str, ...]
    rules: tuple[Rule, ...]
    feature_set: str
    features: tuple[str, ...]
    attack: NDArray[np.uint8]
    vector: NDArray[np.int32]
    test: NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of flows."""
        return len(self.attack)

    @property
    def learnable(self) -> bool:
        """Whether there are two classes with enough flows for every fold."""
        return int((np.bincount(self.attack) >= FOLDS).sum()) > 1

    @property
    def shown(self) -> tuple[AuditColumn, ...]:
        """The columns that a detector is shown."""
        return tuple(column for column in self.columns if column.name in self.features)

    def by_class(
        self, codes: NDArray[np.integer[Any]], rows: NDArray[np.bool_] | slice = slice(None)
    ) -> NDArray[np.int64]:
        """Count the flows of each code and class, ``(codes.max() + 1, C) int64``.

        Parameters
        ----------
        codes : ndarray
            ``(N,)`` integers of at least 0.
        rows : ndarray, optional
            ``(N,) bool``, flows that count; all by default.
        """
        size, width = int(codes.max()) + 1, len(self.classes)
        key = codes.astype(np.int64) * width + self.attack
        return np.bincount(key[rows], minlength=size * width).reshape(size, width)

    def sample(self, most: int, rng: np.random.Generator) -> FlowRows:
        """Choose at most ``most`` flows with the classes' shares kept, in file order."""
        return limit_flows(self.attack, most, rng)


def evidence_of(
    table: FlowTable, foreign: Mapping[str, pd.Series], data: DataConfig, seed: int
) -> Evidence:
    """Bring a file's columns into the form of the checks.

    Parameters
    ----------
    table, foreign
        From `read_whole`.
    data : DataConfig
        Features shown to the detector, kind of split, share of test flows, path.
    seed : int
        Seed of the run whose split is audited.

    Raises
    ------
    fednids.errors.DataError
        The file has not the features that are asked for, or the split leaves one side empty.
    """
    features = chosen_features(table.spec, data)
    table.features(features, data.path, "--features ")
    flows = prepare_table(table, features, path=data.path, sha256=data.sha256)
    split = split_flows(flows, data.split, data.test_share, generator(seed, Stream.SPLIT))
    return Evidence(
        columns_of(table, foreign),
        flows.classes,
        table.spec.rules,
        features,
        flows.columns,
        table.attack,
        flows.vector,
        split.test,
    )


def gather(data: DataConfig, seed: int) -> tuple[Evidence, str]:
    """Read the file at ``data.path``; return its evidence and its SHA-256.

    Raises
    ------
    fednids.errors.DataError
        Whatever is wrong with the file or with what is asked of it.
    """
    path = Path(data.path)
    return evidence_of(*read_whole(path, data.dataset), data, seed), file_sha256(path)
