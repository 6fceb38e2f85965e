"""``result.json``: everything that a run found out, in one place."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fednids import __version__
from fednids.config import Config
from fednids.metrics import ConfusionCounts, majority_counts, scores
from fednids.runs.attack import attack_rates
from fednids.runs.curves import curve_record, threshold_record
from fednids.runs.facts import Facts
from fednids.runs.rounds import Outcome, Round
from fednids.simulation.adversaries.malicious import MaliciousClients

SCHEMA_VERSION = 1
_PACKAGES = ("flwr", "mindspore", "numpy", "pandas", "pyarrow", "scikit-learn")


@dataclass
class Clock:
    """Seconds spent so far; an observer that adds up what rounds report.

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

    def round_ended(self, ended: Round, weights: Sequence[Any]) -> None:
        """Add a round."""
        self.compile += sum(update.compile_seconds for update in ended.updates)
        self.compile += sum(evaluation.compile_seconds for evaluation in ended.evaluations)
        self.train += ended.train_seconds
        self.evaluate += ended.evaluate_seconds


def build_result(
    kind: str,
    config: Config,
    facts: Facts,
    outcome: Outcome,
    rounds: Sequence[Mapping[str, Any]],
    clock: Clock,
    total_seconds: float,
) -> dict[str, Any]:
    """Put the result of a finished run together.

    Parameters
    ----------
    kind : str
        The arm.
    config, facts, outcome
        What was run, on what, and what came of it; with at least one round.
    rounds : Sequence[Mapping]
        All rounds as JSON, those before a resume included.
    clock, total_seconds
        Time spent.
    """
    last = outcome.last
    if last is None:
        raise ValueError("expected an outcome with a last round, got none")
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": kind,
        "judged": "personal" if outcome.personal else "global",
        "data": facts.data(),
        "seed": config.run.seed,
        "versions": _versions(),
        "settings": config.flat(),
        "model": {
            "parameters": outcome.architecture.size,
            "published_parameters": outcome.architecture.published_size,
            "bytes": 4 * outcome.architecture.size,
        },
        "partition": facts.partition(),
        "rounds": list(rounds),
        "final": {
            **_scores(last.counts, facts),
            **curve_record(last.curves("all"), facts.classes),
        },
        "final_novel": {
            **_scores(last.novel, facts),
            **curve_record(last.curves("novel"), facts.classes),
        },
        **threshold_record(last, config.run.false_alarms, facts.classes),
        "majority": _scores(majority_counts(facts.trained, last.counts.support), facts),
        "majority_novel": _scores(majority_counts(facts.trained, last.novel.support), facts),
        "seconds": {**asdict(clock), "total": total_seconds},
        **_attack(config, facts, last),
    }


def _attack(config: Config, facts: Facts, last: Round) -> dict[str, Any]:
    """Say who lied, how, and how far it got; nothing without an attack."""
    if last.liars is None:
        return {}
    settings, liars = config.attack, MaliciousClients.of(config, facts.gateways)
    about_weights = liars.attack.independent or liars.attack.colluding
    found = {
        "kind": settings.kind,
        "share": settings.share,
        "schedule": settings.schedule,
        "strength": liars.strength or None if about_weights else None,
        "poisoned": liars.poisoned if liars.attack.poison else None,
        "liars": list(liars.ids),
        **attack_rates(last.counts, last.triggered, facts.classes),
    }
    return {"attack": found}


def _scores(counts: ConfusionCounts, facts: Facts) -> dict[str, Any]:
    return scores(counts, facts.classes).to_json()


def _versions() -> dict[str, str]:
    found = {"fednids": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
