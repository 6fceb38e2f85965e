"""Numbers and tables of a report as Markdown has them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fednids.studies.statistics import Interval

NOTHING = "–"
"""Stands where there is no value."""


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table with one line a row, as many cells in each as there are titles."""
    head = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    body = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([*head, *body])


def show_interval(found: Interval, *, signed: bool = False) -> str:
    """Give a mean with its interval, or n/a for that; with a sign for a difference."""
    if not found.count:
        return NOTHING
    sign = "+" if signed else ""
    mean = f"{found.mean:{sign}.3f}"
    if math.isnan(found.low):
        return f"{mean} (n/a)"
    return f"{mean} ({found.low:{sign}.3f} to {found.high:{sign}.3f})"


def show_number(value: float, digits: int = 3) -> str:
    """Give a number, or `NOTHING` for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.{digits}f}"


def show_bytes(value: float) -> str:
    """Give a size in megabytes of a million bytes, small ones in bytes."""
    if math.isnan(value):
        return NOTHING
    return f"{value / 1e6:,.1f} MB" if value >= 1e5 else f"{value:,.0f}"
