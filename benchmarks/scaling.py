"""How much faster two workers are than one, when every gateway trains for 0.1 s or more.

``python -m benchmarks.scaling [--repeats 3]``
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from benchmarks.harness import show, spread
from benchmarks.whole import toy

GATEWAYS, FLOWS, ROUNDS = 16, 8_000, 4


def main() -> None:
    """Run one and two workers in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    repeats = parser.parse_args().repeats
    rounds: dict[int, list[float]] = {1: [], 2: []}
    each: list[float] = []
    for _ in range(repeats):
        for workers, taken in rounds.items():
            ran: dict[str, Any] = toy(
                gateways=GATEWAYS, flows=FLOWS, rounds=ROUNDS, batch=128, workers=workers, stack=1
            )
            taken.append(statistics.median(ran["round_seconds"][1:]))
            each += [seconds / GATEWAYS for seconds in ran["working_seconds"][1:]]
    pairs = zip(rounds[1], rounds[2], strict=True)
    found = {f"round_seconds_{workers}": spread(taken) for workers, taken in rounds.items()}
    ratio = statistics.median([one / two for one, two in pairs])
    show("scaling", {**found, "seconds_per_gateway": spread(each), "ratio_two_workers": ratio})


if __name__ == "__main__":
    main()
