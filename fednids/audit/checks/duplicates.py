"""Duplicates across the split: test flows whose vector was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.audit.evidence import Evidence
from fednids.audit.finding import Finding, Severity
from fednids.flows.prepared import distinct_rows

_MOST_FLOWS = 20_000
"""Flows among which repetition is compared with chance."""

_PERMUTATIONS = 99
"""Times that the columns are shuffled; more repeats than in all of them is p = 0.01."""


def duplicates(evidence: Evidence, rng: np.random.Generator) -> list[Finding]:
    """Count test flows with an equal training flow; compare with columns shuffled by class."""
    seen = _seen(evidence.vector, evidence.test)
    tested = int(evidence.test.sum())
    share, noise = float(seen.sum() / tested), float(1 / np.sqrt(tested))
    if not seen.any():
        return []
    observed, chance = _compare(evidence, rng)
    beyond = observed > chance.max()
    if not beyond and share <= noise:
        return []
    conflicting = _conflicting(evidence, seen)
    return [
        Finding(
            "",
            Severity.LEAK if beyond and share > noise else Severity.WARNING,
            share,
            "share of the test flows whose vector occurs in training",
            f"{int(seen.sum()):,} of {tested:,} test flows have their vector in training, "
            f"{conflicting:,} of them with another class as well",
            f"columns shuffled within each class ({_PERMUTATIONS} times): {chance.max():.1%} at "
            f"most, against {observed:.1%} in the same flows; a leak when also above 1/sqrt(test "
            f"flows) = {noise:.1%}, what chance alone moves a score by",
            "read the scores of the novel flows, or use data.split=grouped, which keeps equal "
            "flows on one side",
        )
    ]


def _seen(vector: NDArray[np.int32], test: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark test flows whose vector is a training flow's, ``(N,) bool``."""
    trained = np.zeros(int(vector.max()) + 1, bool)
    trained[vector[~test]] = True
    seen: NDArray[np.bool_] = test & trained[vector]
    return seen


def _conflicting(evidence: Evidence, seen: NDArray[np.bool_]) -> int:
    """Count seen test flows whose vector also has training flows of another class."""
    width = int(evidence.vector.max()) + 1
    train = ~evidence.test
    every = np.bincount(evidence.vector[train], minlength=width)
    key = evidence.attack.astype(np.int64) * width + evidence.vector
    same = np.bincount(key[train], minlength=int(key.max()) + 1)
    return int((every[evidence.vector[seen]] > same[key[seen]]).sum())


def _compare(evidence: Evidence, rng: np.random.Generator) -> tuple[float, NDArray[np.float64]]:
    """Return the share of seen test flows in a sample, and in each of its shuffles."""
    rows = evidence.sample(_MOST_FLOWS, rng)
    test, attack = evidence.test[rows], evidence.attack[rows]
    columns = [column.codes[rows].astype(np.float64) for column in evidence.shown]
    classes = [np.flatnonzero(attack == name) for name in np.unique(attack)]

    def share(values: list[NDArray[np.float64]]) -> float:
        return float(_seen(distinct_rows(values)[0], test).sum() / max(test.sum(), 1))

    chance = [share(_shuffled(columns, classes, rng)) for _ in range(_PERMUTATIONS)]
    return share(columns), np.array(chance)


def _shuffled(
    columns: list[NDArray[np.float64]], classes: list[NDArray[np.int64]], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Shuffle each column by itself among the flows of a class."""
    found = []
    for column in columns:
        mixed = column.copy()
        for rows in classes:
            mixed[rows] = rng.permutation(column[rows])
        found.append(mixed)
    return found
