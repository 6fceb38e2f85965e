"""What the presets are worth beside each other, on validation flows.

``python -m benchmarks.search_presets --data flows.csv.gz [--json]``

Each preset with what it brings, every seed with a split, weights and validation flows of its
own; by default seeds that `benchmarks.search` did not choose by. Then the time of each, as there.
"""

from __future__ import annotations

import argparse

from benchmarks.harness import show
from benchmarks.search import DEFAULT, compared, finals, settle
from benchmarks.search_space import Settings
from fednids.networks.cnn_bilstm.declaration import PRESETS

CANDIDATES: dict[str, Settings] = {
    name: {"model.preset": name} for name in sorted(PRESETS, key=lambda name: name != DEFAULT)
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--flows", type=int, default=60_000)
    parser.add_argument("--first", type=int, default=4, help="first seed")
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    return parser.parse_args()


def main() -> None:
    """Train every preset with every seed, time them."""
    given = arguments()
    settle()
    from benchmarks.search_time import times

    base: dict[str, object] = {"data.path": given.data, "data.flows": given.flows}
    rounds = base | {"federation.rounds": given.rounds}
    seeds = range(given.first, given.first + given.seeds)
    table = compared(finals(rounds, CANDIDATES, seeds))
    show("search_presets", {"presets": table, "times": times(base, CANDIDATES)})


if __name__ == "__main__":
    main()
