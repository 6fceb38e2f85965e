"""The registry of skew measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from partitions.interface import Table
from partitions.skew import labels, sizes
from partitions.skew.distances import DISTANCES, Distance
from partitions.skew.shares import Values, class_shares, fleet_means


@dataclass(frozen=True)
class Measure:
    """One way to say how uneven a table of flows is.

    Attributes
    ----------
    of : {"gateway", "class", "fleet", "size"}
        What it has a value for: each gateway (NaN for one without flows, left out of the
        means), each class (NaN for one without flows), or the plan as a whole. ``"size"``
        is of the plan as well, but depends on the gateways' sizes alone, so an iid deal of
        the same sizes has the same value and no yardstick is drawn.
    measure : Callable
        From a table ``(K, C) int64`` with at least one flow to ``(K,)``, ``(C,)`` or ``()``.
    meaning : str
        One line: what it says, and its range.
    """

    of: Literal["gateway", "class", "fleet", "size"]
    measure: Callable[[Table], Values]
    meaning: str


def _to_fleet(distance: Distance) -> Callable[[Table], Values]:
    def measure(table: Table) -> Values:
        return distance(class_shares(table), class_shares(table.sum(axis=0)))

    return measure


# How to add one:
# 1. Write a function of a `(K, C)` table of flows in `labels.py` or `sizes.py`, or a distance
#    between two mixes in `distances.py`, which also gives it a pairwise matrix.
# 2. Add its line here. Reports, tables and yardsticks take it from this dict.
# 3. Write its literal definition in `tests/skew_oracles.py` under the same name and run
#    `pytest tests/partitions/skew`; the laws there cover every member of this dict.
MEASURES: dict[str, Measure] = {
    "jensen_shannon": Measure(
        "gateway",
        _to_fleet(DISTANCES["jensen_shannon"]),
        "Jensen-Shannon divergence (base 2) of a gateway's class mix to the fleet's, 0 to 1",
    ),
    "hellinger": Measure(
        "gateway",
        _to_fleet(DISTANCES["hellinger"]),
        "Hellinger distance of a gateway's class mix to the fleet's, 0 to 1",
    ),
    "total_variation": Measure(
        "gateway",
        _to_fleet(DISTANCES["total_variation"]),
        "total variation distance of a gateway's class mix to the fleet's, 0 to 1",
    ),
    "coverage": Measure(
        "gateway", labels.coverage, "share of the fleet's classes that a gateway has, 0 to 1"
    ),
    "effective_classes": Measure(
        "gateway",
        labels.effective_classes,
        "equally frequent classes with the entropy of a gateway's mix, from 1",
    ),
    "absent": Measure(
        "class", labels.absent, "share of the gateways that have no flow of a class, 0 to 1"
    ),
    "mutual_information": Measure(
        "fleet", labels.mutual_information, "what a gateway tells about a flow's class, in bits"
    ),
    "mutual_information_share": Measure(
        "fleet",
        labels.mutual_information_share,
        "mutual information of gateway and class over the entropy of the class, 0 to 1",
    ),
    "size_gini": Measure("size", sizes.size_gini, "Gini coefficient of the sizes, 0 to 1"),
    "size_variation": Measure(
        "size", sizes.size_variation, "standard deviation of the sizes over their mean, from 0"
    ),
    "effective_gateways": Measure(
        "size", sizes.effective_gateways, "equal gateways with the entropy of the sizes, from 1"
    ),
    "smallest": Measure("size", sizes.smallest, "flows of the smallest gateway"),
    "largest": Measure("size", sizes.largest, "flows of the largest gateway"),
    "without_flows": Measure("size", sizes.without_flows, "gateways without a flow"),
}
"""Measure of each name in reports."""


def summary_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Name the rows of `summarise`: a measure of each class has one row a class, ``name.class``."""
    names: list[str] = []
    for name, measure in MEASURES.items():
        of_class = measure.of == "class"
        names += [f"{name}.{each}" for each in classes] if of_class else [name]
    return tuple(names)


def summarise(table: Table) -> Values:
    """Measure a table by every member of `MEASURES`.

    Parameters
    ----------
    table : ndarray
        ``(K, C) int64``, with at least one flow.

    Returns
    -------
    ndarray
        ``(M, 2)``, rows as in `summary_names`. The columns are the mean weighted by flows
        and the plain mean over gateways; what is one number stands in both.
    """
    flows = table.sum(axis=1)
    rows: list[Values] = []
    for measure in MEASURES.values():
        values = measure.measure(table)
        if measure.of == "gateway":
            rows.append(np.array([fleet_means(values, flows)]))
        else:
            rows.append(np.repeat(np.atleast_1d(values)[:, None], 2, axis=1))
    return np.concatenate(rows)
