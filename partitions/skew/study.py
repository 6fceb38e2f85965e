"""Everything that can be said about the skew of one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partitions.interface import Labels, Table
from partitions.plan import PartitionPlan
from partitions.skew.features import Features
from partitions.skew.measures import MEASURES, summarise, summary_names
from partitions.skew.report import MeasureSummary, Sheet, SkewReport
from partitions.skew.shares import Values, check_table, fleet_means
from partitions.skew.shifts import feature_distances, iid_feature_distances
from partitions.skew.yardstick import Yardstick, draw_iid_tables, spread_of_draws

_YARDSTICK = Yardstick()


def study_skew(
    plan: PartitionPlan,
    labels: Labels,
    *,
    classes: Sequence[str],
    features: Features | None = None,
    yardstick: Yardstick = _YARDSTICK,
    rng: np.random.Generator,
) -> SkewReport:
    """Measure a plan by every measure, and iid deals of the same sizes beside it.

    Parameters
    ----------
    plan : PartitionPlan
        Who owns which flow; at least one flow.
    labels : ndarray
        ``(N,)`` class of each flow.
    classes : Sequence[str]
        Names of the ``C`` classes.
    features : Features, optional
        Of the same flows; without them, label and size measures alone.
    yardstick : Yardstick
        How many iid deals to draw.
    rng : numpy.random.Generator
        Draws the iid deals, and nothing else.

    Raises
    ------
    PartitionError
        When labels or features are of other flows, or there is no flow.
    """
    table = plan.label_counts(labels, len(classes))
    check_table(table)
    parts = [_study_labels(table, classes, yardstick, rng)]
    if features is not None:
        parts.append(_study_features(plan, features, yardstick, rng))
    summary = tuple(row for part in parts for row in part.summary)
    columns = tuple(name for part in parts for name in part.columns)
    numbers = np.hstack([part.gateways for part in parts]).tolist()
    counts = np.column_stack([np.arange(plan.gateways), table.sum(axis=1), table]).tolist()
    rows = tuple((*count, *row) for count, row in zip(counts, numbers, strict=True))
    named = ("partition_id", "flows", *(f"flows.{name}" for name in classes), *columns)
    shuffles = 0 if features is None else yardstick.shuffles
    flows = len(plan.assignment)
    return SkewReport(plan.scheme, flows, yardstick.tables, shuffles, summary, Sheet(named, rows))


@dataclass(frozen=True, eq=False)
class _Part:
    """Summary of some measures, and their ``(K, n)`` values at the gateways by column."""

    summary: tuple[MeasureSummary, ...]
    columns: tuple[str, ...]
    gateways: Values


def _study_labels(
    table: Table, classes: Sequence[str], yardstick: Yardstick, rng: np.random.Generator
) -> _Part:
    """Study what follows from the flows of each class at each gateway."""
    found = summarise(table)
    draws = [summarise(drawn) for drawn in draw_iid_tables(table, yardstick.tables, rng)]
    spread = spread_of_draws(draws, found.shape)
    names = summary_names(classes)
    of_sizes = [name in MEASURES and MEASURES[name].of == "size" for name in names]
    spread[of_sizes] = np.nan
    columns = tuple(name for name, measure in MEASURES.items() if measure.of == "gateway")
    values = np.column_stack([MEASURES[name].measure(table) for name in columns])
    return _Part(_summaries(names, found, spread), columns, values)


def _study_features(
    plan: PartitionPlan, features: Features, yardstick: Yardstick, rng: np.random.Generator
) -> _Part:
    """Study the distances of feature values, on average first."""
    sizes, dealt = plan.sizes(), plan.assignment
    values = _with_mean(feature_distances(features, dealt, plan.gateways))
    shuffled = iid_feature_distances(
        features, dealt, plan.gateways, shuffles=yardstick.shuffles, rng=rng
    )

    def means(distances: Values) -> Values:
        return np.array([fleet_means(column, sizes) for column in distances.T])

    found = means(values)
    spread = spread_of_draws([means(_with_mean(each)) for each in shuffled], found.shape)
    names = ("wasserstein", *(f"wasserstein.{name}" for name in features.names))
    return _Part(_summaries(names, found, spread), names, values)


def _with_mean(distances: Values) -> Values:
    """Put the mean over features before the ``(K, F)`` distances."""
    return np.column_stack([distances.mean(axis=1), distances])


def _summaries(names: Sequence[str], found: Values, spread: Values) -> tuple[MeasureSummary, ...]:
    """Join names, values ``(M, 2)`` and their yardsticks ``(M, 2, 3)``."""
    numbers = np.hstack([found, spread.reshape(len(found), -1)]).tolist()
    return tuple(MeasureSummary(name, *row) for name, row in zip(names, numbers, strict=True))
