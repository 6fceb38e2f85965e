"""Which network, and which way against imbalance: a search on validation flows.

``python -m benchmarks.search --data flows.csv.gz [--json]``

1. Screening, one seed: every network, training and loss of `benchmarks.search_space` beside the
   default, and seeded random networks of at most a quarter of the default's parameters.
2. Finalists, ``--seeds`` seeds, each with a split, weights and validation flows of its own: the
   default, the losses, the best of the others and the best small networks. Differences to the
   default are within a seed.
3. Time: training windows a second of the finalists, in turn within one process bound to one
   processor; the ratio is the median of default ÷ finalist, pair by pair.

Screening ranks by macro-F1 without the class that has two validation flows. No test flow is
read: `benchmarks.validation`.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.harness import show
from benchmarks.search_space import LOSSES, NETWORKS, TRAININGS, Settings, lite_networks
from fednids.config import Config
from fednids.datasets.federated import FederatedDataset

DEFAULT = "default"
OTHERS = NETWORKS | TRAININGS
_SCORES = ("macro_f1", "novel_macro_f1", "common", "novel_common", "false_alarms")


def screen(base: Settings, candidates: Mapping[str, Settings]) -> dict[str, dict[str, float]]:
    """Train every candidate once."""
    found = {}
    for name, settings in candidates.items():
        found[name] = measured({**base, **settings}, name)
    return found


def finals(
    base: Settings, candidates: Mapping[str, Settings], seeds: Iterable[int]
) -> dict[str, dict[str, list[float]]]:
    """Train every finalist with every seed, seed by seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in seeds:
        for name, settings in candidates.items():
            row = measured({**base, **settings, "run.seed": seed}, f"{name}, seed {seed}")
            for key, value in row.items():
                found.setdefault(name, {}).setdefault(key, []).append(value)
    return found


def measured(settings: Settings, said: str) -> dict[str, float]:
    """Train once, and say so."""
    from benchmarks.validation import trained

    found = asdict(trained(settings))
    shown = ", ".join(f"{key} {value:.4g}" for key, value in found.items())
    print(f"{said}: {shown}", file=sys.stderr, flush=True)
    return found


def compared(found: Mapping[str, Mapping[str, list[float]]]) -> dict[str, Any]:
    """Give means over seeds, and the mean and the extremes of differences to the default."""
    table: dict[str, Any] = {}
    for name, rows in found.items():
        less = {
            key: [a - b for a, b in zip(rows[key], found[DEFAULT][key], strict=True)]
            for key in _SCORES
        }
        table[name] = {key: statistics.fmean(values) for key, values in rows.items()} | {
            "difference": {k: [min(v), statistics.fmean(v), max(v)] for k, v in less.items()}
        }
    return table


def best(rows: Mapping[str, Mapping[str, float]], names: Iterable[str], number: int) -> list[str]:
    """Name the best by macro-F1 without the rare class."""
    return sorted(names, key=lambda name: -rows[name]["common"])[:number]


def chosen(
    screened: Mapping[str, Mapping[str, float]],
    drawn: Mapping[str, Settings],
    others: int,
    small: int,
) -> dict[str, Settings]:
    """Choose the finalists: small networks only if they train in a quarter of the time."""
    most = screened[DEFAULT]["processor_seconds"] / 4
    fast = [name for name in drawn if screened[name]["processor_seconds"] <= most]
    names = best(screened, OTHERS, others) + best(screened, fast, small)
    known = OTHERS | dict(drawn)
    return {DEFAULT: {}} | {name: known[name] for name in names} | LOSSES


def settle() -> None:
    """Bind what computes to one processor and move out of its way, as a worker does."""
    processors = os.sched_getaffinity(0)
    own = max(processors)
    os.sched_setaffinity(0, {own})
    from fednids.training import trainer as training  # noqa: F401 - starts the thread that computes

    os.sched_setaffinity(0, processors - {own} or {own})


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--flows", type=int, default=60_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--screening-rounds", type=int, default=3)
    parser.add_argument("--drawn", type=int, default=20, help="random small networks")
    parser.add_argument("--others", type=int, default=2, help="finalists of the whole networks")
    parser.add_argument("--small", type=int, default=4, help="finalists of the small ones")
    parser.add_argument("--json", action="store_true", help="the only form there is")
    return parser.parse_args()


def main() -> None:
    """Screen, judge the finalists, time them."""
    given = arguments()
    settle()
    from benchmarks.search_time import times

    base: dict[str, object] = {"data.path": given.data, "data.flows": given.flows}
    features = len(FederatedDataset.open(Config.resolve(base)).flows.features)
    drawn = lite_networks(given.drawn, features, np.random.default_rng(1))
    short = base | {"federation.rounds": given.screening_rounds}
    screened = screen(short, {DEFAULT: {}} | OTHERS | drawn)
    finalists = chosen(screened, drawn, given.others, given.small)
    rounds = base | {"federation.rounds": given.rounds}
    table = compared(finals(rounds, finalists, range(1, given.seeds + 1)))
    timed = {name: each for name, each in finalists.items() if name not in LOSSES}
    found = {"settings": finalists, "screened": screened, "finalists": table}
    show("search", found | {"times": times(base, timed)})


if __name__ == "__main__":
    main()
