"""Identifiers that give the class away: addresses, ports, and names that nobody knows.

They name the laboratory's machines and not an attack. Elsewhere they mean something else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from fednids.audit.answering import answers_of_column
from fednids.audit.chance import ALPHA, Skill, skills
from fednids.audit.evidence import AuditColumn, Evidence, FlowRows
from fednids.audit.finding import Finding, Severity

_MOST_FLOWS = 20_000
"""Flows that a column's own score is taken from; values are counted over all."""

_WITHHELD = ("address", "identifier")


@dataclass(frozen=True)
class _Tie:
    """One value and the class that it stands for."""

    code: int
    attack: int
    share: float
    """Of the class's flows that have the value."""
    elsewhere: float
    """Of the other flows that have it."""
    purity: float
    """Of the value's flows that are of the class."""
    lift: float
    """How much more frequent the class is among them."""

    @property
    def edge(self) -> float:
        """Youden's index of "has the value" as a detector of the class."""
        return self.share - self.elsewhere


def identifiers(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Count each value's classes, test the strongest tie of each class, score the column."""
    if not evidence.learnable:
        return []
    seed, rows = int(rng.integers(2**31)), evidence.sample(_MOST_FLOWS, rng)
    asked = [c for c in evidence.columns if c.role in _WITHHELD or (c.is_foreign and c.nominal)]
    found = []
    for column in asked:
        if len(column.values) > 1:
            ties = _ties(column, evidence, ALPHA / len(asked) / 2)
            best = _score(evidence, column, rows, seed)
            if ties or best.least(ALPHA / len(asked) / 4) > 0:
                found.append(_finding(column, ties, best, evidence.classes))
    return found


def _ties(column: AuditColumn, evidence: Evidence, alpha: float) -> list[_Tie]:
    """Return each class's strongest value where chance does not explain it, best first.

    The bound counts all values of all classes as tried, though only the best are tested.
    """
    attack, width = evidence.attack, len(evidence.classes)
    table = np.bincount(
        column.codes * width + attack, minlength=len(column.values) * width
    ).reshape(-1, width)
    values, classes = table.sum(axis=1), table.sum(axis=0)
    flows, found = len(attack), []
    for name in np.flatnonzero((classes > 0) & (classes < flows)).tolist():
        share = table[:, name] / classes[name]
        elsewhere = (values - table[:, name]) / (flows - classes[name])
        code = int((share - elsewhere).argmax())
        hits = int(table[code, name])
        chance = stats.hypergeom.sf(hits - 1, flows, classes[name], values[code])
        if chance * table.size <= alpha:
            purity = hits / values[code]
            lift = purity * flows / classes[name]
            tie = _Tie(code, name, share[code], elsewhere[code], float(purity), float(lift))
            found.append(tie)
    return sorted(found, key=lambda tie: -tie.edge)


def _score(evidence: Evidence, column: AuditColumn, rows: FlowRows, seed: int) -> Skill:
    answers = answers_of_column(column, evidence.attack, rows, seed)
    return max(skills(answers, evidence.attack[rows]), key=lambda each: each.skill)


def _finding(
    column: AuditColumn, ties: list[_Tie], best: Skill, classes: tuple[str, ...]
) -> Finding:
    told = "; ".join(
        f"{column.value(tie.code)} is {tie.share:.1%} of {classes[tie.attack]} and "
        f"{tie.elsewhere:.2%} of the rest (lift {tie.lift:,.3g})"
        for tie in ties[:2]
    )
    whole = (
        f"the column alone avoids {max(best.skill, 0):.1%} of the majority's errors ({best.task})"
    )
    return Finding(
        column.name,
        Severity.WARNING,
        ties[0].edge if ties else best.skill,
        "share of a class that one value has, less its share of the rest"
        if ties
        else "share of the majority class's errors that the column alone avoids",
        f"{told}; {whole}" if told else whole,
        "values dealt to flows at random: hypergeometric, corrected for every value and class; "
        "for the column, flows held out, exact lower bound above 0",
        "never a feature; fednids withholds it. Test on other hosts: data.split=hosts"
        if column.role in _WITHHELD
        else "leave it out of the features: it names something and describes nothing",
    )
