"""What a threshold for a wanted false-alarm rate leads to, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fednids.report.tables import Table, decimal

_FLOWS = {
    "validation": "validation flows, which it was chosen on",
    "test": "test flows",
    "novel": "novel test flows",
}


def threshold_table(found: Mapping[str, Any]) -> Table | None:
    """Give the rates that the threshold reaches; None for a run without one."""
    points = {name: found[name] for name in _FLOWS if isinstance(found.get(name), Mapping)}
    if not points:
        return None
    classes = list(points[next(iter(points))].get("per_class", {}))
    rows = tuple(
        (
            _FLOWS[name],
            _rate(point.get("false_alarm_rate")),
            _rate(point.get("detection_rate")),
            *(_rate(point.get("per_class", {}).get(c)) for c in classes),
        )
        for name, point in points.items()
    )
    titles = ("flows", "false alarms", "attacks found", *(f"{name} found" for name in classes))
    return Table(
        f"Alarms above {_rate(found.get('probability'), 6)} probability of attack, for a wanted "
        f"false-alarm rate of {_rate(found.get('wanted'), 4)}",
        titles,
        rows,
    )


def _rate(value: object, digits: int = 3) -> str:
    return decimal(float(value), digits) if isinstance(value, int | float) else "–"
