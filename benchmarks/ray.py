"""What a client costs on Ray, beside worker processes and Flower's own simulation runtime.

``python -m benchmarks.ray [--repeats 3]``; needs the extra ``ray``.

Each of 100 gateways has one flow, and trains alone (``train.stack=1``), as Flower's runtime
trains them. All have one worker a processor and a cluster of their own on this machine. The
overhead of a client-training is a round's time less that inside the trainer, which the workers
share, over the number of gateways; round 1, with its compiling, is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from typing import Any

from benchmarks.harness import show, spread
from benchmarks.runners import environment, ours

GATEWAYS, ROUNDS = 100, 6


def commands() -> dict[str, list[str]]:
    """Give a command for each engine, and for Flower's."""
    size = ("--gateways", GATEWAYS, "--rounds", ROUNDS)
    engine = ("--flows", 1, "--batch", 32, "--stack", 1, "--engine")
    found = {
        name: ours("benchmarks.toy_run", *size, *engine, name) for name in ("processes", "ray")
    }
    return {**found, "flower": ours("benchmarks.flower_run", *size)}


def ran(command: list[str]) -> dict[str, Any]:
    """Run one federation."""
    environ = {**environment(), "RAY_ADDRESS": "local"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environ, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure all in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    repeats, workers = parser.parse_args().repeats, len(os.sched_getaffinity(0))
    costs: dict[str, list[float]] = {name: [] for name in commands()}
    whole: dict[str, list[float]] = {name: [] for name in commands()}
    for _ in range(repeats):
        for name, command in commands().items():
            found = ran(command)
            pairs = zip(found["round_seconds"][1:], found["working_seconds"][1:], strict=True)
            costs[name] += [1e3 * (took - worked / workers) / GATEWAYS for took, worked in pairs]
            whole[name].append(found["seconds"])
    found = {
        name: {"milliseconds_per_training": spread(costs[name]), "seconds": spread(whole[name])}
        for name in costs
    }
    show("ray", found)


if __name__ == "__main__":
    main()
