"""Curves of a detector's scores, from histograms of counts that add.

A class's score is its probability ``p``, the softmax of the logits. It is counted as log-odds,
``log(p / (1 - p))``: the order of the flows is the same, and so are areas under curves, and scores
near 0 and 1, where a trained detector puts nearly all flows, stay distinct. In 256 bins of equal
width a probability of 0.9999 has 50 bins above it; with equal bins of probability it would share
the last bin with 0.997.

An area under a curve over all flows is no mean of the clients' areas. The number of flows of each
class with a score in each bin adds, to the bit, in any order; the areas follow from the sums, with
bounds. Flows in different bins are in the right order; the order of the flows in one bin is not
known to a histogram. The value of an area takes them as ties, as scikit-learn does for the binned
scores. The bounds are those of the best and of the worst order: nothing narrower follows from the
histogram, and the area of the scores themselves lies between.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fednids.metrics.counts import BENIGN
from fednids.metrics.log_odds import BINS, EDGES, Logits, bins_of, log_odds, usable_logits
from fednids.metrics.reliability import GRADES, Reliability
from fednids.plain import as_json


@dataclass(frozen=True, eq=False)
class Sides:
    """Positives and negatives, counted by one score.

    Attributes
    ----------
    positives, negatives : ndarray
        ``(B,) int64`` flows in each bin, the highest scores last.
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ScoreHistograms:
    """Histograms of the scores for each class, of the flows of each class.

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
        """Return the histograms of no flows, the neutral element of ``+``."""
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
        if not isinstance(other, ScoreHistograms):
            return NotImplemented
        return np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash(self.counts.tobytes())

    def to_json(self) -> list[list[list[int]]]:
        """Return the counts as nested lists of Python integers."""
        cells: list[list[list[int]]] = self.counts.tolist()
        return cells

    def one_vs_rest(self, code: int) -> Sides:
        """Return the flows of a class, and all others, by the score of that class."""
        scored = self.counts[:, code]
        return Sides(scored[code], scored.sum(axis=0) - scored[code])

    def alarms(self) -> NDArray[np.int64]:
        """Return the flows of each true class by the score of attack, ``(C, B) int64``.

        That score is the one of benign negated, so its bins are those of benign in reverse.
        """
        return self.counts[:, BENIGN, ::-1]

    def attack_vs_benign(self) -> Sides:
        """Return all attacks and the benign flows by the score of attack, ``1 - p(benign)``."""
        found = self.alarms()
        return Sides(found.sum(axis=0) - found[BENIGN], found[BENIGN])


@dataclass(frozen=True)
class Area:
    """An area under a curve.

    Attributes
    ----------
    value : float
        The area with the flows of a bin as ties; NaN where undefined.
    low, high : float
        Bounds of the area of the scores themselves; NaN where undefined.
    """

    value: float
    low: float
    high: float


UNDEFINED = Area(math.nan, math.nan, math.nan)


def roc_area(sides: Sides) -> Area:
    """Return the area under the ROC curve, as scikit-learn's ``roc_auc_score``.

    It is the share of pairs of a positive and a negative in which the positive's score is
    higher; ties count a half. With `p` and `n` flows in a bin, the order of ``p * n`` pairs is
    unknown: the error is at most half of their share of all pairs.

    Parameters
    ----------
    sides : Sides
        Counted by the score of the positives.

    Returns
    -------
    Area
        Undefined without positives or without negatives.
    """
    positives, negatives = sides.positives, sides.negatives
    pairs = int(positives.sum()) * int(negatives.sum())
    if not pairs:
        return UNDEFINED
    certain = int(positives @ (np.cumsum(negatives) - negatives))
    tied = int(positives @ negatives)
    return Area((2 * certain + tied) / (2 * pairs), certain / pairs, (certain + tied) / pairs)


def precision_recall_area(sides: Sides) -> Area:
    """Return the average precision, as scikit-learn's ``average_precision_score``.

    It is the sum over thresholds, from the highest, of the precision times the increase of the
    recall. For `p` positives and `n` negatives in a bin below `P` and `N` in higher bins, the
    precision at every positive is at most ``(P + p) / (P + p + N)``, when all positives of the
    bin are tied above its negatives; at the i-th it is at least ``(P + i) / (P + i + N + n)``,
    when all its negatives come first.

    Parameters
    ----------
    sides : Sides
        Counted by the score of the positives.

    Returns
    -------
    Area
        Undefined without positives; 1 without negatives.
    """
    whole = int(sides.positives.sum())
    if not whole:
        return UNDEFINED
    tied = low = high = 0.0
    above = below = 0
    for more, false in zip(sides.positives[::-1], sides.negatives[::-1], strict=True):
        p, n = int(more), int(false)
        if p:
            tied += p * (above + p) / (above + p + below + n)
            high += p * (above + p) / (above + p + below)
            low += _worst(above, p, below + n)
        above, below = above + p, below + n
    value, low = tied / whole, low / whole
    return Area(value, min(low, value), max(high / whole, value))


def _worst(above: int, more: int, false: int) -> float:
    """Return the sum of the precisions at positives that come one by one after negatives."""
    found: NDArray[np.float64] = np.arange(above + 1, above + more + 1, dtype=np.float64)
    return float((found / (found + false)).sum())


def mean_area(areas: list[Area]) -> Area:
    """Return the mean of the areas that are defined, and of their bounds."""
    defined = [area for area in areas if not math.isnan(area.value)]
    if not defined:
        return UNDEFINED
    found = np.array([(area.value, area.low, area.high) for area in defined]).mean(axis=0)
    return Area(*map(float, found))


@dataclass(frozen=True)
class Areas:
    """The two areas of one choice of positives.

    Attributes
    ----------
    roc : Area
        Area under the ROC curve: 0.5 for random scores, 1 for perfect ones.
    precision_recall : Area
        Average precision: the share of positives for random scores.
    """

    roc: Area
    precision_recall: Area

    @classmethod
    def of(cls, sides: Sides) -> Areas:
        """Return both areas."""
        return cls(roc_area(sides), precision_recall_area(sides))

    def to_json(self) -> dict[str, Any]:
        """Return values and bounds; None for what is undefined."""
        found: dict[str, Any] = {}
        for name, area in (("roc_auc", self.roc), ("pr_auc", self.precision_recall)):
            found |= {name: as_json(area.value), f"{name}_bounds": as_json([area.low, area.high])}
        return found


@dataclass(frozen=True)
class CurveScores:
    """All areas over one set of flows.

    Attributes
    ----------
    macro : Areas
        Means over the classes for which they are defined.
    per_class : Mapping[str, Areas]
        Each class against all others, by its name.
    binary : Areas
        Attack, the positive side, against benign, by ``1 - p(benign)``.
    """

    macro: Areas
    per_class: Mapping[str, Areas]
    binary: Areas

    @classmethod
    def of(cls, histograms: ScoreHistograms, names: Sequence[str]) -> CurveScores:
        """Return all areas; `names` are those of the classes in the order of their codes."""
        each = [Areas.of(histograms.one_vs_rest(code)) for code in range(len(names))]
        macro = Areas(
            mean_area([areas.roc for areas in each]),
            mean_area([areas.precision_recall for areas in each]),
        )
        binary = Areas.of(histograms.attack_vs_benign())
        return cls(macro, dict(zip(names, each, strict=True)), binary)

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and numbers, with NaN as None."""
        return {
            **self.macro.to_json(),
            "per_class": as_json(self.per_class),
            "binary": as_json(self.binary),
        }


@dataclass(frozen=True, eq=False, slots=True)
class Tally:
    """The counts of a `Curves` that are not 0; short where there are few flows.

    Attributes
    ----------
    places : ndarray
        ``(k,) int64`` strictly ascending places among all counts.
    counts : ndarray
        ``(k,) int64`` of at least 1.

    Raises
    ------
    ValueError
        The arrays do not have this form.
    """

    places: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check arrays that may have come over a network."""
        places, counts = self.places, self.counts
        fits = places.ndim == 1 and places.shape == counts.shape
        if not (fits and (np.diff(places, prepend=-1) > 0).all() and (counts > 0).all()):
            raise ValueError(
                "expected ascending places and as many counts of at least 1, found "
                f"{places.shape} and {counts.shape} others; send a tally as it was counted"
            )


@dataclass(frozen=True, eq=False, slots=True)
class Tallies:
    """What one client counts of its scores.

    Attributes
    ----------
    all, novel : Tally
        Of all its test flows, and of the novel ones.
    validation : Tally or None
        Of its validation flows; None in a run without any.
    """

    all: Tally
    novel: Tally
    validation: Tally | None = None

    def check(self, classes: int) -> None:
        """Check that no tally has more classes.

        Raises
        ------
        ValueError
            One has more.
        """
        for tally in (self.all, self.novel, self.validation):
            if tally is not None:
                check_tally(tally, classes)


@dataclass(frozen=True, eq=False)
class Curves:
    """Histograms of scores and reliability, of one or more detectors on some flows.

    Attributes
    ----------
    histograms : ScoreHistograms
        Of which areas under curves and thresholds are computed.
    reliability : Reliability
        Of which the calibration is computed.
    """

    histograms: ScoreHistograms
    reliability: Reliability

    @classmethod
    def of(cls, logits: Logits, labels: ArrayLike) -> Curves:
        """Count the scores of flows.

        Parameters
        ----------
        logits : ndarray
            ``(N, C)``; N may be 0.
        labels : array_like
            ``(N,)`` integers in ``[0, C)``.
        """
        return cls(ScoreHistograms.of(logits, labels), Reliability.of(logits, labels))

    @classmethod
    def total(cls, tallies: Iterable[Tally], classes: int) -> Curves:
        """Return the sum of tallies; equal, to the bit, to counting all their flows at once.

        Raises
        ------
        ValueError
            A tally has more classes.
        """
        flat = np.zeros(cells(classes), np.int64)
        for tally in tallies:
            check_tally(tally, classes)
            flat[tally.places] += tally.counts
        sizes = np.cumsum([classes**2 * BINS, 3 * GRADES])
        scores, grades, squares = np.split(flat, sizes)
        return cls(
            ScoreHistograms(scores.reshape(classes, classes, BINS)),
            Reliability(grades.reshape(3, GRADES), squares),
        )

    def tally(self) -> Tally:
        """Return the counts that are not 0."""
        parts = (self.histograms.counts, self.reliability.grades, self.reliability.squares)
        flat = np.concatenate([part.ravel() for part in parts])
        places = np.flatnonzero(flat)
        return Tally(places, flat[places])

    def __add__(self, other: Curves) -> Curves:
        """Add the counts of other flows over the same classes."""
        return Curves(self.histograms + other.histograms, self.reliability + other.reliability)

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the histograms with their classes and bin edges, for ``scores.json``."""
        return {
            "classes": list(classes),
            "edges": EDGES.tolist(),
            "histograms": self.histograms.to_json(),
            "reliability": self.reliability.grades.tolist(),
        }


def cells(classes: int) -> int:
    """Return how many counts a `Curves` of so many classes has."""
    return classes**2 * BINS + 3 * GRADES + 2


def check_tally(tally: Tally, classes: int) -> None:
    """Check that a tally has no more classes.

    Raises
    ------
    ValueError
        It has more.
    """
    if len(tally.places) and tally.places[-1] >= cells(classes):
        raise ValueError(
            f"expected scores of {classes} classes, got a count at place {tally.places[-1]}; "
            "add tallies of one detector only"
        )
