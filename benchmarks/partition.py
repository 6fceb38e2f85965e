"""Dealing 600,100 flows to 1,000 gateways, by every partitioner; flwr-datasets beside it.

``python -m benchmarks.partition [--repeats 5]``

Flows are synthetic with all columns; since they have few hosts, each gets one of 5,000
addresses, so that ``host`` has 1,000 gateways to fill. flwr-datasets is timed where it is
importable (``pip install -e '.[compare]'``): what it does before its first partition is
there, against all of ours, in turn, so ``ratio_*`` is theirs ÷ ours. Its Dirichlet fails
with small alpha or a minimum here, so it gets alpha 0.5 and none.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.harness import in_turn, seconds, show, spread
from fednids.config import PartitionConfig, Section
from fednids.datasets.federated import traffic_of
from fednids.flows.prepared import prepare_table
from fednids.flows.synthetic.synthesis import synthesise
from fednids.seeding import Stream, generator
from partitions import PARTITIONERS, Traffic, deal_flows

FLOWS, GATEWAYS, HOSTS = 600_100, 1000, 5000
PEERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "iid": ("IidPartitioner", {}, {}),
    "dirichlet": (
        "DirichletPartitioner",
        {"partition_by": "label", "alpha": 0.5, "min_partition_size": 0},
        {"alpha": 0.5},
    ),
    "pathological": (
        "PathologicalPartitioner",
        {"partition_by": "label", "num_classes_per_partition": 2},
        {"classes_per_gateway": 2},
    ),
}
"""Their class, its settings, and ours."""


def main() -> None:
    """Time all partitioners."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    repeats = parser.parse_args().repeats
    traffic = make_traffic()
    found: dict[str, Any] = {"flows": FLOWS, "gateways": GATEWAYS, "seconds": {}}
    for name in PARTITIONERS.names():
        own = PartitionConfig.read({"scheme": name, "alpha": 0.3}, lenient=True).settings
        found["seconds"][name] = spread(seconds(dealer(name, traffic, own), repeats))
    found["slowest"] = max(each["median"] for each in found["seconds"].values())
    if importlib.util.find_spec("flwr_datasets"):
        found |= compare(traffic, repeats)
    show("partition", found)


def make_traffic() -> Traffic:
    """Make flows with all columns and many hosts."""
    table = synthesise(FLOWS, generator(1, Stream.SYNTHETIC))
    flows = prepare_table(table, "v1", path="synthetic", sha256="0" * 64, synthetic=True)
    given, rng = traffic_of(flows, "v1"), np.random.default_rng(2)
    hosts = tuple(f"10.0.{i >> 8}.{i & 255}" for i in range(HOSTS))
    ends = rng.integers(HOSTS, size=(2, FLOWS)).astype(np.int32)
    return Traffic(given.labels, given.vector, given.features, given.names, *ends, hosts)


def dealer(
    name: str, traffic: Traffic, settings: Section | dict[str, object], minimum: int = 10
) -> Callable[[], object]:
    """Give a call that deals once, every time with other draws."""
    rng = np.random.default_rng(1)
    return lambda: deal_flows(
        name, traffic, gateways=GATEWAYS, settings=settings, minimum=minimum, rng=rng
    )


def compare(traffic: Traffic, repeats: int) -> dict[str, Any]:
    """Time flwr-datasets' partitioners and ours in turn."""
    import datasets
    from flwr_datasets import partitioner

    table = datasets.Dataset.from_dict({"label": traffic.labels.astype(np.int64)})
    datasets.disable_progress_bars()
    found: dict[str, Any] = {}
    for name, (kind, settings, dials) in PEERS.items():

        def theirs(kind: str = kind, settings: dict[str, Any] = settings) -> object:
            made = getattr(partitioner, kind)(num_partitions=GATEWAYS, **settings)
            made.dataset = table
            return made.load_partition(0)

        ours = dealer(name, traffic, dials, minimum=0)
        timed = in_turn(ours, theirs, repeats)
        found[f"ratio_{name}"] = timed.pop("ratio")
        found[f"beside_flwr_datasets_{name}"] = timed
    return found


if __name__ == "__main__":
    main()
