"""Values that no flow can have, wrapped durations, and cells without a value."""

from __future__ import annotations

import numpy as np

from fednids.audit.evidence import AuditColumn, Evidence
from fednids.audit.finding import Finding, Severity
from fednids.datasets.spec import Rule


def impossible(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Count the flows that break each rule of the data set, and missing cells; no chance in it."""
    del rng
    columns = {column.name: column for column in evidence.columns}
    found = [_broken(rule, columns) for rule in evidence.rules if set(rule.columns) <= set(columns)]
    found += [_missing(column) for column in columns.values() if None in column.values]
    return [finding for finding in found if finding is not None]


def _broken(rule: Rule, columns: dict[str, AuditColumn]) -> Finding | None:
    values = [np.array(columns[name].values, float)[columns[name].codes] for name in rule.columns]
    broken = rule.broken(*values)
    if not broken.any():
        return None
    text = f"{int(broken.sum()):,} of {len(broken):,} flows {rule.text}"
    severity = Severity.NOTE if rule.harmless else Severity.WARNING
    return _counted(" ".join(rule.columns), float(broken.mean()), text, rule.advice, severity)


def _missing(column: AuditColumn) -> Finding:
    empty = column.codes == column.values.index(None)
    return _counted(
        column.name,
        float(empty.mean()),
        f"{int(empty.sum()):,} of {len(empty):,} flows have no value",
        "find out whether a missing value means a class",
        Severity.WARNING,
    )


def _counted(subject: str, share: float, text: str, advice: str, severity: Severity) -> Finding:
    null = "none needed: a count over all flows"
    return Finding(subject, severity, share, "share of the flows", text, null, advice)
