"""Histograms of scores: what areas under curves are computed of, since areas do not add.

An area under a curve over all flows is no mean of the gateways' areas. How many flows of
each class have a score in each bin adds, to the bit, whatever the order; the areas follow
from the sums, with bounds (`fednids.metrics.areas`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fednids.metrics.counts import BENIGN
from fednids.metrics.log_odds import BINS, Logits, bins_of, log_odds, usable_logits


@dataclass(frozen=True, eq=False)
class Sides:
    """Two kinds of flows by one score.

    Attributes
    ----------
    positives, negatives : ndarray
        ``(B,) int64`` flows in each bin, the highest scores last. Positives should have
        high scores.
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ScoreHistograms:
    """How many flows of each class have which score for each class.

    Attributes
    ----------
    counts : ndarray
        ``(C, C, B) int64``: true class, class whose score is counted, bin of the score
        (`fednids.metrics.log_odds`). Along the last axis every pair sums up to the flows of
        the true class.
    """

    counts: NDArray[np.int64]

    @classmethod
    def zero(cls, classes: int) -> ScoreHistograms:
        """Give the histograms of no flows, the neutral element of ``+``."""
        return cls(np.zeros((classes, classes, BINS), np.int64))

    @classmethod
    def of(cls, logits: Logits, labels: ArrayLike) -> ScoreHistograms:
        """Count the scores of flows.

        Parameters
        ----------
        logits : ndarray
            ``(N, C)``; a flow whose logits are not finite counts as undecided.
        labels : array_like
            ``(N,)`` integers in ``[0, C)``.
        """
        classes = logits.shape[1]
        bins = bins_of(log_odds(usable_logits(logits)))
        pairs = np.asarray(labels, np.int64)[:, None] * classes + np.arange(classes)
        counts = np.bincount((pairs * BINS + bins).ravel(), minlength=classes**2 * BINS)
        return cls(counts.astype(np.int64).reshape(classes, classes, BINS))

    def __add__(self, other: ScoreHistograms) -> ScoreHistograms:
        """Add the counts of other flows over the same classes."""
        return ScoreHistograms(self.counts + other.counts)

    def __eq__(self, other: object) -> bool:
        """Say whether both hold the same counts."""
        if not isinstance(other, ScoreHistograms):
            return NotImplemented
        return np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash(self.counts.tobytes())

    def to_json(self) -> list[list[list[int]]]:
        """Give the counts as nested lists of Python integers."""
        cells: list[list[list[int]]] = self.counts.tolist()
        return cells

    def one_vs_rest(self, code: int) -> Sides:
        """Give the flows of a class, and all others, by the score of that class."""
        scored = self.counts[:, code]
        return Sides(scored[code], scored.sum(axis=0) - scored[code])

    def alarms(self) -> NDArray[np.int64]:
        """Give the flows of each true class by the score of attack, ``(C, B) int64``.

        It is the score of benign negated, so its bins are those of benign from behind.
        """
        return self.counts[:, BENIGN, ::-1]

    def attack_vs_benign(self) -> Sides:
        """Give all attacks and the benign flows by the score of attack, ``1 - p(benign)``."""
        found = self.alarms()
        return Sides(found.sum(axis=0) - found[BENIGN], found[BENIGN])
