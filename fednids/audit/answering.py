"""Answers from columns alone: small models, asked about flows that they were not fitted to."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from fednids.audit.evidence import FOLDS, AuditColumn, FlowRows

LEAVES = 256
"""Leaves of a tree on one column: so many pieces its values may be cut into."""

Answers = NDArray[np.uint8]


def folds(seed: int) -> StratifiedKFold:
    """Return the folds of every cross-validation here: shuffled, classes in their shares."""
    return StratifiedKFold(FOLDS, shuffle=True, random_state=seed)


def answers_of_column(
    column: AuditColumn, attack: NDArray[np.uint8], rows: FlowRows, seed: int
) -> Answers:
    """Answer each flow's class from one column, by a model fitted to the other folds.

    A number is asked of a tree, as its rank, which cuts alike. A name is looked up: the class
    that it mostly stands for in the other folds, the most frequent class if it is new there.

    Parameters
    ----------
    column : AuditColumn
        The only thing that is looked at.
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
    return _held_out(model, column.codes[rows][:, None], attack[rows], seed)


def answers_of_columns(
    columns: Sequence[AuditColumn], attack: NDArray[np.uint8], rows: FlowRows, seed: int
) -> Answers:
    """Answer each flow's class from several columns together, by 50 extremely random trees."""
    forest = ExtraTreesClassifier(50, min_samples_leaf=2, random_state=seed, n_jobs=1)
    table = np.column_stack([column.codes[rows] for column in columns])
    return _held_out(forest, table, attack[rows], seed)


@contextmanager
def quiet_folds() -> Iterator[None]:
    """Keep scikit-learn's remarks on classes with fewer flows than folds off the screen."""
    with warnings.catch_warnings():
        for remark in ("The least populated class", "The number of unique classes", "y_pred"):
            warnings.filterwarnings("ignore", message=remark)
        yield


def _held_out(model: Any, inputs: NDArray[np.int64], attack: Answers, seed: int) -> Answers:
    with quiet_folds():
        answers: Answers = cross_val_predict(model, inputs, attack, cv=folds(seed))
    return answers
