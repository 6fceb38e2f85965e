"""Tables as text: what stands on the page, and beneath each chart for those who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

SYNTHETIC = "The flows are synthetic: these numbers say nothing about real traffic."
"""Printed and written wherever numbers of such flows are."""

RATE_TITLES: dict[str, str] = {
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "false_alarm_rate": "benign false alarms",
    "accuracy": "accuracy",
}
"""Rates of every round, and how people call them."""


@dataclass(frozen=True)
class PageTable:
    """Rows of text.

    Attributes
    ----------
    caption : str
        What it is about.
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

    @classmethod
    def of_columns(
        cls,
        caption: str,
        columns: Mapping[str, Sequence[str | float]],
        digits: int = 3,
        note: str = "",
    ) -> PageTable:
        """Return a table of columns by title; numbers that are not whole have so many digits."""

        def write(value: str | float) -> str:
            if isinstance(value, str):
                return value
            return f"{value:,}" if isinstance(value, int) else decimal(value, digits)

        rows = zip(*(map(write, values) for values in columns.values()), strict=True)
        return cls(caption, tuple(columns), tuple(rows), note=note)

    def shortened(self, most: int) -> PageTable:
        """Return its first rows, with a note of how many were left out."""
        left = len(self.rows) - most
        if left <= 0:
            return self
        note = " ".join(filter(None, (self.note, f"{left:,} more rows are not shown.")))
        return replace(self, rows=self.rows[:most], note=note)


def count(value: float) -> str:
    """Write a count for people; a dash where it is not known."""
    return decimal(value, 0)


def decimal(value: float | None, digits: int = 3) -> str:
    """Write a number for people; a dash where it is undefined."""
    return "–" if value is None or math.isnan(value) else f"{value:,.{digits}f}"


def megabytes(value: float) -> str:
    """Write bytes as megabytes."""
    return decimal(value / 1e6, 1 if value >= 1e7 else 2)


def short(value: Any) -> str:
    """Write any JSON value in one short line."""
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}"
    return str(value)[:200]
