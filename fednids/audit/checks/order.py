"""Order effects: what a model knows that sees a flow's row number and nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, mutual_info_score
from sklearn.model_selection import cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from fednids.audit.answering import Answers, folds, quiet_folds
from fednids.audit.chance import ALPHA
from fednids.audit.evidence import Evidence
from fednids.audit.finding import Finding, Severity
from fednids.flows.split import BLOCKS

_MOST_FLOWS = 10_000
"""Flows that take part, in file order, drawn with the classes' shares kept."""

_PERMUTATIONS = 99
"""Times that the classes are shuffled over the rows."""

Blocks = NDArray[np.int64]


def order(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Compare what blocks of the file tell with shuffled classes; ask a tree how much it is."""
    if not evidence.learnable:
        return []
    rows = evidence.sample(_MOST_FLOWS, rng)
    seed, attack = int(rng.integers(2**31)), evidence.attack[rows]
    block = rows * BLOCKS // len(evidence)
    chance = stats.permutation_test(
        (block, attack), mutual_info_score, permutation_type="pairings", alternative="greater",
        n_resamples=_PERMUTATIONS, vectorized=False, rng=rng,
    )  # fmt: skip
    if chance.pvalue > ALPHA:
        return []
    fair = balanced_accuracy_score(attack, _answers(block, attack, seed, "balanced"))
    right = int((_answers(block, attack, seed, None) == attack).sum())
    most = float(np.bincount(attack).max() / len(rows))
    beats = stats.binomtest(right, len(rows), most, alternative="greater").pvalue <= ALPHA
    guess = 1 / len(np.unique(attack))
    return [_finding(float(fair), guess, right / len(rows), most, beats=beats)]


def _answers(block: Blocks, attack: Answers, seed: int, weights: str | None) -> Answers:
    """Answer each flow's class from its block, by a tree fitted to the other folds."""
    tree = DecisionTreeClassifier(class_weight=weights, random_state=seed)
    with quiet_folds():
        answers: Answers = cross_val_predict(tree, block[:, None], attack, cv=folds(seed))
    return answers


def _finding(
    score: float, guess: float, accuracy: float, majority: float, *, beats: bool
) -> Finding:
    return Finding(
        "",
        Severity.LEAK if beats else Severity.WARNING,
        score,
        f"balanced accuracy of the row number alone, in {BLOCKS} blocks",
        f"a flow's place in the file tells its class: balanced accuracy {score:.3f} where chance "
        f"gives {guess:.3f}, accuracy {accuracy:.3f} against the majority's {majority:.3f}",
        f"classes shuffled over the rows: all of {_PERMUTATIONS} shuffles have less mutual "
        "information with the blocks; a leak when the accuracy is also above the majority's "
        "(exact binomial test)",
        "windows hold neighbours of one class and a random split tests between training flows: "
        "use data.split=blocks, keep counters and times out of the features, or data.window=1",
    )
