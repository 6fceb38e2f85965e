"""Rare classes: so few test flows that a score of them is luck."""

from __future__ import annotations

import numpy as np
from scipy import stats

from fednids.audit.evidence import Evidence
from fednids.audit.finding import Finding, Severity
from fednids.flows.summary import RARE


def rare(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Name classes with fewer than 30 test flows, with what a recall of them is worth."""
    del rng
    tested = np.bincount(evidence.attack[evidence.test], minlength=len(evidence.classes))
    return [
        _finding(name, count)
        for name, count in zip(evidence.classes, tested.tolist(), strict=True)
        if count < RARE
    ]


def _finding(name: str, count: int) -> Finding:
    if count == 0:
        worth = "its recall is undefined, and macro-F1 is over the other classes"
    else:
        half = stats.binomtest((count + 1) // 2, count).proportion_ci(0.95, method="exact")
        worth = (
            f"a recall of {(count + 1) // 2 / count:.2f} would have the exact 95 % interval "
            f"{half.low:.2f} to {half.high:.2f}"
        )
    return Finding(
        name,
        Severity.WARNING if count else Severity.NOTE,
        count,
        "test flows of the class",
        f"has {count} test flows: {worth}",
        f"fewer than {RARE}: the 95 % interval of its recall is wider than a third",
        "repeat over seeds, give intervals, and show macro-F1 without this class beside",
    )
