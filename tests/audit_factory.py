"""Clean flows for audits, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from flow_factory import HOSTS, build_table
from numpy.typing import NDArray

from fednids.audit.evidence import Evidence, evidence_of
from fednids.config import DataConfig
from fednids.flows.table import FlowTable

SHARES = (0.25, 0.2, 0.2, 0.2, 0.15)
"""Of the classes in `clean_table`: none so small that its scores are luck."""

COUNTED = ("IN_BYTES", "OUT_BYTES", "FLOW_DURATION_MILLISECONDS")


def clean_table(seed: int, n: int = 1500, shift: float = 0.4) -> FlowTable:
    """Make v1 flows in random order whose three quantities tell a little of the class.

    They are continuous, so no two flows are equal; codes, packets, ports and hosts tell
    nothing. ``shift`` is by how many standard deviations neighbouring classes differ.
    """
    rng = np.random.default_rng(seed)
    attack = rng.choice(len(SHARES), n, p=SHARES)
    protocol = rng.choice([6.0, 17.0], n)
    numbers = {
        "L4_SRC_PORT": rng.integers(65_536, size=n).astype(float),
        "L4_DST_PORT": rng.integers(65_536, size=n).astype(float),
        "PROTOCOL": protocol,
        "L7_PROTO": rng.choice([0.0, 5.126, 7.0], n),
    }
    packets = {f"{way}_PKTS": rng.integers(1, 50, n).astype(float) for way in ("IN", "OUT")}
    for name in COUNTED:
        shifted = rng.permutation(len(SHARES))[attack] * shift
        numbers[name] = 1e3 + 1e3 * np.exp(rng.normal(size=n) + shifted)
    numbers |= packets
    numbers["TCP_FLAGS"] = np.where(protocol == 6, rng.integers(32, size=n), 0).astype(float)
    return build_table("v1", numbers, HOSTS, rng.integers(len(HOSTS), size=(2, n)), attack)


def evidence(
    table: FlowTable, foreign: Mapping[str, object] | None = None, seed: int = 1, **data: object
) -> Evidence:
    """Give the evidence of a table with some columns beside it."""
    series = {name: pd.Series(values) for name, values in (foreign or {}).items()}
    return evidence_of(table, series, DataConfig(path="flows.csv", **data), seed)


def changed(table: FlowTable, **numbers: NDArray[np.float64]) -> FlowTable:
    """Give the table with some columns replaced."""
    return FlowTable(
        table.spec, table.version, {**table.numbers, **numbers}, table.hosts,
        table.source, table.destination, table.attack,
    )  # fmt: skip


def mostly(values: NDArray, strength: float, seed: int, many: int) -> NDArray[np.int64]:
    """Keep each value with probability ``strength``, else draw one of ``many``."""
    rng = np.random.default_rng([seed, 9])
    kept = rng.random(len(values)) < strength
    return np.where(kept, values, rng.integers(many, size=len(values))).astype(np.int64)


def repeated(table: FlowTable, share: float, seed: int, *, spoil: bool = False) -> FlowTable:
    """Replace a share of the flows by copies of others, ``spoil`` with any class."""
    rng = np.random.default_rng([seed, 8])
    rows = np.arange(len(table))
    copies = rng.choice(len(table), round(share * len(table)), replace=False)
    originals = np.setdiff1d(rows, copies)
    rows[copies] = rng.choice(originals, len(copies))
    found = table.take(rows)
    if not spoil:
        return found
    attack = found.attack.copy()
    attack[copies] = (attack[copies] + 1) % len(SHARES)
    return FlowTable(
        found.spec, "v1", found.numbers, found.hosts, found.source, found.destination, attack
    )


def ordered(table: FlowTable, strength: float, seed: int) -> FlowTable:
    """Sort by class a share of the flows, leaving the others where they are."""
    rng = np.random.default_rng([seed, 7])
    rows = np.arange(len(table))
    places = np.sort(rng.choice(len(table), round(strength * len(table)), replace=False))
    rows[places] = places[np.argsort(table.attack[places], kind="stable")]
    return table.take(rows)
