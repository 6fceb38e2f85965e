"""How what training never saw is seen, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fednids.report.tables import Table, decimal

_SCORES = {"max_probability": "highest probability", "energy": "energy score"}
_RATES = {
    "macro_f1": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "false_alarm_rate": "benign false alarms",
}


def unseen_table(found: Mapping[str, Any]) -> Table | None:
    """Tell how an attack class is seen that was never trained on; None without one."""
    if not found:
        return None
    rows = [("raise an alarm", _rate(found.get("alarms")))]
    rows += [(f"taken for {name}", _rate(share)) for name, share in _of(found, "taken_for").items()]
    for key, title in _SCORES.items():
        told = _of(_of(found, "rejection"), key)
        rows.append((f"told from known classes by {title}: area", _rate(told.get("auroc"))))
        rows.append((f"pass where 95 % of known flows do: {title}", _rate(told.get("passed"))))
    title = f"{found.get('name')}, never trained on: shares of {found.get('flows')} flows"
    return Table(title, ("what", "share"), tuple(rows))


def unseen_gateways_table(found: Mapping[str, Any]) -> Table | None:
    """Set gateways that never trained beside the others; None without any."""
    if not found:
        return None
    sides = [_of(found, side) for side in ("unseen", "seen")]
    rows = tuple(
        (title, *(_rate(side.get(name)) for side in sides)) for name, title in _RATES.items()
    )
    held = found.get("partitions")
    named = ", ".join(map(str, held)) if isinstance(held, list) else "–"
    titles = ("", "never trained", "trained")
    return Table(f"Gateways that never trained: {named}", titles, rows)


def _of(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = found.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _rate(value: object) -> str:
    return decimal(float(value)) if isinstance(value, int | float) else "–"
