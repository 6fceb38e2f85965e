"""Small made-up flow files of the data sets that share NF-BoT-IoT's columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flow_factory import CLASSES, Version, random_table

from fednids.flows.files.writing import write_flows

NAMES: dict[str, tuple[str, ...]] = {
    "NF-BoT-IoT": CLASSES,
    "NF-ToN-IoT": ("Benign", "ddos", "dos", "scanning", "xss"),
    "NF-UNSW-NB15": ("Benign", "Exploits", "DoS", "Reconnaissance", "Fuzzers"),
    "NF-CSE-CIC-IDS2018": (
        "Benign",
        "DDoS attacks-LOIC-HTTP",
        "DoS attacks-Hulk",
        "Bot",
        "FTP-BruteForce",
    ),
}
"""What stands in ``Attack`` in place of the five classes."""


def write_domain(
    path: Path, domain: str, *, flows: int = 300, seed: int = 0, version: Version = "v1"
) -> Path:
    """Write flows of a data set as CSV."""
    write_flows(random_table(np.random.default_rng(seed), flows, version), path)
    header, *lines = path.read_text().splitlines()
    place = header.split(",").index("Attack")
    names, renamed = dict(zip(CLASSES, NAMES[domain], strict=True)), [header]
    for line in lines:
        cells = line.split(",")
        cells[place] = names[cells[place]]
        renamed.append(",".join(cells))
    path.write_text("\n".join(renamed) + "\n")
    return path
