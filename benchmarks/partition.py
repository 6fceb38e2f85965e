"""Dealing 600,100 flows to 1,000 gateways, by every partitioner.

``python -m benchmarks.partition [--repeats 5]``
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.harness import seconds, show, spread
from fednids.flows.synthetic.synthesis import synthesise
from fednids.seeding import Stream, generator
from partitions import PARTITIONERS, PartitionParameters, deal_flows

FLOWS, GATEWAYS = 600_100, 1000


def main() -> None:
    """Time all partitioners."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    repeats = parser.parse_args().repeats
    labels = np.asarray(synthesise(FLOWS, generator(1, Stream.SYNTHETIC)).attack)
    parameters = PartitionParameters(alpha=0.3, classes_per_gateway=2, minimum=10)
    found = {}
    for name in PARTITIONERS:
        rng = np.random.default_rng(1)

        def deal(name: str = name, rng: np.random.Generator = rng) -> object:
            return deal_flows(name, labels, gateways=GATEWAYS, parameters=parameters, rng=rng)

        found[name] = spread(seconds(deal, repeats))
    show("partition", {"flows": FLOWS, "gateways": GATEWAYS, "seconds": found})


if __name__ == "__main__":
    main()
