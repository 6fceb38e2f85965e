"""Rates derived from confusion counts. Undefined is NaN, never a silent 0.

Where scikit-learn defines a rate its value is the same; where scikit-learn warns and puts
0, it is NaN here. The one exception is documented at `Scores.macro_f1`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.metrics.counts import BENIGN, ConfusionCounts, quotient
from fednids.plain import as_json

_ATTACK = 1
"""Code of attacks in binary counts."""


@dataclass(frozen=True)
class ClassScores:
    """How well one class is detected.

    Attributes
    ----------
    support : int
        Flows of the class.
    recall : float
        Share of them that is predicted as the class; NaN without such flows.
    precision : float
        Share of the flows predicted as the class that are of it; NaN without such flows.
    f1 : float
        ``2 TP / (2 TP + FP + FN)``; NaN where no flow is of the class or predicted as it.
    """

    support: int
    recall: float
    precision: float
    f1: float


@dataclass(frozen=True)
class BinaryScores:
    """Attack, the positive class, against benign; which attack does not matter.

    Attributes
    ----------
    accuracy : float
        Share of flows on the right side.
    precision : float
        Share of alarms that are attacks; NaN without alarms.
    recall : float
        Share of attacks that raise an alarm; NaN without attacks.
    f1 : float
        ``2 TP / (2 TP + FP + FN)``; NaN without attacks and alarms.
    false_alarm_rate : float
        Share of benign flows that raise an alarm; NaN without benign flows.
    balanced_accuracy : float
        Mean recall of the sides that have flows.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    false_alarm_rate: float
    balanced_accuracy: float


@dataclass(frozen=True)
class Scores:
    """All rates of one detector on one set of flows, as in `final` of ``result.json``.

    Attributes
    ----------
    accuracy : float
        Share of flows whose class is predicted; NaN without flows.
    balanced_accuracy : float
        Mean recall over the classes with flows, as scikit-learn's
        ``balanced_accuracy_score``.
    macro_f1 : float
        Mean F1 over the classes with flows. A class with flows that is never predicted
        counts as 0, since its F1 is defined; a class without flows does not count. It is
        scikit-learn's ``f1_score(labels=classes in y_true, average="macro",
        zero_division=0)``.
    weighted_f1 : float
        Mean F1 weighted by support, as scikit-learn's ``average="weighted"``.
    mcc : float
        Matthews correlation over all classes (Gorodkin 2004), as scikit-learn's
        ``matthews_corrcoef``; NaN, where that gives 0, if all flows are of one class or
        predicted as one class.
    false_alarm_rate : float
        Share of benign flows predicted as any attack; NaN without benign flows.
    per_class : Mapping[str, ClassScores]
        By class name, in the order of `classes`.
    confusion : ConfusionCounts
        The counts that all rates follow from.
    classes : tuple[str, ...]
        Names in the order of the codes; the first is benign.
    binary : BinaryScores
        The same flows as attack against benign.

    References
    ----------
    J. Gorodkin, "Comparing two K-category assignments by a K-category correlation
    coefficient", Computational Biology and Chemistry 28, 2004,
    doi 10.1016/j.compbiolchem.2004.09.006
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    weighted_f1: float
    mcc: float
    false_alarm_rate: float
    per_class: Mapping[str, ClassScores]
    confusion: ConfusionCounts
    classes: tuple[str, ...]
    binary: BinaryScores

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, with NaN as None."""
        found: dict[str, Any] = as_json(vars(self))
        return found


def scores(counts: ConfusionCounts, class_names: Sequence[str]) -> Scores:
    """Return all rates.

    Parameters
    ----------
    counts : ConfusionCounts
        Over ``C`` classes.
    class_names : Sequence[str]
        ``C`` different names in the order of the codes, benign first: the five classes,
        or ``("Benign", "Attack")``.

    Raises
    ------
    ValueError
        When there is not one name per class.
    """
    names = tuple(class_names)
    if len(set(names)) != len(names) or len(names) != len(counts.matrix):
        raise ValueError(
            f"expected {len(counts.matrix)} different class names, found {names}; "
            "name every class once, in the order of the codes"
        )
    support, taken, found = _margins(counts)
    recall, f1 = _ratio(found, support), _ratio(2 * found, support + taken)
    present = support > 0
    rates = zip(support, recall, _ratio(found, taken), f1, strict=True)
    each = [ClassScores(int(n), float(r), float(p), float(f)) for n, r, p, f in rates]
    binary = _binary_scores(counts.binary())
    return Scores(
        accuracy=quotient(found.sum(), counts.total),
        balanced_accuracy=_mean(recall[present]),
        macro_f1=_mean(f1[present]),
        weighted_f1=quotient((support[present] * f1[present]).sum(), counts.total),
        mcc=_mcc(counts),
        false_alarm_rate=binary.false_alarm_rate,
        per_class=dict(zip(names, each, strict=True)),
        confusion=counts,
        classes=names,
        binary=binary,
    )


def _binary_scores(counts: ConfusionCounts) -> BinaryScores:
    support, taken, found = _margins(counts)
    return BinaryScores(
        accuracy=quotient(found.sum(), counts.total),
        precision=quotient(found[_ATTACK], taken[_ATTACK]),
        recall=quotient(found[_ATTACK], support[_ATTACK]),
        f1=quotient(2 * found[_ATTACK], support[_ATTACK] + taken[_ATTACK]),
        false_alarm_rate=quotient(support[BENIGN] - found[BENIGN], support[BENIGN]),
        balanced_accuracy=_mean(_ratio(found, support)[support > 0]),
    )


def _margins(
    counts: ConfusionCounts,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return per class the flows of it, the flows predicted as it, and those in both."""
    return counts.support, counts.matrix.sum(axis=0), counts.matrix.diagonal()


def _mcc(counts: ConfusionCounts) -> float:
    """Compute the correlation in Python integers, which products of counts do not overflow."""
    support, taken, found = (margin.tolist() for margin in _margins(counts))
    square = counts.total**2
    spread_true = square - sum(n * n for n in support)
    spread_taken = square - sum(n * n for n in taken)
    if not spread_true or not spread_taken:
        return math.nan
    chance = sum(n * m for n, m in zip(support, taken, strict=True))
    agreement = sum(found) * counts.total - chance
    found = float(agreement / (math.sqrt(spread_true) * math.sqrt(spread_taken)))
    return max(-1.0, min(1.0, found))  # roots round: without this it may be 1 + 2e-16


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan
