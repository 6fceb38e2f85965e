"""What a study of one plan found, as plain values."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass, fields
from typing import Any

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
        """Give one object a row, None for NaN."""
        return [
            {name: _defined(cell) for name, cell in zip(self.columns, row, strict=True)}
            for row in self.rows
        ]


@dataclass(frozen=True)
class MeasureSummary:
    """One measure of a plan, beside what iid deals of the same sizes give.

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
        Iid deals behind the yardsticks of label and of feature measures.
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
        """Give the summary of one measure.

        Raises
        ------
        KeyError
            When it was not measured.
        """
        for each in self.summary:
            if each.measure == measure:
                return each
        raise KeyError(measure)

    def summary_sheet(self) -> Sheet:
        """Give the summary as a table, one row a measure."""
        columns = tuple(field.name for field in fields(MeasureSummary))
        return Sheet(columns, tuple(astuple(each) for each in self.summary))

    def to_json(self) -> dict[str, Any]:
        """Give everything as JSON has it, None for NaN."""
        return {
            "scheme": self.scheme,
            "flows": self.flows,
            "iid_tables": self.iid_tables,
            "iid_shuffles": self.iid_shuffles,
            "summary": self.summary_sheet().to_json(),
            "gateways": self.gateways.to_json(),
        }


def _defined(cell: Cell) -> Cell | None:
    return None if isinstance(cell, float) and math.isnan(cell) else cell
