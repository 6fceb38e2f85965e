"""What a client costs beside its training: seconds, and memory while it is idle.

``python -m benchmarks.overhead [--repeats 3]``

Gateways have one flow each. The overhead of a client-training is a round's time less the time
inside the trainer, over the number of participants: messages, checks, records, aggregation.
Of 10,000 gateways a tenth takes part in a round; their idle memory is what the peak grows by
over 1,000 gateways that all take part.
"""

from __future__ import annotations

import argparse
import statistics
from typing import Any

from benchmarks.harness import show, spread
from benchmarks.whole import toy

FLEETS = {10: 1.0, 100: 1.0, 1000: 1.0, 10_000: 0.1}
ROUNDS = 6


def overheads(found: dict[str, Any], participants: int) -> list[float]:
    """Give the milliseconds per client-training of each round but the first."""
    pairs = zip(found["round_seconds"][1:], found["working_seconds"][1:], strict=True)
    return [1e3 * (whole - working) / participants for whole, working in pairs]


def main() -> None:
    """Measure all fleets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    repeats = parser.parse_args().repeats
    found: dict[str, Any] = {}
    peaks: dict[int, list[int]] = {}
    for gateways, fraction in FLEETS.items():
        taken = []
        for _ in range(repeats):
            ran = toy(
                gateways=gateways, flows=1, rounds=ROUNDS, batch=32, fraction=fraction,
                engine="inprocess",
            )  # fmt: skip
            taken += overheads(ran, round(gateways * fraction))
            peaks.setdefault(gateways, []).append(ran["peak_kb"])
        found[f"gateways_{gateways}"] = {
            "milliseconds_per_training": spread(taken),
            "peak_kb": spread(peaks[gateways]),
        }
    idle = statistics.median(peaks[10_000]) - statistics.median(peaks[1000])
    show("overhead", {**found, "kb_per_idle_gateway": idle / 9000})


if __name__ == "__main__":
    main()
