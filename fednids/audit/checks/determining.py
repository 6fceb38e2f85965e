"""Columns that determine the label: one column alone is asked for the class.

A column of the data sheet may tell much, for that is what features are for. It leaks when
nothing is left to find beside it. A column that nobody knows leaks when it tells more than
all the features together, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fednids.audit.answering import Answers, answers_of_column, answers_of_columns
from fednids.audit.chance import ALPHA, Skill, better, skills
from fednids.audit.evidence import AuditColumn, Evidence, FlowRows
from fednids.audit.finding import Finding, Severity
from fednids.metrics.counts import BENIGN

_MOST_FLOWS = 20_000
"""Flows that take part, drawn with the classes' shares kept."""

CERTAIN = 0.99
"""Share of the majority's errors from which on a column determines the label."""

_ADVICE_LEAK = (
    "take it out of the file: it is a target, or was made from one; then train again, every "
    "score with it is void"
)
_ADVICE_FOREIGN = "find out where it comes from and whether a gateway has it before the attack"
_TASKS = 2
_MEASURE = "share of the majority class's errors that the column alone avoids"


@dataclass(frozen=True)
class _Told:
    """What one column told about some flows."""

    column: AuditColumn
    rows: FlowRows
    answers: Answers
    best: Skill


def determining(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Ask each feature and each unknown column alone, about flows held out."""
    if not evidence.learnable:
        return []
    seed, rows = int(rng.integers(2**31)), evidence.sample(_MOST_FLOWS, rng)
    asked = [c for c in evidence.columns if c.role == "feature" or c.is_foreign]
    alpha = ALPHA / max(len(asked), 1) / _TASKS
    told = [_ask(evidence, column, rows, seed) for column in asked if len(column.values) > 1]
    certain = [each for each in told if _determines(each.best, alpha)]
    found = [_leak(each, alpha) for each in certain]
    rest = [each for each in told if each not in certain and each.best.least(alpha) > 0]
    foreign = [each for each in rest if each.column.is_foreign]
    if foreign:
        found += _foreign(evidence, foreign, alpha, seed)
    known = [each for each in rest if not each.column.is_foreign]
    return found + ([_strongest(known, alpha)] if known else [])


def _ask(evidence: Evidence, column: AuditColumn, rows: FlowRows, seed: int) -> _Told:
    """Ask about a sample, and about all flows where the sample looks certain."""
    answers = answers_of_column(column, evidence.attack, rows, seed)
    best = max(skills(answers, evidence.attack[rows]), key=lambda each: each.skill)
    if best.skill >= CERTAIN and len(rows) < len(evidence):
        every = np.arange(len(evidence))
        return _ask(evidence, column, every, seed)
    return _Told(column, rows, answers, best)


def _determines(best: Skill, alpha: float) -> bool:
    """Return whether the skill's exact bound is certain, or no error was made at all."""
    return best.least(alpha) >= CERTAIN or (best.errors == 0 and best.least(alpha) > 0)


def _leak(told: _Told, alpha: float) -> Finding:
    best = told.best
    return Finding(
        told.column.name,
        Severity.LEAK,
        best.skill,
        _MEASURE,
        f"determines the {best.task}: {best.errors:,} errors in {best.flows:,} flows held out, "
        f"where the majority class makes {best.majority_errors:,}",
        f"leaves 1 % of the majority's errors; exact lower bound {best.least(alpha):.4f}, or no "
        "error at all",
        _ADVICE_LEAK,
    )


def _foreign(evidence: Evidence, told: list[_Told], alpha: float, seed: int) -> list[Finding]:
    """Hold unknown columns against all features together, on the same flows."""
    rows = min((each.rows for each in told), key=len)
    features = answers_of_columns(evidence.shown, evidence.attack, rows, seed)
    found = []
    for each in told:
        if len(each.rows) > len(rows):
            each = _Told(
                each.column, rows, answers_of_column(each.column, evidence.attack, rows, seed),
                each.best,
            )  # fmt: skip
        more = _pvalue(each.answers, features, evidence.attack[rows], each.best.task) <= alpha
        found.append(_foreign_finding(each, alpha, more=more))
    return found


def _pvalue(mine: Answers, theirs: Answers, attack: Answers, task: str) -> float:
    if task == "class":
        return better(mine, theirs, attack)
    return better(mine != BENIGN, theirs != BENIGN, attack != BENIGN)


def _foreign_finding(told: _Told, alpha: float, *, more: bool) -> Finding:
    best = told.best
    return Finding(
        told.column.name,
        Severity.LEAK if more else Severity.WARNING,
        best.skill,
        _MEASURE,
        f"is not in the data sheet and tells the {best.task}"
        + (", better than all features together" if more else "")
        + f": it avoids {best.skill:.1%} of the majority's errors",
        f"tells nothing; exact lower bound {best.least(alpha):.4f}"
        + (", and McNemar's exact test against all features" if more else ""),
        _ADVICE_LEAK if more else _ADVICE_FOREIGN,
    )


def _strongest(told: list[_Told], alpha: float) -> Finding:
    """Name the best single feature: what a detector has to beat to be worth anything."""
    each = max(told, key=lambda one: one.best.skill)
    best = each.best
    return Finding(
        each.column.name,
        Severity.NOTE,
        best.skill,
        _MEASURE,
        f"is the strongest single feature: it alone avoids {best.skill:.1%} of the "
        f"majority's errors ({best.task})",
        f"tells nothing; exact lower bound {best.least(alpha):.4f}",
        "compare a detector with this column, not with the majority class alone",
    )
