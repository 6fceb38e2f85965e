"""Addresses, ports and names that give the class away."""

from __future__ import annotations

import re

import numpy as np
import pytest
from audit_factory import changed, clean_table, evidence, mostly
from hypothesis import given, settings
from hypothesis import strategies as st

from fednids.audit.checks import Finding, Severity, identifiers
from fednids.flows.table import FlowTable

THEFT = 4


def found_in(table, foreign=None, seed=1) -> dict[str, Finding]:
    rng = np.random.default_rng(seed)
    return {each.subject: each for each in identifiers(evidence(table, foreign), rng)}


def with_port(table: FlowTable, share: float, seed: int) -> FlowTable:
    """Let a share of the thefts go to port 4433, where no other flow goes."""
    rng = np.random.default_rng([seed, 6])
    port = table.numbers["L4_DST_PORT"].copy()
    port[port == 4433] = 4434
    port[(table.attack == THEFT) & (rng.random(len(table)) < share)] = 4433
    return changed(table, L4_DST_PORT=port)


@settings(max_examples=4)
@given(st.floats(0.1, 1), st.integers(0, 1000))
def test_a_port_of_one_class_is_found_with_its_share(share: float, seed: int) -> None:
    table = with_port(clean_table(seed, 1000), share, seed)
    found = found_in(table, seed=seed)
    assert set(found) == {"L4_DST_PORT"}
    true = float((table.numbers["L4_DST_PORT"][table.attack == THEFT] == 4433).mean())
    lift = 1000 / (table.attack == THEFT).sum()
    assert found["L4_DST_PORT"].number == pytest.approx(true)
    assert f"4433 is {true:.1%} of Theft and 0.00% of the rest" in found["L4_DST_PORT"].text
    assert f"lift {lift:,.3g}" in found["L4_DST_PORT"].text
    assert found["L4_DST_PORT"].severity is Severity.WARNING


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_host_of_one_class_is_found(strength: float) -> None:
    table = clean_table(2)
    source = mostly(table.attack, strength, 2, 10).astype(np.int32)
    hosts = FlowTable(
        table.spec, "v1", table.numbers, table.hosts, source, table.destination, table.attack
    )
    found = found_in(hosts)
    assert set(found) == {"IPV4_SRC_ADDR"}
    assert found["IPV4_SRC_ADDR"].number > strength - 0.1


def test_many_values_that_tell_a_little_each_are_found_by_the_column() -> None:
    table = clean_table(3, 3000)
    rng = np.random.default_rng(3)
    port = rng.integers(150, size=3000) * 5 + table.attack
    found = found_in(changed(table, L4_DST_PORT=port.astype(float)))["L4_DST_PORT"]
    assert float(re.search(r"avoids ([\d.]+)%", found.text)[1]) > 90


def test_an_unknown_name_counts_as_one() -> None:
    table = clean_table(4)
    sensor = np.array([f"s{each}" for each in mostly(table.attack, 0.5, 4, 8)])
    assert set(found_in(table, {"SENSOR": sensor})) == {"SENSOR"}


@pytest.mark.parametrize("seed", range(3))
def test_hosts_and_ports_dealt_at_random_are_silent(seed: int) -> None:
    table, rng = clean_table(seed, 1000), np.random.default_rng(seed)
    foreign = {"ID": [f"{i}" for i in range(1000)], "NAME": rng.choice(["a", "b"], 1000)}
    assert found_in(table, foreign, seed) == {}
