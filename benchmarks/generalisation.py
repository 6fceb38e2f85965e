"""How detectors fare on hosts, pieces of the file, classes and gateways that they never saw.

``python -m benchmarks.generalisation --data flows.csv.gz [--flows 60000] [--seeds 3]``

Every seed draws its own flows, split, plan and weights. Majority's scores stand beside.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import show
from fednids.config import Config
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.experiment.execution import execute

SPLITS = ("stratified", "grouped", "hosts", "blocks")
GATEWAYS: Mapping[str, Mapping[str, object]] = {
    "iid": {"partition.scheme": "iid"},
    "dirichlet 0.3": {"partition.scheme": "dirichlet", "partition.alpha": 0.3},
}
HELD_GATEWAYS = 3

Numbers = Mapping[str, float | None]


def of_split(result: Mapping[str, Any]) -> Numbers:
    """Take the headline and the majority's."""
    final, majority = result["final"], result["majority"]
    return {
        "macro_f1": final["macro_f1"],
        "false_alarm_rate": final["false_alarm_rate"],
        "binary_macro_f1": _binary_macro_f1(final),
        "majority_macro_f1": majority["macro_f1"],
        "majority_binary_macro_f1": _binary_macro_f1(majority),
    }


def _binary_macro_f1(found: Mapping[str, Any]) -> float:
    """Give the mean of attack's and benign's F1."""
    benign = found["per_class"][NF_BOT_IOT.benign]["f1"]
    return statistics.fmean([found["binary"]["f1"] or 0.0, benign or 0.0])


def of_class(result: Mapping[str, Any]) -> Numbers:
    """Take how the class that was held out is seen."""
    unseen = result["unseen"]
    rejected = {
        f"{name}_{key}": value
        for name, found in unseen["rejection"].items()
        for key, value in found.items()
    }
    return {
        "alarms": unseen["alarms"],
        "false_alarm_rate": result["final"]["false_alarm_rate"],
        **{f"taken_for_{name}": share for name, share in unseen["taken_for"].items()},
        **rejected,
    }


def of_gateways(result: Mapping[str, Any]) -> Numbers:
    """Take the scores at gateways that trained, and at those that did not."""
    found = result["unseen_gateways"]
    return {
        f"{side}_{key}": found[side][key]
        for side in ("seen", "unseen")
        for key in ("macro_f1", "false_alarm_rate")
    }


def spread(each: Sequence[Numbers]) -> dict[str, dict[str, float]]:
    """Give least, mean and most of every number over seeds."""
    found = {}
    for name in each[0]:
        values = [value for numbers in each if (value := numbers[name]) is not None]
        if values and not any(map(math.isnan, values)):
            mean = statistics.fmean(values)
            found[name] = {"least": min(values), "mean": mean, "most": max(values)}
    return found


def main() -> None:
    """Run all seeds of all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--flows", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    given = parser.parse_args()
    base = {"data.path": given.data, "data.flows": given.flows, "run.engine": "inprocess"}
    base |= {"federation.rounds": given.rounds, "strategy.name": "fedavg"}

    def run(arm: str, settings: Mapping[str, object], take: Any) -> dict[str, Any]:
        each = []
        for seed in range(1, given.seeds + 1):
            config = Config.resolve({**base, "run.seed": seed, **settings})
            with tempfile.TemporaryDirectory() as folder:
                each.append(take(execute(arm, config, Path(folder) / "run")))
        return spread(each)

    held = {"partition.unseen_gateways": HELD_GATEWAYS}
    show(
        "generalisation",
        {
            "splits": {s: run("centralised", {"data.split": s}, of_split) for s in SPLITS},
            "classes": {
                name: run("centralised", {"data.unseen": name}, of_class)
                for name in NF_BOT_IOT.classes[1:]
            },
            "gateways": {
                name: run("federated", {**settings, **held}, of_gateways)
                for name, settings in GATEWAYS.items()
            },
        },
    )


if __name__ == "__main__":
    main()
