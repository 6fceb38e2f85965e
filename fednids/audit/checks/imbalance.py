"""Class imbalance: what knowing nothing scores."""

from __future__ import annotations

import numpy as np
from scipy import stats

from fednids.audit.chance import ALPHA
from fednids.audit.evidence import Evidence
from fednids.audit.finding import Finding, Severity
from fednids.metrics import scores
from fednids.metrics.counts import majority_counts


def imbalance(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Score the majority class where the classes' sizes differ by more than chance."""
    del rng
    every = np.bincount(evidence.attack, minlength=len(evidence.classes))
    there = every[every > 0]
    pvalue = float(stats.chisquare(there).pvalue) if len(there) > 1 else 0.0
    if pvalue > ALPHA:
        return []
    train, test = (
        np.bincount(evidence.attack[rows], minlength=len(evidence.classes))
        for rows in (~evidence.test, evidence.test)
    )
    found = scores(majority_counts(train, test), evidence.classes)
    name, attacks = evidence.classes[int(train.argmax())], float(test[1:].sum() / test.sum())
    return [
        Finding(
            "",
            Severity.WARNING,
            found.accuracy,
            "test accuracy of always answering the most frequent class",
            f"always answering {name} has accuracy {found.accuracy:.3f} and macro-F1 "
            f"{found.macro_f1:.3f}; always answering attack has accuracy {attacks:.3f} and F1 "
            f"{2 * attacks / (1 + attacks):.3f}; the largest class has "
            f"{there.max() / there.min():,.0f} times the flows of the smallest",
            f"classes of one size: chi-square test, p = {pvalue:.2g}",
            "read macro-F1, balanced accuracy and benign false alarms, beside the majority's",
        )
    ]
