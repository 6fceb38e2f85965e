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
    "seconds": "seconds",
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


def measure_run(
    folder: Path, result: Mapping[str, Any], *, target: float, cross: Mapping[str, Any] | None
) -> dict[str, float]:
    """Give all `METRICS` of a finished run.

    Parameters
    ----------
    folder : Path
        The run folder.
    result : Mapping
        Its ``result.json``.
    target : float
        Macro-F1 whose first round and bytes are told.
    cross : Mapping, optional
        ``cross.json`` that scores this run's detectors on all gateways.

    Returns
    -------
    dict
        By the names in `METRICS`; NaN where something is undefined, not reached or not
        measured.
    """
    final, kind = result["final"], result["kind"]
    spread = _gateway_spread(folder / GATEWAYS, final["classes"])
    rounds, sent = to_target(result["rounds"], target)
    if kind == "centralised":
        sent = math.nan
    return {
        "macro_f1": number(final["macro_f1"]),
        "novel_macro_f1": number(result["final_novel"]["macro_f1"]),
        "false_alarm_rate": number(final["false_alarm_rate"]),
        "balanced_accuracy": number(final["balanced_accuracy"]),
        "majority_macro_f1": number(result["majority"]["macro_f1"]),
        "worst_gateway": spread.worst,
        "mean_gateway": spread.mean,
        "gateway_gap": spread.gap,
        "unseen_recall": _unseen(cross, kind, ""),
        "unseen_alarm": _unseen(cross, kind, "_alarm"),
        "rounds_to_target": rounds,
        "bytes_to_target": sent,
        "seconds": number(result["seconds"]["total"]),
    }


def gateway_spread(confusions: Sequence[ConfusionCounts], names: Sequence[str]) -> GatewaySpread:
    """Score gateways one by one; those without test flows are left out."""
    found = [scores(counts, names).macro_f1 for counts in confusions if counts.total]
    if len(confusions) < 2 or not found:
        return GatewaySpread(math.nan, math.nan)
    return GatewaySpread(min(found), float(np.mean(found)))


def to_target(rounds: Sequence[Mapping[str, Any]], target: float) -> tuple[float, float]:
    """Give the first round whose macro-F1 is at least the target, and all bytes until then.

    Returns
    -------
    tuple of float
        Round from 1, and bytes sent and received by the server; NaN if never reached.
    """
    sent = 0
    for entry in rounds:
        sent += entry["bytes_down"] + entry["bytes_up"]
        if number(entry["test"]["macro_f1"]) >= target:
            return float(entry["round"]), float(sent)
    return math.nan, math.nan


def number(value: float | None) -> float:
    """Read a rate from JSON, where NaN is null."""
    return math.nan if value is None else float(value)


def _gateway_spread(path: Path, names: Sequence[str]) -> GatewaySpread:
    """Read the last round of ``gateways.parquet``."""
    table = pq.read_table(path, columns=["round", "confusion"]).to_pylist()
    last = max(row["round"] for row in table)
    size = len(names)
    matrices = [np.array(row["confusion"], np.int64) for row in table if row["round"] == last]
    return gateway_spread([ConfusionCounts(m.reshape(size, size)) for m in matrices], names)


def _unseen(cross: Mapping[str, Any] | None, kind: str, what: str) -> float:
    """Rate of this arm's detectors on classes that a gateway has no training flow of."""
    name = {"federated": "global", "local": "local"}.get(kind)
    if cross is None or name is None:
        return math.nan
    return number(cross.get("unseen", {}).get(f"{name}{what}"))
