"""Measures of finished runs, their means with intervals, differences in pairs, and rankings."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fednids.metrics import ConfusionCounts, scores
from fednids.metrics.success import attack_success, relative_success
from fednids.plain import as_json, number
from fednids.runs.reader import Run
from fednids.runs.records import ResultRecord, RoundRecord
from fednids.simulation.adversaries.attacks import find_attack

CONFIDENCE = 0.95
FEWEST = 3
"""Fewer values than this have no interval."""

NOTHING = "–"
"""Stands where there is no value."""

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
    def verdict(self) -> str:
        """What a difference shows: nothing where the interval holds 0."""
        if math.isnan(self.low):
            return f"n/a: fewer than {FEWEST} pairs"
        if self.low <= 0 <= self.high:
            return "no difference seen"
        return "higher" if self.mean > 0 else "lower"

    def to_json(self) -> dict[str, float | int | None]:
        """Return plain numbers, None for NaN."""
        found: dict[str, float | int | None] = as_json(vars(self))
        return found


def interval(values: Sequence[float], name: str) -> Interval:
    """Return the mean of some values with its bootstrap interval.

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


def show_interval(found: Interval, *, signed: bool = False) -> str:
    """Return a mean with its interval, or n/a for that; with a sign for a difference."""
    if not found.count:
        return NOTHING
    sign = "+" if signed else ""
    mean = f"{found.mean:{sign}.3f}"
    if math.isnan(found.low):
        return f"{mean} (n/a)"
    return f"{mean} ({found.low:{sign}.3f} to {found.high:{sign}.3f})"


def show_number(value: float, digits: int = 3) -> str:
    """Return a number, or `NOTHING` for NaN."""
    return NOTHING if math.isnan(value) else f"{value:.{digits}f}"


def show_bytes(value: float) -> str:
    """Return a size in megabytes of a million bytes, small ones in bytes."""
    if math.isnan(value):
        return NOTHING
    return f"{value / 1e6:,.1f} MB" if value >= 1e5 else f"{value:,.0f}"


def mean_of(values: Sequence[float]) -> float:
    """Return the mean of the values that are defined; NaN without any."""
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan


def best_mean(groups: Iterable[Sequence[float]]) -> float:
    """Return the highest mean of some groups of values; NaN where none is defined."""
    means = [mean_of(list(group)) for group in groups]
    return max((mean for mean in means if not math.isnan(mean)), default=math.nan)


_CELLS = 4_000_000
"""Weights held at once."""


def draw_macro_f1(
    confusions: Sequence[ConfusionCounts], name: str, draws: int = RESAMPLES
) -> NDArray[np.float64]:
    """Draw gateways with replacement and score each draw.

    Parameters
    ----------
    confusions : sequence of ConfusionCounts
        One a gateway; those without test flows are left out.
    name : str
        Of the plan. It seeds the draws: two runs on one plan have the same gateways drawn, so
        that their draws are pairs.
    draws : int
        How many.

    Returns
    -------
    ndarray
        ``(draws,) float64`` macro-F1 over the classes that the gateways drawn have test flows
        of; all NaN for fewer than `FEWEST` gateways.

    Notes
    -----
    The cluster bootstrap: flows of a gateway are alike, and repeat, so flows drawn one by one
    would promise more than was seen (Davison and Hinkley, "Bootstrap Methods and their
    Application", 1997, section 3.8). What another seed would change is not in it.
    """
    matrices = [counts.matrix for counts in confusions if counts.total]
    count = len(matrices)
    if count < FEWEST:
        return np.full(draws, np.nan)
    flat = np.stack(matrices).reshape(count, -1).astype(np.float64)
    classes = len(matrices[0])
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    found, block = [], max(_CELLS // count, 1)
    for first in range(0, draws, block):
        times = rng.multinomial(count, np.full(count, 1 / count), min(block, draws - first))
        found.append(macro_f1_of((times @ flat).reshape(-1, classes, classes)))
    return np.concatenate(found)


def ends(draws: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the percentile interval; NaN where no draw is defined."""
    defined = draws[~np.isnan(draws)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def macro_f1_of(matrices: NDArray[Any]) -> NDArray[np.float64]:
    """Score ``(n, C, C)`` counts as `fednids.metrics.scores` does one.

    Returns
    -------
    ndarray
        ``(n,) float64`` mean F1 over the classes that there are flows of; NaN without any.
    """
    support, taken = matrices.sum(axis=2), matrices.sum(axis=1)
    either = support + taken
    right = 2.0 * np.diagonal(matrices, axis1=1, axis2=2)
    f1 = np.divide(right, either, out=np.zeros_like(right), where=either > 0)
    present = support > 0
    total, classes = np.where(present, f1, 0.0).sum(axis=1), present.sum(axis=1)
    return np.divide(total, classes, out=np.full(len(total), np.nan), where=classes > 0)


RUN_METRICS: dict[str, str] = {
    "macro_f1": "macro-F1",
    "novel_macro_f1": "macro-F1, novel flows",
    "common_macro_f1": "macro-F1 without rare classes",
    "false_alarm_rate": "benign false alarms",
    "balanced_accuracy": "balanced accuracy",
    "majority_macro_f1": "majority's macro-F1",
    "worst_gateway": "worst gateway's macro-F1",
    "mean_gateway": "mean gateway's macro-F1",
    "gateway_gap": "gap of worst to mean",
    "unseen_recall": "recall of unseen classes",
    "unseen_alarm": "alarms for unseen classes",
    "rounds_to_target": "rounds to the target",
    "bytes_to_target": "bytes to the target",
    "virtual_to_target": "virtual seconds to the target",
    "bytes": "bytes",
    "virtual_seconds": "virtual seconds",
    "seconds": "seconds",
    "attack_success": "attack success",
    "attack_over_clean": "attack success minus the clean run's",
    "attack_relative": "attack success relative to the clean run",
    "macro_f1_over_clean": "macro-F1 minus the clean run's",
}
"""What is measured of every run, and how it is called in the report."""


def measure_run(
    run: Run, target: float, *,
    cross: Mapping[str, Any] | None = None, clean: ResultRecord | None = None,
    rare: Sequence[str] = (),
) -> dict[str, float]:  # fmt: skip
    """Return all `RUN_METRICS` of a finished run.

    Parameters
    ----------
    run : Run
        The run.
    target : float
        Macro-F1 whose first round, bytes and virtual seconds are counted.
    cross : Mapping, optional
        ``cross.json`` that scores this run's detectors on all gateways.
    clean : ResultRecord, optional
        Result of its clean twin.
    rare : sequence of str
        Classes that a macro-F1 of its own leaves out.

    Returns
    -------
    dict
        By the names in `RUN_METRICS`; NaN where something is undefined, not reached or not
        measured.
    """
    result = run.result
    return {
        "macro_f1": number(result.final.macro_f1),
        "novel_macro_f1": number(result.final_novel.macro_f1),
        "common_macro_f1": result.final.macro_f1_without(rare) if rare else math.nan,
        "false_alarm_rate": number(result.final.false_alarm_rate),
        "balanced_accuracy": number(result.final.balanced_accuracy),
        "majority_macro_f1": number(result.majority.macro_f1),
        **gateway_spread(run.last_confusions, run.classes),
        "unseen_recall": _unseen(cross, result.kind, ""),
        "unseen_alarm": _unseen(cross, result.kind, "_alarm"),
        **_cost(run, target),
        **measure_attack(result, clean),
    }


def gateway_spread(confusions: Sequence[ConfusionCounts], names: Sequence[str]) -> dict[str, float]:
    """Return the lowest and the mean macro-F1 of gateways, and how far the worst is below.

    Gateways without test flows are left out; each is scored over the classes that it has test
    flows of. All NaN where there is but one gateway.
    """
    found = [scores(counts, names).macro_f1 for counts in confusions if counts.total]
    alone = len(confusions) < 2 or not found
    worst, mean = (math.nan, math.nan) if alone else (min(found), float(np.mean(found)))
    return {"worst_gateway": worst, "mean_gateway": mean, "gateway_gap": mean - worst}


def to_target(rounds: Sequence[RoundRecord], target: float) -> tuple[float, float, float]:
    """Return the cost until the first round whose macro-F1 is at least the target, as `cost_of`.

    All NaN if it is never reached.
    """
    for count, entry in enumerate(rounds, start=1):
        if number(entry.test.macro_f1) >= target:
            return cost_of(rounds[:count])
    return math.nan, math.nan, math.nan


def cost_of(rounds: Sequence[RoundRecord]) -> tuple[float, float, float]:
    """Return how many rounds, the bytes that the server sent and received, and virtual seconds.

    The seconds are NaN where a run has no virtual clock.
    """
    return (
        float(rounds[-1].round),
        float(sum(entry.bytes_down + entry.bytes_up for entry in rounds)),
        sum(number(entry.virtual_seconds) for entry in rounds),
    )


def _cost(run: Run, target: float) -> dict[str, float]:
    """Return rounds, bytes and seconds; nothing goes over a wire in the centralised arm."""
    result = run.result
    _, _, whole_virtual = cost_of(result.rounds)
    rounds, until_bytes, until_virtual = to_target(result.rounds, target)
    wired = math.nan if result.kind == "centralised" else 1.0
    return {
        "rounds_to_target": rounds,
        "bytes_to_target": until_bytes * wired,
        "virtual_to_target": until_virtual * wired,
        "bytes": sum(run.sent) * wired,
        "virtual_seconds": whole_virtual * wired,
        "seconds": result.seconds.total,
    }


def _unseen(cross: Mapping[str, Any] | None, kind: str, what: str) -> float:
    """Rate of this arm's detectors on classes that a gateway has no training flow of."""
    name = {"federated": "global", "local": "local"}.get(kind)
    if cross is None or name is None:
        return math.nan
    return number(cross.get("unseen", {}).get(f"{name}{what}"))


_NAMES = ("attack_success", "attack_over_clean", "attack_relative", "macro_f1_over_clean")


def measure_attack(result: ResultRecord, clean: ResultRecord | None) -> dict[str, float]:
    """Return the success of an attack.

    Parameters
    ----------
    result : ResultRecord
        Its `attack` has the success by attack class.
    clean : ResultRecord, optional
        That of the clean twin.

    Returns
    -------
    dict
        Means over the attack classes that have test flows; all NaN for a run without malicious
        gateways.
        ``attack_success`` is absolute, ``attack_over_clean`` minus the clean run's,
        ``attack_relative`` as `fednids.metrics.success.relative_success`, and
        ``macro_f1_over_clean`` the macro-F1 minus the clean run's, where there is one.
    """
    found = result.attack
    if not found or not found.share:
        return dict.fromkeys(_NAMES, math.nan)
    success = _rates(found.success)
    before = _clean_rates(clean, found.kind) if clean else {}
    beyond = [success[name] - before[name] for name in success if name in before]
    relative = list(relative_success(success, before).values())
    lost = math.nan
    if clean:
        lost = number(result.final.macro_f1) - number(clean.final.macro_f1)
    values = (mean_of(list(success.values())), mean_of(beyond), mean_of(relative), lost)
    return dict(zip(_NAMES, values, strict=True))


def _clean_rates(clean: ResultRecord, kind: str) -> dict[str, float]:
    """Return what a clean detector takes for benign.

    A backdoor's success is over flows with its trigger; a clean run that was not shown any
    has no rate for them.
    """
    shown = clean.attack
    if shown and shown.kind == kind and shown.success:
        return _rates(shown.success)
    if find_attack(kind).trigger:
        return {}
    return attack_success(clean.final.counts(), clean.final.classes)


def _rates(found: Mapping[str, float | None]) -> dict[str, float]:
    return {name: number(rate) for name, rate in found.items()}


_SCHEMA_VERSION = 1
OF_BEST = 0.95
"""Share of the best mean macro-F1 that is the target where none is given."""


@dataclass(frozen=True)
class RankedRun:
    """A finished run, as far as ranking goes.

    Attributes
    ----------
    seed : int
        Runs of two contestants with the same seed are a pair.
    plan : str
        Fingerprint of its plan.
    metrics : Mapping[str, float]
        By the names of `RUN_METRICS`.
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
        By the names of `RUN_METRICS`.
    difference : Interval or None
        Macro-F1 minus that of the best, over seeds that both have; None for the best.
    """

    place: int
    name: str
    seeds: tuple[int, ...]
    metrics: Mapping[str, Interval]
    difference: Interval | None

    @property
    def verdict(self) -> str:
        """What the difference to the best shows; empty for the best itself."""
        if self.difference is None:
            return ""
        if math.isnan(self.difference.low):
            return "no interval"
        return self.difference.verdict

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, with NaN as None."""
        found = {name: as_json(value) for name, value in vars(self).items()}
        difference = found.pop("difference")
        return {**found, "difference_to_best": difference, "says": self.verdict}


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
        Macro-F1 to which rounds and bytes are counted.
    """

    standings: tuple[Standing, ...]
    over: Literal["seeds", "gateways"]
    target: float

    @property
    def majority(self) -> float:
        """Macro-F1 of always answering the commonest class of the training flows."""
        return mean_of([each.metrics["majority_macro_f1"].mean for each in self.standings])

    def in_words(self, standing: Standing) -> str:
        """Return the difference of a contestant to the best as a line."""
        difference = standing.difference or Interval(0.0, math.nan, math.nan, 0)
        pair = f"{standing.name} against {self.standings[0].name}"
        if not difference.count:
            return f"{pair}: no seed in common, nothing to compare"
        size = show_interval(difference, signed=True)
        seeds = f", {difference.count} seeds" if self.over == "seeds" else ""
        return f"{pair}: {standing.verdict}, {size}{seeds}"

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts, lists and numbers, with NaN as None."""
        return {
            "schema_version": _SCHEMA_VERSION,
            "over": self.over,
            "target": as_json(self.target),
            "majority_macro_f1": as_json(self.majority),
            "ranking": [each.to_json() for each in self.standings],
        }


def rank(contestants: Mapping[str, Sequence[RankedRun]], target: float) -> Ranking:
    """Put contestants in order, each with its difference to the best.

    Parameters
    ----------
    contestants : Mapping
        By the name of a strategy, an arm, or settings, at least one: its runs, at least one,
        which differ in the seed alone.
    target : float
        Macro-F1 that the runs' way to was measured to.
    """

    def place(name: str) -> tuple[bool, float]:
        macro_f1 = mean_of([run.metrics["macro_f1"] for run in contestants[name]])
        return math.isnan(macro_f1), -macro_f1

    ordered = sorted(contestants, key=place)
    seeds_enough = all(len(runs) >= FEWEST for runs in contestants.values())
    over: Literal["seeds", "gateways"] = "seeds" if seeds_enough else "gateways"
    standings = []
    for position, name in enumerate(ordered, start=1):
        runs, best = contestants[name], contestants[ordered[0]]
        pair = f"{name} {ordered[0]}"
        difference = None if position == 1 else _difference(runs, best, pair, over)
        seeds = tuple(run.seed for run in runs)
        standings.append(Standing(position, name, seeds, _metrics(name, runs, over), difference))
    return Ranking(tuple(standings), over, target)


def _metrics(name: str, runs: Sequence[RankedRun], over: str) -> dict[str, Interval]:
    values = {metric: [run.metrics[metric] for run in runs] for metric in RUN_METRICS}
    if over == "seeds":
        return {metric: interval(found, f"{name} {metric}") for metric, found in values.items()}
    plain = {
        metric: Interval(mean_of(found), math.nan, math.nan, sum(not math.isnan(v) for v in found))
        for metric, found in values.items()
    }
    drawn = np.mean([run.draws for run in runs], axis=0)
    macro = plain["macro_f1"]
    return plain | {"macro_f1": Interval(macro.mean, *ends(drawn), macro.count)}


def _difference(
    runs: Sequence[RankedRun], best: Sequence[RankedRun], name: str, over: str
) -> Interval:
    """Compare over the seeds that both have; NaN, of 0 pairs, where there is none."""
    others = {run.seed: run for run in best}
    pairs = [(run, others[run.seed]) for run in runs if run.seed in others]
    found = [a.metrics["macro_f1"] - b.metrics["macro_f1"] for a, b in pairs]
    if over == "seeds" or not pairs:
        return interval(found, name)
    drawn = np.mean([a.draws - b.draws for a, b in pairs], axis=0)
    return Interval(mean_of(found), *ends(drawn), len(found))
