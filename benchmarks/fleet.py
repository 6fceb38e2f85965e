"""A fleet of 100 gateways, 5 rounds, against Flower's simulation, pfl-research, and a bare loop.

``python -m benchmarks.fleet [--repeats 3] [--batches 128,32] [--keep-memory]``

100 gateways with 1,000 windows of shape (10, 8); one local epoch in order, Adam at 1e-3 fresh
at each gateway and round, mean by windows; convolution 8 to 32 with kernel 3, pool 2, BiLSTM
of 64, last step, 5 classes; the same initial weights for all, so that the final losses agree.
A round's seconds are the median without the first, which compiles. With ``--keep-memory``
the peers' allocator is set to keep freed memory, which few people do (`peers/settle.py`).
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.harness import show, spread
from benchmarks.peers.environments import python_of
from benchmarks.runners import ours, theirs
from benchmarks.toy import toy_config, toy_fleet
from benchmarks.toy_peers import write_for_peers
from benchmarks.whole import run

GATEWAYS, FLOWS, ROUNDS = 100, 1000, 5
KEEP_MEMORY = "FEDNIDS_PEERS_KEEP_MEMORY"
PEERS = {"loop": ("torch", "torch_loop.py"), "pfl": ("pfl", "pfl_fleet.py")}
PEERS |= {"flower": ("flower", "flower_fleet.py")}


def commands(data: Path, batch: int) -> dict[str, list[str]]:
    """Give the command of every peer and ours."""
    arguments = ("--data", data, "--rounds", ROUNDS, "--batch", batch, "--learning-rate", 1e-3)
    found = {
        name: theirs(python_of(python), script, *arguments, "--processes", 2)
        for name, (python, script) in PEERS.items()
    }
    own = ("--gateways", GATEWAYS, "--flows", FLOWS, "--rounds", ROUNDS, "--batch", batch, "--loss")
    return {"ours": ours("benchmarks.toy_run", *own), **found}


def measure(data: Path, batch: int, repeats: int) -> dict[str, Any]:
    """Run all in turn, several times."""
    every = commands(data, batch)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in every}
    run(every["ours"])  # fills the cache of compiled graphs, as a first run does
    for _ in range(repeats):
        for name, command in every.items():
            runs[name].append(run(command))
    whole = {name: [each["whole_seconds"] for each in found] for name, found in runs.items()}
    each_round = {
        name: [statistics.median(each["round_seconds"][1:]) for each in found]
        for name, found in runs.items()
    }
    found: dict[str, Any] = {
        f"batch_{batch}": {
            name: {
                "whole_seconds": spread(whole[name]),
                "round_seconds": spread(each_round[name]),
                "final_loss": runs[name][0]["final_loss"],
            }
            for name in every
        }
    }
    for name in PEERS:
        for kind, taken in (("round", each_round), ("whole", whole)):
            pairs = zip(taken["ours"], taken[name], strict=True)
            found[f"ratio_{name}_{kind}_{batch}"] = statistics.median([b / a for a, b in pairs])
    return found


def main() -> None:
    """Measure all batch sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batches", default="128,32")
    parser.add_argument("--json", action="store_true", help="the only form there is")
    parser.add_argument("--keep-memory", action="store_true")
    given = parser.parse_args()
    if given.keep_memory:
        os.environ[KEEP_MEMORY] = "1"
    found: dict[str, Any] = {"keep_memory": given.keep_memory}
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "fleet.npz"
        write_for_peers(data, toy_config(GATEWAYS), toy_fleet(GATEWAYS, FLOWS))
        for batch in map(int, given.batches.split(",")):
            found |= measure(data, batch, given.repeats)
    show("fleet", found)


if __name__ == "__main__":
    main()
