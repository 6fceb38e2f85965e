"""Windows scored per second, and how long one window waits for its answer.

``python -m benchmarks.detect [--repeats 7]``

The default network on v1's 86 features, in one process; windows of 10 flows.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.harness import seconds, show, spread
from benchmarks.ours_steps import trainer_of
from fednids.config import Config
from fednids.flows.windows import Windows

WINDOWS, VECTORS, FEATURES, ONES = 65_536, 8_745, 86, 200


def main() -> None:
    """Score many, then one at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    repeats = parser.parse_args().repeats
    trainer, rng = trainer_of(Config(), FEATURES, VECTORS, 1), np.random.default_rng(3)
    weights = trainer.architecture.initial_weights(rng)

    def windows(count: int) -> Windows:
        order = rng.integers(VECTORS, size=count).astype(np.int32)
        return Windows(order, np.zeros(count, np.int32))

    many, one = windows(WINDOWS), windows(10)
    last = Windows(one.order[-1:], one.labels[-1:])
    for each in (many, last):
        trainer.score(weights, each)
    rates = [WINDOWS / taken for taken in seconds(lambda: trainer.score(weights, many), repeats)]
    waits = seconds(lambda: trainer.score(weights, last), ONES)
    milliseconds = np.array(waits) * 1e3
    show(
        "detect",
        {
            "windows_per_second": spread(rates),
            "milliseconds_for_one": {
                "median": float(np.median(milliseconds)),
                "p95": float(np.quantile(milliseconds, 0.95)),
            },
        },
    )


if __name__ == "__main__":
    main()
