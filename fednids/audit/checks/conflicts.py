"""Label conflicts: equal vectors with different classes, and the accuracy that nobody passes."""

from __future__ import annotations

import numpy as np

from fednids.audit.evidence import Evidence
from fednids.audit.finding import Finding, Severity


def conflicts(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Count vectors with several classes. A count of the file, so there is no chance in it."""
    del rng
    table = _classes_of_vectors(evidence)
    mixed = (table > 0).sum(axis=1) > 1
    if not mixed.any():
        return []
    flows = len(evidence)
    ceiling = float(table.max(axis=1).sum() / flows)
    attacks = table[:, 1:].sum(axis=1)
    binary = float(np.maximum(table[:, 0], attacks).sum() / flows)
    lost = table.copy()
    lost[np.arange(len(table)), table.argmax(axis=1)] = 0
    worst = int(lost.sum(axis=0).argmax())
    return [
        Finding(
            "",
            Severity.WARNING,
            ceiling,
            "highest accuracy that any function of a flow's features can have on this file",
            f"{int(mixed.sum()):,} vectors, {int(table[mixed].sum()):,} flows, have more than one "
            f"class: no detector that sees one flow can pass accuracy {ceiling:.4f}, or "
            f"{binary:.4f} for attack or benign; {evidence.classes[worst]} loses the most flows",
            "none needed: a count over all flows",
            "hold scores against this ceiling; a higher one used something else than the features",
        )
    ]


def _classes_of_vectors(evidence: Evidence) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    width = len(evidence.classes)
    key = evidence.vector.astype(np.int64) * width + evidence.attack
    size = (int(evidence.vector.max()) + 1) * width
    table: np.ndarray[tuple[int, int], np.dtype[np.int64]] = np.bincount(
        key, minlength=size
    ).reshape(-1, width)
    return table
