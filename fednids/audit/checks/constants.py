"""Constant and near-constant columns."""

from __future__ import annotations

import numpy as np
from scipy import stats

from fednids.audit.chance import ALPHA
from fednids.audit.evidence import AuditColumn, Evidence
from fednids.audit.finding import Finding, Severity

NEAR = 0.001
"""Share of other values below which, for certain, a column is near-constant."""

_MEASURE = "columns"
_ADVICE = "leave them out, or expect nothing of them; no scaler may divide by their deviation"


def constants(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Count, for each column, the flows that do not have its most frequent value."""
    del rng
    flows = len(evidence)
    others = {column: flows - int(_counts(column).max()) for column in evidence.columns}
    same = [column for column, count in others.items() if not count]
    near = [column for column, count in others.items() if count and _upper(count, flows) < NEAR]
    found = []
    if same:
        told = ", ".join(f"{column.name} ({_value(column)})" for column in same)
        found.append(_finding(same, f"one value in all flows: {told}", "none needed: a count"))
    if near:
        told = ", ".join(
            f"{column.name} ({_value(column)} but in {others[column]:,})" for column in near
        )
        null = f"other values in {NEAR:.1%} of the traffic; exact upper bound below"
        found.append(_finding(near, f"one value in nearly all flows: {told}", null))
    return found


def _finding(columns: list[AuditColumn], text: str, null: str) -> Finding:
    return Finding("", Severity.NOTE, len(columns), _MEASURE, text, null, _ADVICE)


def _counts(column: AuditColumn) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.bincount(column.codes)


def _value(column: AuditColumn) -> str:
    return column.value(int(_counts(column).argmax()))


def _upper(others: int, flows: int) -> float:
    """Return the exact upper bound of the share of other values."""
    found = stats.binomtest(others, flows, alternative="less")
    return float(found.proportion_ci(1 - ALPHA, method="exact").high)
