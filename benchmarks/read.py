"""Reading 600,100 flows: cold against a bare pyarrow read, and warm from the cache.

``python -m benchmarks.read [--repeats 5]``
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import pyarrow.csv

from benchmarks.harness import in_turn, seconds, show, spread
from fednids.config import DataConfig
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows
from fednids.flows.source import load_flows
from fednids.flows.synthetic.synthesis import synthesise
from fednids.seeding import Stream, generator

FLOWS = 600_100


def main() -> None:
    """Make a file of synthetic flows and read it in every way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="the only form there is")
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flows.csv"
        os.environ["FEDNIDS_CACHE"] = str(Path(folder) / "cache")
        made = seconds(lambda: synthesise(FLOWS, generator(1, Stream.SYNTHETIC)), repeats)
        write_flows(synthesise(FLOWS, generator(1, Stream.SYNTHETIC)), path)
        cold = in_turn(lambda: read_flows(path), lambda: pyarrow.csv.read_csv(path), repeats)
        data = DataConfig.model_validate({"path": str(path)})
        first = seconds(lambda: load_flows(data, 1), 1)[0]
        warm = seconds(lambda: load_flows(data, 1), repeats)
    show(
        "read",
        {
            "flows": FLOWS,
            "synthesise": spread(made),
            "csv_cold": {name: found for name, found in cold.items() if name != "ratio"},
            "ratio_csv_cold": cold["ratio"],
            "prepared_first": first,
            "prepared_warm": spread(warm),
        },
    )


if __name__ == "__main__":
    main()
