"""Traffic for partitioners: labels in random order, with all columns that a scheme may need."""

from __future__ import annotations

import numpy as np

from fednids.config import PartitionConfig
from partitions import (
    PARTITIONERS,
    LabelScheme,
    PartitionPlan,
    SizeScheme,
    Traffic,
    deal_flows,
)

LABEL_SCHEMES = [n for n in PARTITIONERS.names() if isinstance(PARTITIONERS.find(n), LabelScheme)]
SIZE_SCHEMES = [
    "iid",
    *(n for n in PARTITIONERS.names() if isinstance(PARTITIONERS.find(n), SizeScheme)),
]

CLASSES = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")

SAMPLE = (899, 59_186, 116_903, 18_135, 23)
"""Flows of each class in the real sample."""


def make_labels(totals, seed=0):
    labels = np.repeat(np.arange(len(totals), dtype=np.uint8), totals)
    return np.random.default_rng(seed).permutation(labels)


def make_traffic(totals, seed=0):
    """Draw features of a few vectors that repeat, and hosts with 8 flows or so each."""
    labels = make_labels(totals, seed)
    rng = np.random.default_rng([seed % 2**32, 1])
    flows, many = len(labels), max(len(labels) // 8, 1)
    hosts = tuple(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" for i in range(many))
    return Traffic(
        labels,
        rng.integers(40, size=flows).astype(np.int32),
        np.floor(rng.lognormal(3, 2, (40, 2))),
        ("IN_BYTES", "OUT_BYTES"),
        rng.integers(many, size=flows).astype(np.int32),
        rng.integers(many, size=flows).astype(np.int32),
        hosts,
        CLASSES,
    )


def deal(scheme, traffic, gateways, seed=0, **parameters) -> PartitionPlan:
    """Deal with those of the settings that the scheme has."""
    minimum = parameters.pop("minimum", 10)
    return deal_flows(
        scheme,
        traffic,
        gateways=gateways,
        settings=PartitionConfig.read({**parameters, "scheme": scheme}, lenient=True).settings,
        minimum=minimum,
        rng=np.random.default_rng(seed),
    )


def table(scheme, totals, gateways, seed=0, **parameters):
    """Return the ``(K, C)`` counts of a scheme that needs labels alone."""
    traffic = Traffic(make_labels(totals), classes=CLASSES)
    return deal(scheme, traffic, gateways, seed, **parameters).label_counts(
        traffic.labels, len(totals)
    )
