"""Who is best, by how much, and whether the runs show a difference at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fednids.metrics import ConfusionCounts
from fednids.studies.measures import METRICS
from fednids.studies.resampling import draw_macro_f1, ends
from fednids.studies.statistics import FEWEST, Interval, best_mean, interval, mean_of
from fednids.studies.tables import show_interval

SCHEMA_VERSION = 1
OF_BEST = 0.95
"""Share of the best mean macro-F1 that is the target where none is given."""


@dataclass(frozen=True)
class Entry:
    """A finished run, as far as ranking goes.

    Attributes
    ----------
    seed : int
        Runs of two contestants with the same seed are a pair.
    plan : str
        Fingerprint of its plan.
    metrics : Mapping[str, float]
        By the names of `METRICS`.
    confusions : Sequence[ConfusionCounts]
        One a gateway, after the last round.
    """

    seed: int
    plan: str
    metrics: Mapping[str, float]
    confusions: Sequence[ConfusionCounts] = field(repr=False)

    @cached_property
    def draws(self) -> NDArray[np.float64]:
        """Macro-F1 of gateways drawn, ``(RESAMPLES,) float64``; the same ones on one plan."""
        return draw_macro_f1(self.confusions, self.plan)


@dataclass(frozen=True)
class Contestant:
    """A strategy, an arm, or settings: runs that differ in the seed alone.

    Attributes
    ----------
    name : str
        For people.
    entries : tuple of Entry
        One a seed.
    """

    name: str
    entries: tuple[Entry, ...]

    @property
    def macro_f1(self) -> float:
        """Mean over its seeds."""
        return mean_of([entry.metrics["macro_f1"] for entry in self.entries])


@dataclass(frozen=True)
class Standing:
    """A contestant in its place.

    Attributes
    ----------
    place : int
        From 1.
    name : str
        Of the contestant.
    seeds : tuple of int
        Of its runs.
    metrics : Mapping[str, Interval]
        By the names of `METRICS`.
    difference : Interval or None
        Macro-F1 minus that of the best, over seeds that both have; None for the best.
    """

    place: int
    name: str
    seeds: tuple[int, ...]
    metrics: Mapping[str, Interval]
    difference: Interval | None

    @property
    def says(self) -> str:
        """What the difference to the best shows; empty for the best itself."""
        if self.difference is None:
            return ""
        if math.isnan(self.difference.low):
            return "no interval"
        return self.difference.says


@dataclass(frozen=True)
class Ranking:
    """All contestants, the best first.

    Attributes
    ----------
    standings : tuple of Standing
        By mean macro-F1.
    over : {"seeds", "gateways"}
        What intervals are drawn over: gateways where anybody has fewer than three seeds.
    target : float
        Macro-F1 that the way to is told of.
    """

    standings: tuple[Standing, ...]
    over: Literal["seeds", "gateways"]
    target: float

    @property
    def majority(self) -> float:
        """Macro-F1 of always answering the commonest class of the training flows."""
        return mean_of([each.metrics["majority_macro_f1"].mean for each in self.standings])

    def to_json(self) -> dict[str, Any]:
        """Give plain dicts, lists and numbers, with NaN as None."""
        return {
            "schema_version": SCHEMA_VERSION,
            "over": self.over,
            "target": _plain(self.target),
            "majority_macro_f1": _plain(self.majority),
            "ranking": [_standing_json(each) for each in self.standings],
        }


def rank(contestants: Sequence[Contestant], target: float) -> Ranking:
    """Put contestants in order and tell each one's difference to the best.

    Parameters
    ----------
    contestants : sequence of Contestant
        At least one, each with at least one run.
    target : float
        Macro-F1 that the runs' way to was measured to.
    """
    ordered = sorted(contestants, key=lambda c: (math.isnan(c.macro_f1), -c.macro_f1))
    seeds_enough = all(len(each.entries) >= FEWEST for each in ordered)
    over: Literal["seeds", "gateways"] = "seeds" if seeds_enough else "gateways"
    best = ordered[0]
    standings = [
        Standing(
            place,
            each.name,
            tuple(entry.seed for entry in each.entries),
            _metrics(each, over),
            None if each is best else _difference(each, best, over),
        )
        for place, each in enumerate(ordered, start=1)
    ]
    return Ranking(tuple(standings), over, target)


def target_of(wanted: float | None, macro_f1: Iterable[Sequence[float]]) -> float:
    """Give the target as a macro-F1: the one wanted, or `OF_BEST` of the best mean.

    Parameters
    ----------
    wanted : float, optional
        A macro-F1.
    macro_f1 : iterable of sequence of float
        That of each contestant's runs.
    """
    return wanted if wanted is not None else OF_BEST * best_mean(macro_f1)


def in_words(standing: Standing, best: Standing, over: str) -> str:
    """Say a difference to the best in a line."""
    difference = standing.difference or Interval(0.0, math.nan, math.nan, 0)
    size = show_interval(difference, signed=True)
    if over == "seeds":
        size += f", {difference.count} seeds"
    pair = f"{standing.name} against {best.name}"
    if not difference.count:
        return f"{pair}: no seed in common, nothing to compare"
    return f"{pair}: {standing.says}, {size}"


def _metrics(contestant: Contestant, over: str) -> dict[str, Interval]:
    values = {m: [entry.metrics[m] for entry in contestant.entries] for m in METRICS}
    if over == "seeds":
        return {m: interval(found, f"{contestant.name} {m}") for m, found in values.items()}
    plain = {m: _without_interval(found) for m, found in values.items()}
    drawn = np.mean([entry.draws for entry in contestant.entries], axis=0)
    macro = plain["macro_f1"]
    return plain | {"macro_f1": Interval(macro.mean, *ends(drawn), macro.count)}


def _difference(one: Contestant, best: Contestant, over: str) -> Interval:
    """Compare over the seeds that both have; NaN, of 0 pairs, where there is none."""
    others = {entry.seed: entry for entry in best.entries}
    pairs = [(entry, others[entry.seed]) for entry in one.entries if entry.seed in others]
    found = [a.metrics["macro_f1"] - b.metrics["macro_f1"] for a, b in pairs]
    if over == "seeds" or not pairs:
        return interval(found, f"{one.name} {best.name}")
    drawn = np.mean([a.draws - b.draws for a, b in pairs], axis=0)
    return Interval(mean_of(found), *ends(drawn), len(found))


def _without_interval(values: Sequence[float]) -> Interval:
    count = sum(not math.isnan(value) for value in values)
    return Interval(mean_of(values), math.nan, math.nan, count)


def _standing_json(standing: Standing) -> dict[str, Any]:
    difference = standing.difference.to_json() if standing.difference else None
    return {
        "place": standing.place,
        "name": standing.name,
        "seeds": list(standing.seeds),
        "metrics": {name: found.to_json() for name, found in standing.metrics.items()},
        "difference_to_best": difference,
        "says": standing.says,
    }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value
