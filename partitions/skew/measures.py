"""Measures of how unevenly flows are dealt, each from a table of flows ``(K, C) int64``.

Gateways without flows count for measures of sizes and are left out of all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fednids.errors import PartitionError
from fednids.plain import as_json
from partitions.interface import Table
from partitions.skew.distances import (
    DISTANCES,
    Distance,
    Values,
    class_shares,
    entropy,
    relative_entropy,
)


@dataclass(frozen=True)
class Measure:
    """A measure of how uneven a table of flows is.

    Attributes
    ----------
    of : {"gateway", "class", "plan", "size"}
        What it has a value for: each gateway (NaN for one without flows, left out of the
        means), each class (NaN for one without flows), or the plan as a whole. ``"size"``
        is of the plan as well, but depends on the gateways' sizes alone, so an iid deal of
        the same sizes has the same value and no yardstick is drawn.
    measure : Callable
        From a table ``(K, C) int64`` with at least one flow to ``(K,)``, ``(C,)`` or ``()``.
    """

    of: Literal["gateway", "class", "plan", "size"]
    measure: Callable[[Table], Values]


def coverage(table: Table) -> Values:
    """Return the share of the fleet's classes that each gateway has, ``(K,)``, above 0 to 1."""
    seen = (table > 0).sum(axis=1) / (table.sum(axis=0) > 0).sum()
    return np.where(table.sum(axis=1) > 0, seen, np.nan)


def effective_classes(table: Table) -> Values:
    """Return the effective number of classes of each gateway, ``(K,)``, 1 to ``C``.

    It is the number of equally frequent classes that have the entropy of the gateway's mix
    (the exponential of the entropy, Hill's number of order 1), so a class with a handful of
    flows hardly counts where `coverage` counts it in full.

    References
    ----------
    M. O. Hill, "Diversity and evenness: a unifying notation and its consequences",
    Ecology 54, 1973, doi 10.2307/1934352
    """
    return np.exp2(entropy(class_shares(table)))


def absent(table: Table) -> Values:
    """Return the share of the gateways that lack each class, ``(C,)``, 0 to below 1.

    A class without flows anywhere is NaN.
    """
    kept = table[table.sum(axis=1) > 0]
    return np.where(table.any(axis=0), (kept == 0).mean(axis=0), np.nan)


def mutual_information(table: Table) -> Values:
    """Return the mutual information of a flow's gateway and its class, in bits, ``()``.

    From 0 for equal mixes to the entropy of the fleet's labels where a gateway has one
    class only. It is the mean over flows of the relative entropy of the gateway's mix to
    the fleet's.
    """
    kept = table[table.sum(axis=1) > 0]
    shares, whole = class_shares(kept), class_shares(table.sum(axis=0))
    bits = relative_entropy(shares, np.broadcast_to(whole, shares.shape))
    return np.asarray(max(np.average(bits, weights=kept.sum(axis=1)), 0.0))


def mutual_information_share(table: Table) -> Values:
    """Return `mutual_information` over the entropy of the fleet's labels, ``()``, 0 to 1.

    NaN where the fleet has one class only.
    """
    whole = entropy(class_shares(table.sum(axis=0)))
    return np.minimum(mutual_information(table) / whole, 1.0) if whole > 0 else np.asarray(np.nan)


def size_gini(sizes: NDArray[np.int64]) -> float:
    """Return the Gini coefficient of ``(K,)`` sizes.

    Half the mean absolute difference between two gateways, over the mean size: 0 for equal
    sizes, ``1 - 1/K`` for one gateway with everything.

    References
    ----------
    C. Gini, "Variabilità e mutabilità", 1912
    """
    count = len(sizes)
    ranks = 2 * np.arange(1, count + 1) - count - 1
    return float((ranks * np.sort(sizes)).sum() / (count * sizes.sum()))


def _to_all_flows(distance: Distance) -> Measure:
    return Measure(
        "gateway", lambda table: distance(class_shares(table), class_shares(table.sum(axis=0)))
    )


def _of_sizes(measure: Callable[[NDArray[np.int64]], Any]) -> Measure:
    return Measure("size", lambda table: np.asarray(measure(table.sum(axis=1)), np.float64))


# How to add one:
# 1. Write a function of a `(K, C)` table of flows here, or a distance between two mixes in
#    `distances.py`, which also has a pairwise matrix then.
# 2. Add its line here. Reports, tables and yardsticks take it from this dict.
# 3. Write its literal definition in `tests/skew_oracles.py` under the same name and run
#    `pytest tests/partitions/skew`; the laws there cover every member of this dict.
MEASURES: dict[str, Measure] = {
    **{name: _to_all_flows(distance) for name, distance in DISTANCES.items()},
    "coverage": Measure("gateway", coverage),
    "effective_classes": Measure("gateway", effective_classes),
    "absent": Measure("class", absent),
    "mutual_information": Measure("plan", mutual_information),
    "mutual_information_share": Measure("plan", mutual_information_share),
    "size_gini": _of_sizes(size_gini),
    "size_variation": _of_sizes(lambda sizes: sizes.std() / sizes.mean()),
    "effective_gateways": _of_sizes(lambda sizes: np.exp2(entropy(sizes / sizes.sum()))),
    "smallest": _of_sizes(np.min),
    "largest": _of_sizes(np.max),
    "without_flows": _of_sizes(lambda sizes: (sizes == 0).sum()),
}
"""Measure of each name in reports.

Distances are those between a gateway's class mix and the fleet's. ``effective_gateways`` is the
number of gateways of equal size that have the entropy of the sizes, from 1 to ``K``.
"""


def gateway_means(values: Values, sizes: NDArray[np.int64]) -> tuple[float, float]:
    """Return the mean over flows, each with its gateway's value, and that over gateways.

    Values ``(K,)`` at gateways without flows are left out; not all sizes ``(K,) int64`` are 0.
    """
    kept = sizes > 0
    return float(np.average(values[kept], weights=sizes[kept])), float(values[kept].mean())


def check_table(table: Table) -> None:
    """Check that this is a table of flows.

    Raises
    ------
    PartitionError
        When `table` is not ``(K, C)`` of whole numbers from 0 with at least one flow.
    """
    if table.ndim != 2 or table.dtype.kind not in "iu" or not table.size:
        raise PartitionError(
            "expected flows of each class at each gateway, (K, C) int64, found shape "
            f"{table.shape} of {table.dtype}; give PartitionPlan.label_counts"
        )
    if table.min() < 0 or not table.any():
        raise PartitionError(
            f"expected at least one flow and no count below 0, found {int(table.sum())} flows "
            f"and a least count of {table.min()}; give PartitionPlan.label_counts"
        )


def summary_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Name the rows of `summarise`: a measure of each class has one row a class, ``name.class``."""
    names: list[str] = []
    for name, measure in MEASURES.items():
        of_class = measure.of == "class"
        names += [f"{name}.{each}" for each in classes] if of_class else [name]
    return tuple(names)


def summarise(table: Table) -> Values:
    """Measure ``(K, C) int64`` flows, at least one, by every member of `MEASURES`.

    The rows of the ``(M, 2)`` values are those of `summary_names`. The columns are the mean
    weighted by flows and the plain mean over gateways; what is one number stands in both.
    """
    flows = table.sum(axis=1)
    rows: list[Values] = []
    for measure in MEASURES.values():
        values = measure.measure(table)
        if measure.of == "gateway":
            rows.append(np.array([gateway_means(values, flows)]))
        else:
            rows.append(np.repeat(np.atleast_1d(values)[:, None], 2, axis=1))
    return np.concatenate(rows)


@dataclass(frozen=True)
class Skew:
    """Unevenness of a plan in a few numbers, as in ``partition.skew`` of ``result.json``.

    `partitions.skew.study_skew` measures more, and what an iid deal of the same sizes has:
    small gateways differ by chance alone.

    Attributes
    ----------
    jensen_shannon, hellinger, total_variation : float
        Mean distance between a gateway's class mix and the fleet's, weighted by flows: 0
        for equal mixes, towards 1 for nothing in common.
    mutual_information : float
        Of a flow's gateway and its class, in bits.
    mutual_information_share : float
        The same over the entropy of the class, 0 to 1; NaN where there is one class only.
    coverage : float
        Mean over gateways of the share of the fleet's classes that a gateway has.
    effective_classes : float
        Mean over gateways of the exponential of the entropy of the class mix.
    size_gini : float
        Gini coefficient of the gateways' sizes: 0 for equal sizes, towards 1 for one
        gateway with everything.
    smallest, largest : int
        Flows of the smallest and the largest gateway.
    """

    jensen_shannon: float
    hellinger: float
    total_variation: float
    mutual_information: float
    mutual_information_share: float
    coverage: float
    effective_classes: float
    size_gini: float
    smallest: int
    largest: int

    def to_json(self) -> dict[str, float | int | None]:
        """Return the fields as JSON has them, None for NaN."""
        values: dict[str, float | int | None] = as_json(asdict(self))
        return values


def measure_skew(table: Table) -> Skew:
    """Measure a plan by its ``(K, C) int64`` flows of each class at each gateway.

    Gateways without flows count for the sizes alone.

    Raises
    ------
    PartitionError
        When it is no such table, or has no flow.
    """
    check_table(table)
    sizes, found = table.sum(axis=1), dict[str, Any]()
    for name in (field.name for field in fields(Skew)):
        values = MEASURES[name].measure(table)
        if MEASURES[name].of == "gateway":
            weighted, plain = gateway_means(values, sizes)
            found[name] = weighted if name in DISTANCES else plain
        else:
            found[name] = int(values) if name in ("smallest", "largest") else float(values)
    return Skew(**found)
