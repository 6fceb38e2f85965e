"""Calibration of probabilities, from counts that add.

Sums of probabilities are kept as whole numbers of 2**-32, rounded for each flow, so that they
add to the bit in any order. That changes no mean by more than 2**-33, 1.2e-10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fednids.metrics.counts import BENIGN, quotient
from fednids.metrics.log_odds import Logits, usable_logits
from fednids.plain import as_json

GRADES = 15
"""Bins of confidence, of equal width."""

_UNIT = 2.0**32
_EDGES = np.linspace(0, 1, GRADES + 1)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence of predictions, and how often they are right.

    Attributes
    ----------
    grades : ndarray
        ``(3, G) int64`` by bin of confidence, the probability of the predicted class: flows,
        those that are right, and the sum of the confidences in 2**-32. A bin holds its upper
        edge, as in scikit-learn's ``calibration_curve``.
    squares : ndarray
        ``(2,) int64`` sums in 2**-32 over all flows: ``sum_c (p_c - y_c)**2``, and
        ``(p_attack - y_attack)**2``.
    """

    grades: NDArray[np.int64]
    squares: NDArray[np.int64]

    @classmethod
    def zero(cls) -> Reliability:
        """Return the counts of no flows, the neutral element of ``+``."""
        return cls(np.zeros((3, GRADES), np.int64), np.zeros(2, np.int64))

    @classmethod
    def of(cls, logits: Logits, labels: ArrayLike) -> Reliability:
        """Count flows.

        Parameters
        ----------
        logits : ndarray
            ``(N, C)``; where they are not finite, every class is taken as equally likely.
        labels : array_like
            ``(N,)`` integers in ``[0, C)``.
        """
        usable = usable_logits(logits).astype(np.float64)
        true = np.asarray(labels, np.int64)
        parts = np.exp(usable - usable.max(axis=1, keepdims=True, initial=-np.inf))
        chances = parts / parts.sum(axis=1, keepdims=True)
        best = chances.argmax(axis=1)
        sure = chances[np.arange(len(best)), best]
        grade = np.searchsorted(_EDGES[1:-1], sure)
        flows = np.bincount(grade, minlength=GRADES)
        right = np.bincount(grade[best == true], minlength=GRADES)
        sums = np.zeros(GRADES, np.int64)
        np.add.at(sums, grade, _whole(sure))
        wrong = chances - (true[:, None] == np.arange(chances.shape[1]))
        squares = _whole((wrong**2).sum(axis=1)).sum(), _whole(wrong[:, BENIGN] ** 2).sum()
        return cls(np.stack([flows, right, sums]).astype(np.int64), np.array(squares, np.int64))

    def __add__(self, other: Reliability) -> Reliability:
        """Add the counts of other flows."""
        return Reliability(self.grades + other.grades, self.squares + other.squares)

    @property
    def total(self) -> int:
        """Number of flows."""
        return int(self.grades[0].sum())

    @property
    def error(self) -> float:
        """Expected calibration error: ``sum_g n_g / N * |right_g - confidence_g|``.

        NaN without flows.

        References
        ----------
        C. Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, eq. 3.
        """
        _, right, sums = self.grades
        return quotient(float(np.abs(right - sums / _UNIT).sum()), self.total)

    @property
    def brier(self) -> tuple[float, float]:
        """Brier scores, from 0: over all classes (up to 2), and of attack (up to 1)."""
        everything, attack = (float(each) / _UNIT for each in self.squares)
        return quotient(everything, self.total), quotient(attack, self.total)

    def to_json(self) -> dict[str, Any]:
        """Return errors and bins; None for what is undefined."""
        flows, right, sums = self.grades
        all_classes, attack = self.brier
        return {
            "expected_error": as_json(self.error),
            "brier": as_json(all_classes),
            "brier_attack": as_json(attack),
            "bins": [
                {
                    "flows": int(n),
                    "accuracy": as_json(quotient(float(r), n)),
                    "confidence": as_json(quotient(float(s) / _UNIT, n)),
                }
                for n, r, s in zip(flows, right, sums, strict=True)
            ],
        }


def _whole(values: NDArray[np.float64]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = np.rint(values * _UNIT).astype(np.int64)
    return found
