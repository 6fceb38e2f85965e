"""``result.json``: everything that a run found out, in one place."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from fednids import __version__
from fednids.config import Config
from fednids.metrics import OperatingPoint, Threshold, choose_threshold, majority_counts
from fednids.runs.facts import Facts
from fednids.runs.records import (
    SCHEMA_VERSION,
    AttackRecord,
    ModelRecord,
    OperatingRecord,
    ResultRecord,
    ScoresRecord,
    SecondsRecord,
    ThresholdRecord,
)
from fednids.runs.rounds import Outcome, Round, attack_rates
from fednids.simulation.adversaries.malicious import MaliciousClients

_FLOWS: dict[str, Literal["all", "novel", "validation"]] = {
    "validation": "validation",
    "test": "all",
    "novel": "novel",
}
"""Counts of a round's scores, by the names that they have in records."""

_PACKAGES = ("flwr", "mindspore", "numpy", "pandas", "pyarrow", "scikit-learn")


@dataclass
class RunSeconds:
    """Seconds spent so far.

    Attributes
    ----------
    prepare : float
        Reading, splitting and dealing flows.
    compile : float
        Compiling graphs, summed over processes; a part of the two phases.
    train, evaluate : float
        The two phases of all rounds.
    """

    prepare: float = 0.0
    compile: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0

    def round_ended(self, ended: Round) -> None:
        """Add a round."""
        self.compile += sum(update.compile_seconds for update in ended.updates)
        self.compile += sum(evaluation.compile_seconds for evaluation in ended.evaluations)
        self.train += ended.train_seconds
        self.evaluate += ended.evaluate_seconds

    def record(self, total: float) -> SecondsRecord:
        """Return the seconds as they stand in the result."""
        return SecondsRecord(total=total, **asdict(self))


def build_result(
    kind: str,
    config: Config,
    facts: Facts,
    outcome: Outcome,
    seconds: SecondsRecord,
    sha256: str | None = None,
    **found: Any,
) -> ResultRecord:
    """Put the result of a finished run together.

    Parameters
    ----------
    kind : str
        The arm.
    config, facts, outcome
        What was run, on what, and what came of it; with at least one round.
    seconds : SecondsRecord
        Time spent.
    sha256 : str, optional
        Of the file of the run's one detector, where it has one.
    **found
        Other entries of the result: ``rounds``, those before a resume included, and more.
    """
    last, classes = outcome.last, facts.classes
    if last is None:
        raise ValueError("expected an outcome with a last round, got none")
    if config.run.false_alarms:
        found["threshold"] = threshold_record(last, config.run.false_alarms, classes)
    if outcome.recalibration is not None:
        found["recalibration"] = outcome.recalibration
    if lost := [each for each in last.failures if each.stage == "evaluate"]:
        found["unscored"] = lost
    if last.malicious is not None:
        found["attack"] = _attack(config, facts, last)
    majority = majority_counts(facts.trained, last.counts.support)
    majority_novel = majority_counts(facts.trained, last.novel.support)
    return ResultRecord.model_validate(
        {
            "schema_version": SCHEMA_VERSION,
            "kind": kind,
            "judged": "personal" if outcome.personal else "global",
            "data": facts.data,
            "seed": config.run.seed,
            "versions": _versions(),
            "settings": config.flat(),
            "model": ModelRecord(
                parameters=outcome.architecture.size,
                published_parameters=outcome.architecture.network.published_size(),
                bytes=4 * outcome.architecture.size,
                sha256=sha256,
            ),
            "partition": facts.partition,
            "final": ScoresRecord.of(last.counts, classes, last.curves("all")),
            "final_novel": ScoresRecord.of(last.novel, classes, last.curves("novel")),
            "majority": ScoresRecord.of(majority, classes),
            "majority_novel": ScoresRecord.of(majority_novel, classes),
            "seconds": seconds,
            **found,
        }
    )


def chosen_threshold(ended: Round, wanted: float) -> Threshold | None:
    """Choose the threshold for a wanted false-alarm rate on a round's validation flows.

    None where nobody asks for one (`wanted` is 0), or no benign flow is among them.
    """
    curves = ended.curves("validation") if wanted else None
    return choose_threshold(curves.histograms, wanted) if curves else None


def threshold_record(ended: Round, wanted: float, classes: Sequence[str]) -> ThresholdRecord:
    """Return the threshold for a wanted false-alarm rate and what it leads to.

    Parameters
    ----------
    ended : Round
        The round whose detector the run ends with.
    wanted : float
        The false-alarm rate asked for.
    classes : Sequence[str]
        Names of the classes.
    """
    threshold, found = chosen_threshold(ended, wanted), dict[str, OperatingRecord]()
    for name, which in _FLOWS.items() if threshold else ():
        if threshold and (curves := ended.curves(which)):
            point = OperatingPoint.of(threshold, curves.histograms, classes)
            found[name] = OperatingRecord.model_validate(point.to_json())
    chance = None if threshold is None else threshold.chance
    return ThresholdRecord(wanted=wanted, probability=chance, **found)


def score_histograms(ended: Round, classes: Sequence[str]) -> dict[str, Any]:
    """Return all histograms, as in ``scores.json``; empty where scores were not counted."""
    found = {name: ended.curves(_FLOWS[name]) for name in ("test", "novel", "validation")}
    return {name: curves.to_json(classes) for name, curves in found.items() if curves}


def _attack(config: Config, facts: Facts, last: Round) -> AttackRecord:
    settings, malicious = config.attack, MaliciousClients.of(config, len(facts.owned))
    about_weights = malicious.attack.independent or malicious.attack.colluding
    return AttackRecord(
        kind=settings.kind,
        share=settings.share,
        schedule=settings.schedule,
        strength=malicious.strength or None if about_weights else None,
        poisoned=malicious.poisoned if malicious.attack.poison else None,
        malicious=list(malicious.ids),
        **attack_rates(last.counts, last.triggered, facts.classes),
    )


def _versions() -> dict[str, str]:
    found = {"fednids": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
