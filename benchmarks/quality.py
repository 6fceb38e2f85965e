"""How good detectors are, over seeds: arms, gradient boosting, majority class.

``python -m benchmarks.quality --data flows.csv.gz [--seeds 5]``

Every seed draws its own split, plan and weights; the interval is Student's, 95 %.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import t

from benchmarks.harness import show
from fednids.config import Config
from fednids.experiment.execution import execute

DEAL = {"partition.gateways": 20, "partition.alpha": 0.3}
ARMS = {
    "centralised": {},
    "federated": DEAL,
    "federated by fedavg": {**DEAL, "strategy.name": "fedavg"},
}
RARE = "Theft"


def interval(values: Sequence[float]) -> dict[str, float]:
    """Give mean and half-width of the 95 % interval."""
    half = t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return {"mean": statistics.fmean(values), "half_width": half}


def numbers(final: Mapping[str, Any]) -> dict[str, float]:
    """Take the headline, and the macro-F1 without the class that has five test flows."""
    each = final["per_class"]
    common = [found["f1"] or 0.0 for name, found in each.items() if name != RARE]
    return {
        "macro_f1": final["macro_f1"],
        "macro_f1_without_theft": statistics.fmean(common),
        "benign_recall": each["Benign"]["recall"],
        "false_alarm_rate": final["false_alarm_rate"],
        "accuracy": final["accuracy"],
    }


def main() -> None:
    """Run all seeds of all arms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    given = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    for arm, settings in ARMS.items():
        for seed in range(1, given.seeds + 1):
            config = Config.resolve({"data.path": given.data, "run.seed": seed, **settings})
            with tempfile.TemporaryDirectory() as folder:
                compared = arm == "centralised"
                result = execute(
                    arm.split()[0], config, Path(folder) / "run", baselines=compared
                ).to_json()
            rows = {arm: result}
            if compared:
                majority = {"final": result["majority"], "final_novel": result["majority_novel"]}
                rows |= {"boosting": result["baselines"]["boosting"], "majority": majority}
            for name, row in rows.items():
                found.setdefault(name, []).append(numbers(row["final"]))
                found.setdefault(f"{name}, novel flows", []).append(numbers(row["final_novel"]))
    table = {
        name: {key: interval([row[key] for row in rows]) for key in rows[0]}
        for name, rows in found.items()
    }
    show("quality", {"seeds": given.seeds, "arms": table})


if __name__ == "__main__":
    main()
