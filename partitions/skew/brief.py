"""A few numbers of skew, cheap enough for every run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from partitions.interface import Table
from partitions.skew.measures import MEASURES
from partitions.skew.shares import check_table, fleet_means


@dataclass(frozen=True)
class Skew:
    """Unevenness of a plan, as in ``partition.skew`` of ``result.json``.

    `partitions.skew.study_skew` gives more, and what an iid deal of the same sizes gives:
    small gateways differ by chance alone.

    Attributes
    ----------
    jensen_shannon, hellinger, total_variation : float
        Mean distance between a gateway's class mix and the fleet's, weighted by flows: 0
        for equal mixes, towards 1 for nothing in common.
    mutual_information : float
        What a flow's gateway tells about its class, in bits.
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
        """Give the fields as JSON has them, None for NaN."""
        return {name: None if math.isnan(value) else value for name, value in asdict(self).items()}


def measure_skew(table: Table) -> Skew:
    """Measure a plan by its flows.

    Parameters
    ----------
    table : ndarray
        ``(K, C) int64``, flows of each class at each gateway, at least one in all. Gateways
        without flows count for the sizes alone.

    Raises
    ------
    PartitionError
        When it is no such table.
    """
    check_table(table)
    sizes = table.sum(axis=1)
    weighted, plain = {}, {}
    for name, measure in MEASURES.items():
        if measure.of == "gateway":
            weighted[name], plain[name] = fleet_means(measure.measure(table), sizes)
        elif measure.of != "class":
            plain[name] = float(measure.measure(table))
    return Skew(
        jensen_shannon=weighted["jensen_shannon"],
        hellinger=weighted["hellinger"],
        total_variation=weighted["total_variation"],
        mutual_information=plain["mutual_information"],
        mutual_information_share=plain["mutual_information_share"],
        coverage=plain["coverage"],
        effective_classes=plain["effective_classes"],
        size_gini=plain["size_gini"],
        smallest=int(sizes.min()),
        largest=int(sizes.max()),
    )
