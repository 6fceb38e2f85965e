"""Means with intervals, and differences in pairs."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
FEWEST = 3
"""Fewer values than this have no interval."""

RESAMPLES = 9999


@dataclass(frozen=True)
class Interval:
    """A mean and where it may lie.

    Attributes
    ----------
    mean : float
        Of the values that are defined; NaN without any.
    low, high : float
        Ends of the 95 % percentile bootstrap interval; NaN for fewer than `FEWEST` values.
    count : int
        Number of defined values.
    """

    mean: float
    low: float
    high: float
    count: int

    @property
    def says(self) -> str:
        """What a difference shows: nothing where the interval holds 0."""
        if math.isnan(self.low):
            return f"n/a: fewer than {FEWEST} pairs"
        if self.low <= 0 <= self.high:
            return "no difference seen"
        return "higher" if self.mean > 0 else "lower"

    def to_json(self) -> dict[str, float | int | None]:
        """Give plain numbers, None for NaN."""
        ends = {"mean": self.mean, "low": self.low, "high": self.high}
        plain = {name: None if math.isnan(value) else value for name, value in ends.items()}
        return {**plain, "count": self.count}


def interval(values: Sequence[float], name: str) -> Interval:
    """Give the mean of some values with its bootstrap interval.

    Parameters
    ----------
    values : sequence of float
        One a seed, or one a pair; NaN is left out.
    name : str
        What they are. It seeds the resampling, so that an interval does not depend on what
        else is in a report.

    Notes
    -----
    The percentile bootstrap (Efron, "Bootstrap Methods: Another Look at the Jackknife",
    Annals of Statistics 7, 1979) with `RESAMPLES` draws, by `scipy.stats.bootstrap`. With
    as few values as a study has seeds it is too narrow: of three values it is their range.
    """
    from scipy.stats import bootstrap

    defined = np.array([value for value in values if not math.isnan(value)])
    mean = float(defined.mean()) if len(defined) else math.nan
    if len(defined) < FEWEST:
        return Interval(mean, math.nan, math.nan, len(defined))
    found = bootstrap(
        (defined,), np.mean,
        confidence_level=CONFIDENCE, n_resamples=RESAMPLES, method="percentile",
        rng=np.random.default_rng(zlib.crc32(name.encode())),
    ).confidence_interval  # fmt: skip
    return Interval(mean, float(found.low), float(found.high), len(defined))


def number(value: float | None) -> float:
    """Read a rate from JSON, where NaN is null."""
    return math.nan if value is None else float(value)


def mean_of(values: Sequence[float]) -> float:
    """Give the mean of the values that are defined; NaN without any."""
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def best_mean(groups: Iterable[Sequence[float]]) -> float:
    """Give the highest mean of some groups of values; NaN where none is defined."""
    means = [mean_of(list(group)) for group in groups]
    return max((mean for mean in means if not math.isnan(mean)), default=math.nan)
