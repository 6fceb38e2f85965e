"""Predictions from columns alone for flows held out, and what chance can do."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from fednids.audit.evidence import FOLDS, AuditColumn, FlowRows
from fednids.metrics.counts import BENIGN

ALPHA = 0.01
"""How often a check may find something where there is nothing, over all it looks at."""

LEAVES = 256
"""Leaves of a tree on one column: so many pieces its values may be cut into."""

Answers = NDArray[np.uint8]
Classes = NDArray[np.integer]  # type: ignore[type-arg]


def held_out(model: Any, inputs: NDArray[np.int64], attack: Answers, seed: int) -> Answers:
    """Predict each flow's class, ``(n,) uint8``, by the model fitted to the other folds.

    Folds are shuffled and keep the classes' shares. scikit-learn's warnings of classes with
    fewer flows than folds are not shown.
    """
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        for remark in ("The least populated class", "The number of unique classes", "y_pred"):
            warnings.filterwarnings("ignore", message=remark)
        answers: Answers = cross_val_predict(model, inputs, attack, cv=folds)
    return answers


def answers_of_column(
    column: AuditColumn, attack: NDArray[np.uint8], rows: FlowRows, seed: int
) -> Answers:
    """Predict each flow's class from one column, by a model fitted to the other folds.

    A tree predicts from a number, by its rank. A name stands for its most frequent class in the
    other folds; a name that is new there, for the most frequent class of all.

    Parameters
    ----------
    column : AuditColumn
        The only input.
    attack : ndarray
        ``(N,) uint8`` classes.
    rows : ndarray
        ``(n,)`` flows that take part.
    seed : int
        Of folds and trees, below 2**32.

    Returns
    -------
    ndarray
        ``(n,) uint8`` class codes.
    """
    model: Any = DecisionTreeClassifier(max_leaf_nodes=LEAVES, random_state=seed)
    if column.nominal:
        model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), MultinomialNB(alpha=0.01))
    return held_out(model, column.codes[rows][:, None], attack[rows], seed)


def answers_of_columns(
    columns: Sequence[AuditColumn], attack: NDArray[np.uint8], rows: FlowRows, seed: int
) -> Answers:
    """Predict each flow's class from several columns together, by 50 extremely random trees."""
    forest = ExtraTreesClassifier(50, min_samples_leaf=2, random_state=seed, n_jobs=1)
    table = np.column_stack([column.codes[rows] for column in columns])
    return held_out(forest, table, attack[rows], seed)


def highest_share(hits: int, flows: int, alpha: float) -> float:
    """Return the exact upper bound of a share (Clopper and Pearson), confidence 1 - alpha."""
    found = stats.binomtest(hits, flows, alternative="less")
    return float(found.proportion_ci(1 - alpha, method="exact").high)


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
        """Return the exact lower bound of `skill`, confidence 1 - alpha."""
        return 1 - highest_share(self.errors, self.flows, alpha) * self.flows / self.majority_errors


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
    for task, (predicted, true) in tasks.items():
        wrong = len(true) - int(np.bincount(true).max())
        if wrong:
            found.append(Skill(task, int((predicted != true).sum()), wrong, len(true)))
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
