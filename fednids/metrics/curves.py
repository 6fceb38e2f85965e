"""All that is counted of a detector's scores on some flows, and how it travels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fednids.metrics.histograms import ScoreHistograms
from fednids.metrics.log_odds import BINS, EDGES, Logits
from fednids.metrics.reliability import GRADES, Reliability


@dataclass(frozen=True, eq=False, slots=True)
class Tally:
    """The counts of a `Curves` that are not 0: short where there are few flows.

    Attributes
    ----------
    places : ndarray
        ``(k,) int64`` strictly ascending places among all counts.
    counts : ndarray
        ``(k,) int64`` of at least 1.

    Raises
    ------
    ValueError
        The two are not as they must be.
    """

    places: NDArray[np.int64]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Check what may have come over a network."""
        places, counts = self.places, self.counts
        fits = places.ndim == 1 and places.shape == counts.shape
        if not (fits and (np.diff(places, prepend=-1) > 0).all() and (counts > 0).all()):
            raise ValueError(
                "expected ascending places and as many counts of at least 1, found "
                f"{places.shape} and {counts.shape} others; send a tally as it was counted"
            )


@dataclass(frozen=True, eq=False, slots=True)
class Tallies:
    """What is counted of the scores at one gateway.

    Attributes
    ----------
    all, novel : Tally
        Over all its test flows, and over the novel ones.
    validation : Tally or None
        Over its validation flows; None in a run without any.
    """

    all: Tally
    novel: Tally
    validation: Tally | None = None

    def check(self, classes: int) -> None:
        """See that all are of so many classes.

        Raises
        ------
        ValueError
            One is of more.
        """
        for tally in (self.all, self.novel, self.validation):
            if tally is not None:
                check_tally(tally, classes)


@dataclass(frozen=True, eq=False)
class Curves:
    """Histograms of scores, and reliability, of one detector or of many on some flows.

    Attributes
    ----------
    histograms : ScoreHistograms
        Areas under curves and thresholds follow from them.
    reliability : Reliability
        Calibration follows from it.
    """

    histograms: ScoreHistograms
    reliability: Reliability

    @classmethod
    def of(cls, logits: Logits, labels: ArrayLike) -> Curves:
        """Count flows.

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
        """Add up tallies; equal, to the bit, to counting all their flows at once.

        Raises
        ------
        ValueError
            A tally is of more classes.
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
        """Give the counts that are not 0."""
        parts = (self.histograms.counts, self.reliability.grades, self.reliability.squares)
        flat = np.concatenate([part.ravel() for part in parts])
        places = np.flatnonzero(flat)
        return Tally(places, flat[places])

    def __add__(self, other: Curves) -> Curves:
        """Add what was counted of other flows over the same classes."""
        return Curves(self.histograms + other.histograms, self.reliability + other.reliability)

    def to_json(self, classes: Sequence[str]) -> dict[str, Any]:
        """Give the histograms with what is needed to read them, for ``scores.json``."""
        return {
            "classes": list(classes),
            "edges": EDGES.tolist(),
            "histograms": self.histograms.to_json(),
            "reliability": self.reliability.grades.tolist(),
        }


def cells(classes: int) -> int:
    """Tell how many counts a `Curves` of so many classes has."""
    return classes**2 * BINS + 3 * GRADES + 2


def check_tally(tally: Tally, classes: int) -> None:
    """See that a tally is of so many classes at most.

    Raises
    ------
    ValueError
        It has places beyond.
    """
    if len(tally.places) and tally.places[-1] >= cells(classes):
        raise ValueError(
            f"expected scores of {classes} classes, got a count at place {tally.places[-1]}; "
            "add tallies of one detector only"
        )
