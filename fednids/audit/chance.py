"""What chance can do: exact bounds, and the errors of always answering one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fednids.metrics.counts import BENIGN

ALPHA = 0.01
"""How often a check may find something where there is nothing, over all it looks at."""

Classes = NDArray[np.integer]  # type: ignore[type-arg]


@dataclass(frozen=True)
class Skill:
    """How much better than the majority class some answers are, on flows held out.

    Attributes
    ----------
    task : str
        ``"class"``, or ``"label"``: attack or benign.
    errors, majority_errors : int
        Of the answers, and of always answering the most frequent class; the latter is not 0.
    flows : int
        How many were answered.
    """

    task: str
    errors: int
    majority_errors: int
    flows: int

    @property
    def skill(self) -> float:
        """Share of the majority's errors that are avoided: 1 is perfect, 0 no better."""
        return 1 - self.errors / self.majority_errors

    def least(self, alpha: float) -> float:
        """Return the exact lower bound of `skill` (Clopper and Pearson), confidence 1 - alpha."""
        found = stats.binomtest(self.errors, self.flows, alternative="less")
        upper = float(found.proportion_ci(1 - alpha, method="exact").high)
        return 1 - upper * self.flows / self.majority_errors


def skills(answers: Classes, attack: Classes) -> tuple[Skill, ...]:
    """Score answers, once by class and once by label, attack or benign.

    Parameters
    ----------
    answers, attack : ndarray
        ``(n,)`` class codes. A task of which all flows have one answer is left out.
    """
    tasks = {
        "class": (answers, attack),
        "label": (answers != BENIGN, attack != BENIGN),
    }
    found = []
    for task, (said, true) in tasks.items():
        wrong = len(true) - int(np.bincount(true).max())
        if wrong:
            found.append(Skill(task, int((said != true).sum()), wrong, len(true)))
    return tuple(found)


def better(first: Classes, second: Classes, attack: Classes) -> float:
    """Return the p-value of the answers ``first`` being no better than ``second``.

    McNemar's exact test, one-sided, over the flows that only one of them gets right.
    """
    mine = int(((first == attack) & (second != attack)).sum())
    theirs = int(((first != attack) & (second == attack)).sum())
    if mine + theirs == 0:
        return 1.0
    return float(stats.binomtest(mine, mine + theirs, alternative="greater").pvalue)
