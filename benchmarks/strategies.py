"""Aggregation of 1,000 updates of 100,000 weights by every strategy; Flower's class beside ours.

``python -m benchmarks.strategies [--repeats 3] [--updates 1000] [--weights 100000]``

Each strategy and side is measured in a process of its own: seconds from the first update
added to the new weights, and MiB by which the process grows over the round, with what holds
the updates. Flower's class gets the same updates as messages, which are made before.
``ratio_*`` is its seconds ÷ ours, measured in turn, and ``ratio_memory_*`` the same of memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from flwr.app import ConfigRecord
from flwr.serverapp import strategy as flower

from benchmarks.harness import show, spread
from fednids.algorithms import RoundStart, find_algorithm
from fednids.algorithms.flower import flower_algorithm
from fednids.config import Config, Section
from fednids.extensions import ALGORITHMS
from fednids.messages.records import weights_record
from fednids.messages.values import Update
from fednids.simulation.engines.base import take_identity

MALICIOUS = 200
THEIRS: dict[str, Any] = {
    "fedavg": lambda: flower.FedAvg(),
    "fedavgm": lambda: flower.FedAvgM(server_momentum=0.9),
    "fedadam": lambda: flower.FedAdam(eta=0.01),
    "fedyogi": lambda: flower.FedYogi(eta=0.01),
    "fedadagrad": lambda: flower.FedAdagrad(eta=0.01),
    "fedmedian": lambda: flower.FedMedian(),
    "fedtrimmedavg": lambda: flower.FedTrimmedAvg(beta=0.2),
    "krum": lambda: flower.Krum(num_malicious_nodes=MALICIOUS),
    "multikrum": lambda: flower.MultiKrum(
        num_malicious_nodes=MALICIOUS, num_nodes_to_select=1000 - MALICIOUS
    ),
    "bulyan": lambda: flower.Bulyan(num_malicious_nodes=MALICIOUS),
    "qfedavg": lambda: flower.QFedAvg(1.0, q=0.2, train_loss_key="start-loss"),
}


def main() -> None:
    """Measure all strategies, each side in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--updates", type=int, default=1000)
    parser.add_argument("--weights", type=int, default=100_000)
    parser.add_argument("--only", help="one strategy and side, as name:ours; for this script")
    parser.add_argument("--json", action="store_true", help="the only form there is")
    asked = parser.parse_args()
    if asked.only:
        print(json.dumps(measure(*asked.only.split(":"), asked.updates, asked.weights)))
        return
    found: dict[str, Any] = {"updates": asked.updates, "weights": asked.weights}
    for name in ALGORITHMS.names():
        sides = ["ours", "theirs"] if name in THEIRS else ["ours"]
        pairs = [
            [apart(name, side, asked.updates, asked.weights) for side in sides]
            for _ in range(asked.repeats)
        ]
        for place, side in enumerate(sides):
            found[f"{name}_{side}"] = {
                key: spread([pair[place][key] for pair in pairs]) for key in ("seconds", "mib")
            }
        if len(sides) == 2:
            for key, label in (("seconds", "ratio"), ("mib", "ratio_memory")):
                ratios = [pair[1][key] / max(pair[0][key], 1e-9) for pair in pairs]
                found[f"{label}_{name}"] = statistics.median(ratios)
    show("strategies", found)


def apart(name: str, side: str, updates: int, weights: int) -> dict[str, float]:
    """Measure in a fresh process, whose peak is its own."""
    command = [sys.executable, "-m", "benchmarks.strategies", "--only", f"{name}:{side}"]
    command += ["--updates", str(updates), "--weights", str(weights)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure(name: str, side: str, count: int, size: int) -> dict[str, float]:
    """Time one aggregation, and give by how many MiB the process grew over it."""
    take_identity()
    rng = np.random.default_rng(1)
    start = rng.standard_normal(size, np.float32)
    if side == "ours":
        return _ours(name, count, start, rng)
    strategy = THEIRS[name]()
    list(strategy.configure_train(1, weights_record(start), ConfigRecord(), _Nodes(count)))
    whole = flower_algorithm(lambda: strategy)(Section(), count).begin(RoundStart(1, start))
    for place in range(count):
        whole.add(_update(place, start, rng))
    before, began = _peak(), time.perf_counter()
    whole.finish()
    return {"seconds": time.perf_counter() - began, "mib": _peak() - before + _held(count, size)}


def _ours(name: str, count: int, start: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Add updates as they come; making them, and what the server trains, is not counted."""
    malicious = min(MALICIOUS, (count - 3) // 4)
    settings = {"strategy.name": name, "strategy.malicious": malicious}
    config = Config.resolve({**settings, "partition.gateways": count}, lenient=True)
    algorithm = find_algorithm(config)
    clean = start + np.float32(0.1) if algorithm.clean_flows else None
    detectors = getattr(algorithm.settings, "clusters", 1)
    weights = np.tile(start, detectors)
    state = algorithm.initial_state(len(weights))
    before, began = _peak(), time.perf_counter()
    whole = algorithm.begin(RoundStart(1, weights, state, range(count), clean))
    spent = time.perf_counter() - began
    for place in range(count):
        update = _update(place, start, rng, algorithm.returns)
        update = replace(update, choice=place % detectors)
        began = time.perf_counter()
        whole.add(update)
        spent += time.perf_counter() - began
    began = time.perf_counter()
    whole.finish()
    return {"seconds": spent + time.perf_counter() - began, "mib": _peak() - before}


class _Nodes:
    """A Grid that lists nodes, for Flower's strategies."""

    def __init__(self, count: int):
        self._count = count

    def get_node_ids(self) -> range:
        return range(1, self._count + 1)


def _update(
    place: int, start: np.ndarray, rng: np.random.Generator, extras: Sequence[str] = ()
) -> Update:
    weights = start + np.float32(0.1) * rng.standard_normal(len(start), np.float32)
    beside = dict.fromkeys(extras, weights - start)
    return Update(place, weights, 1 + place % 100, 1, 0.5, 0.0, 0.0, 0.5, beside)


def _peak() -> float:
    """Give the most memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _held(count: int, size: int) -> float:
    """Give the MiB of the messages that a strategy of Flower's is given."""
    return count * size * 4 / 2**20


if __name__ == "__main__":
    main()
