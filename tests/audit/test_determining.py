"""Columns that determine the label, planted at all strengths."""

from __future__ import annotations

import numpy as np
import pytest
from audit_factory import changed, clean_table, evidence, mostly
from hypothesis import given, settings
from hypothesis import strategies as st

from fednids.audit.checks import Finding, Severity, determining


def found_in(table, foreign=None, seed=1) -> dict[str, Finding]:
    rng = np.random.default_rng(seed)
    return {each.subject: each for each in determining(evidence(table, foreign), rng)}


@pytest.mark.parametrize(
    "encode",
    [
        lambda attack: attack,
        lambda attack: np.array([3, 0, 4, 1, 2])[attack],
        lambda attack: np.array(["none", "b", "c", "d", "e"])[attack],
        lambda attack: attack * 1e300,
        lambda attack: attack != 0,
        lambda attack: attack * 2**40 + np.arange(len(attack)),
        lambda attack: [None if each == 0 else f"x{each}" for each in attack],
    ],
    ids=["codes", "other codes", "names", "huge", "label", "with a counter", "missing"],
)
def test_an_encoded_target_is_certain_whatever_it_looks_like(encode) -> None:
    table = clean_table(1, 1000)
    leak = found_in(table, {"LEAK": encode(table.attack)})["LEAK"]
    assert leak.severity is Severity.LEAK
    assert leak.number > 0.99


@pytest.mark.parametrize("name", ["IN_BYTES", "TCP_FLAGS"])
def test_a_feature_made_from_the_target_is_certain_too(name: str) -> None:
    table = clean_table(3)
    leak = found_in(changed(table, **{name: table.attack * 7.0 + 3}))[name]
    assert leak.severity is Severity.LEAK
    assert leak.number == 1
    assert "determines the class: 0 errors in 1,500 flows" in leak.text


@settings(max_examples=4)
@given(st.floats(0.5, 1), st.integers(0, 1000))
def test_a_planted_column_is_a_leak_as_strong_as_it_is(strength: float, seed: int) -> None:
    table = clean_table(seed, 700, shift=0.2)
    found = found_in(table, {"LEAK": mostly(table.attack, strength, seed, 5)}, seed)["LEAK"]
    assert found.severity is Severity.LEAK
    assert found.number == pytest.approx(strength, abs=0.1)


@pytest.mark.parametrize("seed", range(2))
def test_a_weak_one_is_told_and_none_is_not(seed: int) -> None:
    table = clean_table(seed, 3000, shift=0.6)
    foreign = {s: mostly(table.attack, s, seed, 5) for s in (0.0, 0.15)}
    found = found_in(table, {f"LEAK{s}": values for s, values in foreign.items()}, seed)
    assert found["LEAK0.15"].severity in (Severity.WARNING, Severity.LEAK)
    assert "LEAK0.0" not in found


def test_an_unknown_column_that_tells_less_than_the_features_is_no_leak() -> None:
    table = clean_table(2, 3000, shift=2.5)
    found = found_in(table, {"WEAK": mostly(table.attack, 0.4, 2, 5)})
    assert found["WEAK"].severity is Severity.WARNING


@settings(max_examples=4)
@given(st.integers(0, 1000))
def test_many_values_are_no_knowledge(seed: int) -> None:
    """In the flows that it is fitted to, one value a flow would determine the class."""
    table, rng = clean_table(seed, 800, shift=0.0), np.random.default_rng(seed)
    foreign = {"ID": [f"{i}" for i in rng.permutation(800)], "NUMBER": rng.permutation(800)}
    assert found_in(table, foreign, seed) == {}


def test_the_strongest_feature_is_named_and_is_no_leak() -> None:
    table = clean_table(4, shift=0.1)
    strong = changed(table, OUT_BYTES=1e3 * np.exp(table.attack + table.numbers["OUT_PKTS"] / 30))
    (found,) = found_in(strong).values()
    assert (found.subject, found.severity) == ("OUT_BYTES", Severity.NOTE)


def test_all_flows_confirm_what_a_sample_suggests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fednids.audit.checks._MOST_FLOWS", 500)
    table = clean_table(5, 3000)
    foreign = {"LEAK": table.attack, "HALF": mostly(table.attack, 0.9, 5, 5)}
    found = found_in(table, foreign)
    assert "in 3,000 flows" in found["LEAK"].text
    assert found["HALF"].severity is Severity.LEAK
