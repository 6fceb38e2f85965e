"""The checks of an audit: functions of the evidence, and the table `CHECKS` of them.

How to add one: write a function ``(evidence, rng) -> list of Finding``, add a line to `CHECKS`,
describe check and null in ``docs/audit.md``, run ``pytest tests/audit``, whose contract test
requires that it finds nothing in clean flows and the same in every call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, mutual_info_score
from sklearn.tree import DecisionTreeClassifier

from fednids.audit.answers import (
    ALPHA,
    Answers,
    Skill,
    answers_of_column,
    answers_of_columns,
    better,
    held_out,
    highest_share,
    skills,
)
from fednids.audit.evidence import AuditColumn, Evidence, FlowRows
from fednids.datasets.spec import Rule
from fednids.flows.prepared import distinct_rows
from fednids.flows.split import BLOCKS
from fednids.flows.summary import RARE
from fednids.metrics import scores
from fednids.metrics.counts import BENIGN, majority_counts

CERTAIN = 0.99
"""Share of the majority's errors from which on a column determines the label."""

NEAR = 0.001
"""Share of other values below which, for certain, a column is near-constant."""

_MOST_FLOWS = 20_000
"""Flows of a sample, drawn with the classes' shares kept."""

_MOST_ORDERED_FLOWS = 10_000
"""The same for the order of the file, whose permutation test is slow."""

_PERMUTATIONS = 99
"""Shuffles of a permutation test; more than in all of them is p = 0.01."""

_ALONE = "share of the majority class's errors that the column alone avoids"


class Severity(Enum):
    """How bad a finding is."""

    LEAK = "leak"
    """A detector can score from this and not from traffic, as things stand."""

    WARNING = "warning"
    """Scores can be right, but have to be read with this in mind."""

    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes
    ----------
    subject : str
        Column or class that it is about, ``""`` for the whole file.
    severity : Severity
        How bad it is.
    number : float
        How much of it there is, finite.
    measure : str
        What `number` counts.
    text : str
        The finding in a sentence.
    null : str
        What it was held against, so that chance does not make a finding.
    advice : str
        What to do.
    """

    subject: str
    severity: Severity
    number: float
    measure: str
    text: str
    null: str
    advice: str


# --- Columns that determine the label -------------------------------------------------------------


@dataclass(frozen=True)
class _Predicted:
    """Predictions from one column alone, for some flows held out."""

    column: AuditColumn
    rows: FlowRows
    answers: Answers
    best: Skill


def determining(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Predict the class from each feature and each unknown column alone, for flows held out.

    A feature may say much of the class. It leaks when nothing is left to find beside it. A
    column that nobody knows also leaks when it predicts better than all features together.
    """
    if not evidence.learnable:
        return []
    seed, rows = int(rng.integers(2**31)), evidence.sample(_MOST_FLOWS, rng)
    columns = [c for c in evidence.columns if c.role == "feature" or c.is_foreign]
    alpha = ALPHA / max(len(columns), 1) / 2  # two tasks: class and label
    certain: list[Finding] = []
    foreign: list[_Predicted] = []
    known: list[_Predicted] = []
    for column in columns:
        if len(column.values) == 1:
            continue
        each = _predict(evidence, column, rows, seed)
        least = each.best.least(alpha)
        if least >= CERTAIN or (each.best.errors == 0 and least > 0):
            certain.append(_leak(each, least))
        elif least > 0:
            (foreign if column.is_foreign else known).append(each)
    found = certain + (_foreign(evidence, foreign, alpha, seed) if foreign else [])
    return found + ([_strongest(known, alpha)] if known else [])


def _predict(evidence: Evidence, column: AuditColumn, rows: FlowRows, seed: int) -> _Predicted:
    """Predict for a sample, and for all flows where the sample looks certain."""
    answers = answers_of_column(column, evidence.attack, rows, seed)
    best = max(skills(answers, evidence.attack[rows]), key=lambda each: each.skill)
    if best.skill >= CERTAIN and len(rows) < len(evidence):
        return _predict(evidence, column, np.arange(len(evidence)), seed)
    return _Predicted(column, rows, answers, best)


_ADVICE_LEAK = (
    "take it out of the file: it is a target, or was made from one; then train again, every "
    "score with it is void"
)


def _leak(each: _Predicted, least: float) -> Finding:
    best = each.best
    return Finding(
        each.column.name,
        Severity.LEAK,
        best.skill,
        _ALONE,
        f"determines the {best.task}: {best.errors:,} errors in {best.flows:,} flows held out, "
        f"where the majority class makes {best.majority_errors:,}",
        f"leaves 1 % of the majority's errors; exact lower bound {least:.4f}, or no error at all",
        _ADVICE_LEAK,
    )


def _foreign(
    evidence: Evidence, columns: list[_Predicted], alpha: float, seed: int
) -> list[Finding]:
    """Hold unknown columns against all features together, on the same flows."""
    rows = min((each.rows for each in columns), key=len)
    attack = evidence.attack[rows]
    features = answers_of_columns(evidence.shown, evidence.attack, rows, seed)
    found = []
    for each in columns:
        answers, best = each.answers, each.best
        if len(each.rows) > len(rows):
            answers = answers_of_column(each.column, evidence.attack, rows, seed)
        if best.task == "class":
            pvalue = better(answers, features, attack)
        else:
            pvalue = better(answers != BENIGN, features != BENIGN, attack != BENIGN)
        more = pvalue <= alpha
        finding = Finding(
            each.column.name,
            Severity.LEAK if more else Severity.WARNING,
            best.skill,
            _ALONE,
            f"is not in the data sheet and tells the {best.task}"
            + (", better than all features together" if more else "")
            + f": it avoids {best.skill:.1%} of the majority's errors",
            f"tells nothing; exact lower bound {best.least(alpha):.4f}"
            + (", and McNemar's exact test against all features" if more else ""),
            _ADVICE_LEAK
            if more
            else "find out where it comes from and whether a gateway has it before the attack",
        )
        found.append(finding)
    return found


def _strongest(columns: list[_Predicted], alpha: float) -> Finding:
    """Name the best single feature: what a detector has to beat to be worth anything."""
    each = max(columns, key=lambda one: one.best.skill)
    best = each.best
    return Finding(
        each.column.name,
        Severity.NOTE,
        best.skill,
        _ALONE,
        f"is the strongest single feature: it alone avoids {best.skill:.1%} of the "
        f"majority's errors ({best.task})",
        f"tells nothing; exact lower bound {best.least(alpha):.4f}",
        "compare a detector with this column, not with the majority class alone",
    )


# --- Duplicates across the split ------------------------------------------------------------------


def duplicates(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Count test flows with an equal training flow; compare with columns shuffled by class."""
    seen = _seen(evidence.vector, evidence.test)
    tested = int(evidence.test.sum())
    share, noise = float(seen.sum() / tested), float(1 / np.sqrt(tested))
    if not seen.any():
        return []
    observed, chance = _compare_with_shuffles(evidence, rng)
    beyond = observed > chance
    if not beyond and share <= noise:
        return []
    trained = evidence.by_class(evidence.vector, ~evidence.test)
    others = trained.sum(axis=1)[evidence.vector] > trained[evidence.vector, evidence.attack]
    return [
        Finding(
            "",
            Severity.LEAK if beyond and share > noise else Severity.WARNING,
            share,
            "share of the test flows whose vector occurs in training",
            f"{int(seen.sum()):,} of {tested:,} test flows have their vector in training, "
            f"{int((seen & others).sum()):,} of them with another class as well",
            f"columns shuffled within each class ({_PERMUTATIONS} times): {chance:.1%} at "
            f"most, against {observed:.1%} in the same flows; a leak when also above 1/sqrt(test "
            f"flows) = {noise:.1%}, what chance alone moves a score by",
            "read the scores of the novel flows, or use data.split=grouped, which keeps equal "
            "flows on one side",
        )
    ]


def _seen(vector: NDArray[np.int32], test: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark test flows whose vector is a training flow's, ``(N,) bool``."""
    return test & np.isin(vector, vector[~test])


def _compare_with_shuffles(evidence: Evidence, rng: np.random.Generator) -> tuple[float, float]:
    """Return the share of seen test flows in a sample, and the highest in any of its shuffles."""
    rows = evidence.sample(_MOST_FLOWS, rng)
    test, attack = evidence.test[rows], evidence.attack[rows]
    columns = [column.codes[rows].astype(np.float64) for column in evidence.shown]
    classes = [np.flatnonzero(attack == name) for name in np.unique(attack)]

    def share(values: list[NDArray[np.float64]]) -> float:
        return float(_seen(distinct_rows(values)[0], test).sum() / max(test.sum(), 1))

    chance = 0.0
    for _ in range(_PERMUTATIONS):
        shuffled = [column.copy() for column in columns]
        for column in shuffled:
            for members in classes:
                column[members] = rng.permutation(column[members])
        chance = max(chance, share(shuffled))
    return share(columns), chance


# --- Order effects --------------------------------------------------------------------------------


def order(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Compare the classes in blocks of the file with shuffled ones; measure it by a tree.

    The tree knows a flow's block, that is its row number, and nothing else.
    """
    if not evidence.learnable:
        return []
    rows = evidence.sample(_MOST_ORDERED_FLOWS, rng)
    seed, attack = int(rng.integers(2**31)), evidence.attack[rows]
    block = rows * BLOCKS // len(evidence)
    chance = stats.permutation_test(
        (block, attack), mutual_info_score, permutation_type="pairings", alternative="greater",
        n_resamples=_PERMUTATIONS, vectorized=False, rng=rng,
    )  # fmt: skip
    if chance.pvalue > ALPHA:
        return []
    balanced, plain = (
        held_out(
            DecisionTreeClassifier(class_weight=weights, random_state=seed),
            block[:, None], attack, seed,
        )
        for weights in ("balanced", None)
    )  # fmt: skip
    score, guess = float(balanced_accuracy_score(attack, balanced)), 1 / len(np.unique(attack))
    right, most = int((plain == attack).sum()), float(np.bincount(attack).max() / len(rows))
    beats = stats.binomtest(right, len(rows), most, alternative="greater").pvalue <= ALPHA
    return [
        Finding(
            "",
            Severity.LEAK if beats else Severity.WARNING,
            score,
            f"balanced accuracy of the row number alone, in {BLOCKS} blocks",
            f"a flow's place in the file tells its class: balanced accuracy {score:.3f} where "
            f"chance gives {guess:.3f}, accuracy {right / len(rows):.3f} against the majority's "
            f"{most:.3f}",
            f"classes shuffled over the rows: all of {_PERMUTATIONS} shuffles have less mutual "
            "information with the blocks; a leak when the accuracy is also above the majority's "
            "(exact binomial test)",
            "windows hold neighbours of one class and a random split tests between training "
            "flows: use data.split=blocks, keep counters and times out of the features, or "
            "data.window=1",
        )
    ]


# --- Identifiers ----------------------------------------------------------------------------------

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
    lift: float
    """How much more frequent the class is among the value's flows."""

    @property
    def edge(self) -> float:
        """Youden's index of "has the value" as a detector of the class."""
        return self.share - self.elsewhere


def identifiers(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Count each value's classes, test the strongest tie of each class, score the column.

    Addresses, ports, and names that nobody knows belong to the laboratory's machines and not to
    an attack. Elsewhere they mean something else.
    """
    if not evidence.learnable:
        return []
    seed, rows = int(rng.integers(2**31)), evidence.sample(_MOST_FLOWS, rng)
    attack = evidence.attack[rows]
    columns = [c for c in evidence.columns if c.role in _WITHHELD or (c.is_foreign and c.nominal)]
    found = []
    for column in columns:
        if len(column.values) > 1:
            ties = _ties(column, evidence, ALPHA / len(columns) / 2)
            answers = answers_of_column(column, evidence.attack, rows, seed)
            best = max(skills(answers, attack), key=lambda each: each.skill)
            if ties or best.least(ALPHA / len(columns) / 4) > 0:
                found.append(_identifier(column, ties, best, evidence.classes))
    return found


def _ties(column: AuditColumn, evidence: Evidence, alpha: float) -> list[_Tie]:
    """Return each class's strongest value where chance does not explain it, best first.

    The bound counts all values of all classes as tried, though only the best are tested.
    """
    table = evidence.by_class(column.codes)
    values, classes = table.sum(axis=1), table.sum(axis=0)
    flows, found = len(evidence), []
    for name in np.flatnonzero((classes > 0) & (classes < flows)).tolist():
        share = table[:, name] / classes[name]
        elsewhere = (values - table[:, name]) / (flows - classes[name])
        code = int((share - elsewhere).argmax())
        hits = int(table[code, name])
        chance = stats.hypergeom.sf(hits - 1, flows, classes[name], values[code])
        if chance * table.size <= alpha:
            lift = float(hits / values[code] * flows / classes[name])
            found.append(_Tie(code, name, share[code], elsewhere[code], lift))
    return sorted(found, key=lambda tie: -tie.edge)


def _identifier(
    column: AuditColumn, ties: list[_Tie], best: Skill, classes: tuple[str, ...]
) -> Finding:
    parts = [
        f"{column.value(tie.code)} is {tie.share:.1%} of {classes[tie.attack]} and "
        f"{tie.elsewhere:.2%} of the rest (lift {tie.lift:,.3g})"
        for tie in ties[:2]
    ]
    avoided = max(best.skill, 0)
    parts.append(f"the column alone avoids {avoided:.1%} of the majority's errors ({best.task})")
    return Finding(
        column.name,
        Severity.WARNING,
        ties[0].edge if ties else best.skill,
        "share of a class that one value has, less its share of the rest" if ties else _ALONE,
        "; ".join(parts),
        "values dealt to flows at random: hypergeometric, corrected for every value and class; "
        "for the column, flows held out, exact lower bound above 0",
        "never a feature; fednids withholds it. Test on other hosts: data.split=hosts"
        if column.role in _WITHHELD
        else "leave it out of the features: it names something and describes nothing",
    )


# --- What is counted in all flows -----------------------------------------------------------------


def conflicts(evidence: Evidence, _: np.random.Generator) -> list[Finding]:
    """Count vectors with several classes, and the accuracy that no detector can pass."""
    table = evidence.by_class(evidence.vector)
    mixed = (table > 0).sum(axis=1) > 1
    if not mixed.any():
        return []
    flows = len(evidence)
    ceiling = float(table.max(axis=1).sum() / flows)
    binary = float(np.maximum(table[:, 0], table[:, 1:].sum(axis=1)).sum() / flows)
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


def rare(evidence: Evidence, _: np.random.Generator) -> list[Finding]:
    """Name classes with fewer than 30 test flows, with what a recall of them is worth."""
    tested = np.bincount(evidence.attack[evidence.test], minlength=len(evidence.classes))
    return [
        Finding(
            name,
            Severity.WARNING if count else Severity.NOTE,
            count,
            "test flows of the class",
            f"has {count} test flows: {_worth_of_recall(count)}",
            f"fewer than {RARE}: the 95 % interval of its recall is wider than a third",
            "repeat over seeds, give intervals, and show macro-F1 without this class beside",
        )
        for name, count in zip(evidence.classes, tested.tolist(), strict=True)
        if count < RARE
    ]


def _worth_of_recall(count: int) -> str:
    if count == 0:
        return "its recall is undefined, and macro-F1 is over the other classes"
    half = stats.binomtest((count + 1) // 2, count).proportion_ci(0.95, method="exact")
    return (
        f"a recall of {(count + 1) // 2 / count:.2f} would have the exact 95 % interval "
        f"{half.low:.2f} to {half.high:.2f}"
    )


def imbalance(evidence: Evidence, _: np.random.Generator) -> list[Finding]:
    """Score the majority class where the classes' sizes differ by more than chance."""
    train, test = (
        np.bincount(evidence.attack[rows], minlength=len(evidence.classes))
        for rows in (~evidence.test, evidence.test)
    )
    every = train + test
    there = every[every > 0]
    pvalue = float(stats.chisquare(there).pvalue) if len(there) > 1 else 0.0
    if pvalue > ALPHA:
        return []
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


def constants(evidence: Evidence, _: np.random.Generator) -> list[Finding]:
    """Count, for each column, the flows that do not have its most frequent value."""
    same, near = [], []
    for column in evidence.columns:
        counts = np.bincount(column.codes)
        value, others = column.value(int(counts.argmax())), len(evidence) - int(counts.max())
        if not others:
            same.append(f"{column.name} ({value})")
        elif highest_share(others, len(evidence), ALPHA) < NEAR:
            near.append(f"{column.name} ({value} but in {others:,})")
    rarely = f"other values in {NEAR:.1%} of the traffic; exact upper bound below"
    return [
        Finding(
            "",
            Severity.NOTE,
            len(columns),
            "columns",
            f"one value in {flows} flows: {', '.join(columns)}",
            null,
            "leave them out, or expect nothing of them; no scaler may divide by their deviation",
        )
        for columns, flows, null in (
            (same, "all", "none needed: a count"),
            (near, "nearly all", rarely),
        )
        if columns
    ]


def impossible(evidence: Evidence, _: np.random.Generator) -> list[Finding]:
    """Count the flows that break each rule of the data set, and missing cells; no chance in it."""
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
    return _counted(" ".join(rule.columns), severity, float(broken.mean()), text, rule.advice)


def _missing(column: AuditColumn) -> Finding:
    empty = column.codes == column.values.index(None)
    text = f"{int(empty.sum()):,} of {len(empty):,} flows have no value"
    advice = "find out whether a missing value means a class"
    return _counted(column.name, Severity.WARNING, float(empty.mean()), text, advice)


def _counted(subject: str, severity: Severity, share: float, text: str, advice: str) -> Finding:
    null = "none needed: a count over all flows"
    return Finding(subject, severity, share, "share of the flows", text, null, advice)


CHECKS: dict[str, Callable[[Evidence, np.random.Generator], list[Finding]]] = {
    "determining": determining,
    "duplicates": duplicates,
    "order": order,
    "identifiers": identifiers,
    "conflicts": conflicts,
    "rare": rare,
    "imbalance": imbalance,
    "constants": constants,
    "impossible": impossible,
}
"""Checks by name, in the order in which they are run and shown."""
