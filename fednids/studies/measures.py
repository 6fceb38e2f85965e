"""What a finished run says for the report: one flat row of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from fednids.metrics import ConfusionCounts, scores
from fednids.runs.folder import GATEWAYS
from fednids.studies.statistics import number
from fednids.studies.success import measure_attack

METRICS: dict[str, str] = {
    "macro_f1": "macro-F1",
    "novel_macro_f1": "macro-F1, novel flows",
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


@dataclass(frozen=True)
class GatewaySpread:
    """How gateways fare one by one; NaN where there is but one.

    Attributes
    ----------
    worst, mean : float
        Lowest and mean macro-F1 over the gateways with test flows, each over the classes
        that it has test flows of.
    """

    worst: float
    mean: float

    @property
    def gap(self) -> float:
        """How far the worst is below the mean."""
        return self.mean - self.worst


@dataclass(frozen=True)
class Beside:
    """What a run is measured against.

    Attributes
    ----------
    target : float
        Macro-F1 whose first round, bytes and virtual seconds are told.
    cross : Mapping, optional
        ``cross.json`` that scores this run's detectors on all gateways.
    clean : Mapping, optional
        ``result.json`` of its clean twin.
    """

    target: float
    cross: Mapping[str, Any] | None = None
    clean: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Cost:
    """What some rounds cost.

    Attributes
    ----------
    rounds : float
        How many.
    sent : float
        Bytes that the server sent and received.
    virtual : float
        Seconds on the virtual clock; NaN where a run has none.
    """

    rounds: float
    sent: float
    virtual: float


def measure_run(folder: Path, result: Mapping[str, Any], beside: Beside) -> dict[str, float]:
    """Give all `METRICS` of a finished run.

    Parameters
    ----------
    folder : Path
        The run folder.
    result : Mapping
        Its ``result.json``.
    beside : Beside
        What it is measured against.

    Returns
    -------
    dict
        By the names in `METRICS`; NaN where something is undefined, not reached or not
        measured.
    """
    final, kind = result["final"], result["kind"]
    spread = gateway_spread(last_confusions(folder, len(final["classes"])), final["classes"])
    return {
        "macro_f1": number(final["macro_f1"]),
        "novel_macro_f1": number(result["final_novel"]["macro_f1"]),
        "false_alarm_rate": number(final["false_alarm_rate"]),
        "balanced_accuracy": number(final["balanced_accuracy"]),
        "majority_macro_f1": number(result["majority"]["macro_f1"]),
        "worst_gateway": spread.worst,
        "mean_gateway": spread.mean,
        "gateway_gap": spread.gap,
        "unseen_recall": _unseen(beside.cross, kind, ""),
        "unseen_alarm": _unseen(beside.cross, kind, "_alarm"),
        **_cost(result, beside.target),
        **measure_attack(result, beside.clean),
    }


def gateway_spread(confusions: Sequence[ConfusionCounts], names: Sequence[str]) -> GatewaySpread:
    """Score gateways one by one; those without test flows are left out."""
    found = [scores(counts, names).macro_f1 for counts in confusions if counts.total]
    if len(confusions) < 2 or not found:
        return GatewaySpread(math.nan, math.nan)
    return GatewaySpread(min(found), float(np.mean(found)))


def to_target(rounds: Sequence[Mapping[str, Any]], target: float) -> Cost:
    """Give what is spent until the first round whose macro-F1 is at least the target.

    Returns
    -------
    Cost
        Of all rounds up to that one; NaN if it is never reached.
    """
    for count, entry in enumerate(rounds, start=1):
        if number(entry["test"]["macro_f1"]) >= target:
            return cost_of(rounds[:count])
    return Cost(math.nan, math.nan, math.nan)


def cost_of(rounds: Sequence[Mapping[str, Any]]) -> Cost:
    """Add up what rounds cost."""
    return Cost(
        float(rounds[-1]["round"]),
        float(sum(entry["bytes_down"] + entry["bytes_up"] for entry in rounds)),
        sum(number(entry.get("virtual_seconds")) for entry in rounds),
    )


def last_confusions(folder: Path, classes: int) -> list[ConfusionCounts]:
    """Read what each gateway's test flows were taken for in the last round, by partition id."""
    columns = ["round", "partition_id", "confusion"]
    table = pq.read_table(folder / GATEWAYS, columns=columns).to_pylist()
    last = max(row["round"] for row in table)
    rows = sorted((r for r in table if r["round"] == last), key=lambda r: r["partition_id"])
    matrices = (np.array(row["confusion"], np.int64) for row in rows)
    return [ConfusionCounts(matrix.reshape(classes, classes)) for matrix in matrices]


def _cost(result: Mapping[str, Any], target: float) -> dict[str, float]:
    """Give rounds, bytes and seconds; nothing goes over a wire in the centralised arm."""
    whole, until = cost_of(result["rounds"]), to_target(result["rounds"], target)
    wired = math.nan if result["kind"] == "centralised" else 1.0
    return {
        "rounds_to_target": until.rounds,
        "bytes_to_target": until.sent * wired,
        "virtual_to_target": until.virtual * wired,
        "bytes": whole.sent * wired,
        "virtual_seconds": whole.virtual * wired,
        "seconds": number(result["seconds"]["total"]),
    }


def _unseen(cross: Mapping[str, Any] | None, kind: str, what: str) -> float:
    """Rate of this arm's detectors on classes that a gateway has no training flow of."""
    name = {"federated": "global", "local": "local"}.get(kind)
    if cross is None or name is None:
        return math.nan
    return number(cross.get("unseen", {}).get(f"{name}{what}"))
