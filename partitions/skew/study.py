"""All measures of one plan, beside those of iid deals: the skew of chance alone at its sizes.

A gateway of 20 flows cannot have the fleet's class mix, however fairly it was dealt. So a
skew is read beside that of iid deals of the same flows to gateways of the same sizes.

A plan may lie below the interval of these too: it then deals more evenly than chance, as a
deal in which every gateway has its exact share of each class does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.plain import as_json
from partitions.interface import Labels, Table
from partitions.plan import PartitionPlan
from partitions.skew.distances import Values
from partitions.skew.features import Features, feature_distances
from partitions.skew.measures import MEASURES, check_table, gateway_means, summarise, summary_names

INTERVAL = (0.025, 0.975)
"""Quantiles of the iid deals between which 95 % of them lie."""

Cell = str | int | float


@dataclass(frozen=True)
class Sheet:
    """A table for a data frame: ``pandas.DataFrame(sheet.rows, columns=sheet.columns)``.

    Attributes
    ----------
    columns : tuple[str, ...]
        Names.
    rows : tuple[tuple, ...]
        One value a column; NaN where undefined.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def to_json(self) -> list[dict[str, Cell | None]]:
        """Return one object a row, None for NaN."""
        return [as_json(dict(zip(self.columns, row, strict=True))) for row in self.rows]


@dataclass(frozen=True)
class MeasureSummary:
    """One measure of a plan, beside that of iid deals of the same sizes.

    Attributes
    ----------
    measure : str
        A key of `partitions.skew.MEASURES`, followed by ``.`` and the class for a measure
        of each class; ``wasserstein`` for the mean over features of the earth mover's
        distance, ``wasserstein.NAME`` for one feature.
    weighted, unweighted : float
        Mean weighted by flows, and plain mean over the gateways that have flows. A
        measure that is one number for the plan stands in both. NaN where undefined.
    iid_weighted, iid_weighted_low, iid_weighted_high : float
        Mean of `weighted` over the iid deals, and its 2.5 % and 97.5 % quantiles; NaN
        for measures of sizes, which an iid deal keeps, and where none was drawn.
    iid_unweighted, iid_unweighted_low, iid_unweighted_high : float
        The same of `unweighted`.
    """

    measure: str
    weighted: float
    unweighted: float
    iid_weighted: float
    iid_weighted_low: float
    iid_weighted_high: float
    iid_unweighted: float
    iid_unweighted_low: float
    iid_unweighted_high: float


@dataclass(frozen=True)
class SkewReport:
    """How unevenly a plan deals.

    Attributes
    ----------
    scheme : str
        Of the plan.
    flows : int
        ``N``.
    iid_tables, iid_shuffles : int
        Iid deals beside which label measures and feature measures stand.
    summary : tuple[MeasureSummary, ...]
        One entry a measure.
    gateways : Sheet
        One row a gateway: ``partition_id``, ``flows``, ``flows.CLASS`` for each class, the
        measures of each gateway by name and, where features were given, ``wasserstein``
        and ``wasserstein.FEATURE``.
    """

    scheme: str
    flows: int
    iid_tables: int
    iid_shuffles: int
    summary: tuple[MeasureSummary, ...]
    gateways: Sheet

    def find(self, measure: str) -> MeasureSummary:
        """Return the summary of one measure.

        Raises
        ------
        KeyError
            When it was not measured.
        """
        return {each.measure: each for each in self.summary}[measure]

    def summary_sheet(self) -> Sheet:
        """Return the summary as a table, one row a measure."""
        columns = tuple(field.name for field in fields(MeasureSummary))
        return Sheet(columns, tuple(astuple(each) for each in self.summary))

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON has it, None for NaN."""
        return {each.name: as_json(getattr(self, each.name)) for each in fields(self)}


def study_skew(
    plan: PartitionPlan,
    labels: Labels,
    *,
    classes: Sequence[str],
    features: Features | None = None,
    iid_tables: int = 100,
    iid_shuffles: int = 5,
    rng: np.random.Generator,
) -> SkewReport:
    """Measure a plan by every measure, and iid deals of the same sizes beside it.

    Parameters
    ----------
    labels : ndarray
        ``(N,)`` class of each flow, among the ``C`` classes named; at least one flow.
    features : Features, optional
        Of the same flows; without them, label and size measures alone.
    iid_tables : int
        Iid deals, from 0, for label measures. A hundred take about a quarter of a second for
        1,000 gateways.
    iid_shuffles : int
        Iid deals, from 0, for feature measures, which take about as long each as the measure
        itself. The interval of so few is little less than their range.
    rng : numpy.random.Generator
        Draws the iid deals, and nothing else.

    Raises
    ------
    PartitionError
        When labels or features are of other flows, or there is no flow.
    """
    table = plan.label_counts(labels, len(classes))
    check_table(table)
    found, names = summarise(table), summary_names(classes)
    draws = [summarise(drawn) for drawn in draw_iid_tables(table, iid_tables, rng)]
    spread = _spread(draws, found)
    spread[[name in MEASURES and MEASURES[name].of == "size" for name in names]] = np.nan
    summary = _summaries(names, found, spread)
    columns = {"partition_id": np.arange(plan.gateways), "flows": table.sum(axis=1)}
    columns |= {f"flows.{name}": table[:, code] for code, name in enumerate(classes)}
    columns |= {k: each.measure(table) for k, each in MEASURES.items() if each.of == "gateway"}
    if features is not None:
        shifts, distances = _study_features(plan, features, iid_shuffles, rng)
        summary, columns = summary + shifts, columns | distances
    rows = tuple(zip(*(column.tolist() for column in columns.values()), strict=True))
    shuffles, sheet = 0 if features is None else iid_shuffles, Sheet(tuple(columns), rows)
    return SkewReport(plan.scheme, len(plan.assignment), iid_tables, shuffles, summary, sheet)


def _study_features(
    plan: PartitionPlan, features: Features, shuffles: int, rng: np.random.Generator
) -> tuple[tuple[MeasureSummary, ...], dict[str, NDArray[Any]]]:
    """Return summaries and gateways' values of each feature's distance, and first of their mean."""
    deals = [plan.assignment, *(rng.permutation(plan.assignment) for _ in range(shuffles))]
    distances = feature_distances(features, deals, plan.gateways)
    distances = np.concatenate([distances.mean(axis=2, keepdims=True), distances], axis=2)
    sizes = plan.sizes()
    found, *draws = [np.array([gateway_means(v, sizes) for v in deal.T]) for deal in distances]
    names = ("wasserstein", *(f"wasserstein.{name}" for name in features.names))
    columns = dict(zip(names, distances[0].T, strict=True))
    return _summaries(names, found, _spread(draws, found)), columns


def draw_iid_tables(table: Table, draws: int, rng: np.random.Generator) -> Iterator[Table]:
    """Draw the class tables of iid deals that keep row and column sums of ``(K, C) int64`` flows.

    Their distribution is that of shuffled assignments of all flows, without the flows: each
    class in turn takes places left at the gateways, a multivariate hypergeometric draw.
    """
    totals = table.sum(axis=0)
    for _ in range(draws):
        left, drawn = table.sum(axis=1), np.empty(table.shape, np.int64)
        for code, total in enumerate(totals[:-1]):
            drawn[:, code] = rng.multivariate_hypergeometric(left, total, method="marginals")
            left -= drawn[:, code]
        drawn[:, -1] = left
        yield drawn


def _spread(draws: Sequence[Values], found: Values) -> Values:
    """Return mean and quantiles of `INTERVAL` of draws, ``(*found.shape, 3)``; NaN without any."""
    if not draws:
        return np.full((*found.shape, 3), np.nan)
    stacked = np.stack(draws)
    low, high = np.quantile(stacked, INTERVAL, axis=0)
    return np.stack([stacked.mean(axis=0), low, high], axis=-1)


def _summaries(names: Sequence[str], found: Values, spread: Values) -> tuple[MeasureSummary, ...]:
    numbers = np.hstack([found, spread.reshape(len(found), -1)]).tolist()
    return tuple(MeasureSummary(name, *row) for name, row in zip(names, numbers, strict=True))
