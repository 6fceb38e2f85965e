"""What is in a flow file, before anybody trains on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.flows.prepared import distinct_rows
from fednids.flows.schema import CLASSES, DURATION, KINDS, feature_names
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
    version : str
        ``"v1"`` or ``"v2"``.
    flows : int
        Rows.
    classes : dict[str, int]
        Flows of each class.
    hosts, pairs : int
        Distinct addresses, and distinct pairs of source and destination.
    vectors : int
        Distinct feature vectors, without ports and addresses.
    ambiguous : int
        Vectors that flows of more than one class have.
    ranges : dict[str, Range]
        Of each feature column.
    warnings : tuple[str, ...]
        What a reader of results should know.
    """

    version: str
    flows: int
    classes: dict[str, int]
    hosts: int
    pairs: int
    vectors: int
    ambiguous: int
    ranges: dict[str, Range]
    warnings: tuple[str, ...]


def summarise(table: FlowTable) -> Summary:
    """Count and measure a table of at least one flow."""
    columns = [table.numbers[name] for name in feature_names(table.version)]
    vector, first = distinct_rows(columns)
    counts = np.bincount(table.attack, minlength=len(KINDS))
    pairs = table.source.astype(np.int64) * len(table.hosts) + table.destination
    owners = np.unique(vector.astype(np.int64) * len(KINDS) + table.attack) // len(KINDS)
    ambiguous = int((np.bincount(owners) > 1).sum())
    ranges = {
        name: Range(float(values.min()), float(np.median(values)), float(values.max()))
        for name, values in zip(feature_names(table.version), columns, strict=True)
    }
    return Summary(
        table.version,
        len(table),
        {name: int(n) for name, n in zip(KINDS, counts, strict=True) if n or name in CLASSES},
        len(np.unique(np.concatenate([table.source, table.destination]))),
        len(np.unique(pairs)),
        len(first),
        ambiguous,
        ranges,
        tuple(_warnings(table, counts, len(first), ambiguous)),
    )


def _warnings(
    table: FlowTable, counts: NDArray[np.int64], vectors: int, ambiguous: int
) -> list[str]:
    found, flows = [], len(table)
    name = KINDS[int(counts.argmax())]
    share = (counts[1:].sum()) / flows
    found.append(
        f"answering {name!r} always is right for {counts.max() / flows:.1%} of the flows, and "
        f"answering 'attack' for {share:.1%}: read macro-F1 and false alarms, not accuracy"
    )
    for rare, count in zip(CLASSES, counts[: len(CLASSES)], strict=True):
        if count < RARE:
            found.append(f"{rare} has {count} flows: its scores will be noise")
    if others := int(counts[len(CLASSES)]):
        found.append(
            f"{others:,} flows are attacks that NF-BoT-IoT does not have: train and compare with "
            "model.classes=2, attack against benign"
        )
    if vectors < flows / 2:
        found.append(
            f"flows repeat: {flows / vectors:.0f} on average share a vector, so a random split "
            "tests on what was trained on; look at the novel flows or use data.split=grouped"
        )
    if ambiguous:
        found.append(f"{ambiguous:,} vectors carry more than one class: nobody can score 1.0")
    wrapped = float((table.numbers[DURATION] > 2**31 / 1000).mean())
    if wrapped > 0.01:
        found.append(f"{wrapped:.0%} of the durations are wrapped; fednids unwraps them")
    return found
