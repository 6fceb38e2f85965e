"""Tables as text: what stands on the page, and beneath each chart for those who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

MEASURES: dict[str, str] = {
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "false_alarm_rate": "benign false alarms",
    "accuracy": "accuracy",
}
"""Rates of every round, and how people call them."""


@dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes
    ----------
    caption : str
        What is told.
    columns : tuple[str, ...]
        Titles; the first column names the row.
    rows : tuple[tuple[str, ...], ...]
        As many texts as there are titles.
    marked : frozenset[int]
        Rows that stand out, by their number; what makes them so is also said in words.
    note : str
        What was left out.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = field(default_factory=frozenset)
    note: str = ""


def shortened(table: Table, most: int) -> Table:
    """Give a table with its first rows, and say how many were left out."""
    if len(table.rows) <= most:
        return table
    left = len(table.rows) - most
    note = " ".join(filter(None, (table.note, f"{left:,} more rows are not shown.")))
    return Table(table.caption, table.columns, table.rows[:most], table.marked, note)


def count(value: float) -> str:
    """Write a count for people; a dash where it is not known."""
    return "–" if math.isnan(value) else f"{value:,.0f}"


def decimal(value: float, digits: int = 3) -> str:
    """Write a number for people; a dash where it is undefined."""
    return "–" if math.isnan(value) else f"{value:,.{digits}f}"


def megabytes(value: float) -> str:
    """Write bytes as megabytes."""
    return decimal(value / 1e6, 1 if value >= 1e7 else 2)


def ids(values: Sequence[int], most: int = 20) -> str:
    """Write partition ids, the first ones where there are many."""
    shown = ", ".join(map(str, values[:most]))
    return f"{shown} and {len(values) - most:,} more" if len(values) > most else shown
