"""What is in a flow file, before anybody trains on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.flows.prepared import distinct_rows
from fednids.flows.table import FlowTable

RARE = 30
"""Below so many flows of a class, its scores are hardly worth reading."""


@dataclass(frozen=True)
class Range:
    """Least, median and most of one column."""

    least: float
    median: float
    most: float


@dataclass(frozen=True)
class Summary:
    """A flow file in numbers.

    Attributes
    ----------
    dataset : str
        Title of the data set.
    version : str
        The feature set whose columns the file has.
    flows : int
        Rows.
    classes : dict[str, int]
        Flows of each class.
    hosts, pairs : int
        Distinct addresses, and distinct pairs of source and destination; 0 without addresses.
    vectors : int
        Distinct feature vectors, without ports and addresses.
    ambiguous : int
        Vectors that flows of more than one class have.
    ranges : dict[str, Range]
        Of each feature column.
    warnings : tuple[str, ...]
        What a reader of results should know.
    """

    dataset: str
    version: str
    flows: int
    classes: dict[str, int]
    hosts: int
    pairs: int
    vectors: int
    ambiguous: int
    ranges: dict[str, Range]
    warnings: tuple[str, ...]


def summarise_flows(table: FlowTable) -> Summary:
    """Count and measure a table of at least one flow."""
    spec = table.spec
    names = [name for name in spec.feature_sets[table.version] if name in table.numbers]
    columns = [table.numbers[name] for name in names]
    vector, first = distinct_rows(columns)
    classes = len(spec.classes)
    counts = np.bincount(table.attack, minlength=classes)
    pairs = table.source.astype(np.int64) * len(table.hosts) + table.destination
    owners = np.unique(vector.astype(np.int64) * classes + table.attack) // classes
    ambiguous = int((np.bincount(owners) > 1).sum())
    ranges = {
        name: Range(float(values.min()), float(np.median(values)), float(values.max()))
        for name, values in zip(names, columns, strict=True)
    }
    hosts = len(np.unique(np.concatenate([table.source, table.destination])))
    return Summary(
        spec.title,
        table.version if len(spec.feature_sets) > 1 else "",
        len(table),
        dict(zip(spec.classes, counts.tolist(), strict=True)),
        hosts if table.hosts else 0,
        len(np.unique(pairs)) if table.hosts else 0,
        len(first),
        ambiguous,
        ranges,
        tuple(_warnings(table, counts, len(first), ambiguous)),
    )


def _warnings(
    table: FlowTable, counts: NDArray[np.int64], vectors: int, ambiguous: int
) -> list[str]:
    flows, spec = len(table), table.spec
    found = [_easy_answer(table, counts), *_classes(table, counts), *_columns(table)]
    if vectors < flows / 2:
        found.append(
            f"flows repeat: {flows / vectors:.0f} on average share a vector, so a random split "
            "tests on what was trained on; look at the novel flows or use data.split=grouped"
        )
    if ambiguous:
        found.append(f"{ambiguous:,} vectors carry more than one class: nobody can score 1.0")
    for column in spec.layout(table.version):
        if column.wraps:
            wrapped = float((table.numbers[column.name] > column.wraps / 2).mean())
            if wrapped > 0.01:
                found.append(f"{wrapped:.0%} of the durations are wrapped; fednids unwraps them")
    return found


def _easy_answer(table: FlowTable, counts: NDArray[np.int64]) -> str:
    name, share = table.spec.classes[int(counts.argmax())], counts[1:].sum() / len(table)
    return (
        f"answering {name!r} always is right for {counts.max() / len(table):.1%} of the flows, and "
        f"answering 'attack' for {share:.1%}: read macro-F1 and false alarms, not accuracy"
    )


def _classes(table: FlowTable, counts: NDArray[np.int64]) -> Iterator[str]:
    found = dict(zip(table.spec.classes, counts.tolist(), strict=True))
    for rare, count in found.items():
        if 0 < count < RARE:
            yield f"{rare} has {count} flows: its scores will be noise"
    if absent := [name for name, count in found.items() if not count]:
        yield f"no flows of {', '.join(absent)}: nothing can be learnt or said of them"


def _columns(table: FlowTable) -> Iterator[str]:
    """Describe what is lost by columns that are not there."""
    spec = table.spec
    columns = [spec.column(name) for name in spec.feature_sets[table.version]]
    missing = [column for column in columns if column.name not in table.numbers]
    for column in missing:
        if column.loss:
            yield f"no column {column.name}: {column.loss} is lost"
    if others := [column.name for column in missing if not column.loss]:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield f"no column {', '.join(others[:3])}{more}: no features of these"
    if not spec.addresses:
        yield "no addresses: nothing can be dealt or split by host"
