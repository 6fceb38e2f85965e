"""The checks that count: conflicts, rare classes, imbalance, constants, impossible values."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from audit_factory import changed, clean_table, evidence, repeated
from flow_factory import CLASSES, flow_tables, random_table
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from fednids.audit.checks import (
    Finding,
    Severity,
    conflicts,
    constants,
    imbalance,
    impossible,
    rare,
)
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.errors import DataError

RNG = np.random.default_rng(0)


def ceiling(table) -> tuple[float, float]:
    """Accuracy of answering each vector's most frequent class, and label, one by one."""
    names = [name for name in table.numbers if "PORT" not in name]
    rows = list(zip(*(table.numbers[name].tolist() for name in names), strict=True))
    best = []
    for answers in (table.attack.tolist(), table.label.tolist()):
        most: dict[object, Counter[int]] = {}
        for row, answer in zip(rows, answers, strict=True):
            most.setdefault(row, Counter())[answer] += 1
        best.append(sum(max(counter.values()) for counter in most.values()) / len(rows))
    return best[0], best[1]


@settings(max_examples=20)
@given(flow_tables(version="v1", max_rows=30), st.integers(1, 3))
def test_the_ceiling_is_what_counting_gives(table, times: int) -> None:
    table = table.take(np.tile(np.arange(len(table)), times))
    try:
        found = conflicts(evidence(table), RNG)
    except DataError:
        assume(False)
    best, binary = ceiling(table)
    assert (best < 1) is bool(found)
    for each in found:
        assert each.number == pytest.approx(best)
        assert f"or {binary:.4f} for attack or benign" in each.text


def test_planted_conflicts_are_found_and_clean_flows_have_none() -> None:
    assert conflicts(evidence(clean_table(1)), RNG) == []
    assert conflicts(evidence(repeated(clean_table(1), 0.3, 1)), RNG) == []
    (found,) = conflicts(evidence(repeated(clean_table(1), 0.3, 1, spoil=True)), RNG)
    assert found.severity is Severity.WARNING
    assert 0.7 <= found.number < 0.95


def test_rare_classes_are_named_with_what_a_recall_of_them_is_worth() -> None:
    table = clean_table(2, 2000)
    keep = np.ones(2000, bool)
    keep[np.flatnonzero(table.attack == 4)[25:]] = False
    keep[table.attack == 3] = False
    found = {each.subject: each for each in rare(evidence(table.take(np.flatnonzero(keep))), RNG)}
    assert set(found) == {"Theft", "Reconnaissance"}
    assert (found["Theft"].number, found["Theft"].severity) == (5, Severity.WARNING)
    half = stats.binomtest(3, 5).proportion_ci(0.95, method="exact")
    assert f"{half.low:.2f} to {half.high:.2f}" in found["Theft"].text
    assert found["Reconnaissance"].severity is Severity.NOTE


def test_thirty_is_where_an_interval_is_a_third_wide() -> None:
    for count in range(1, 30):
        half = stats.binomtest((count + 1) // 2, count).proportion_ci(0.95, method="exact")
        assert half.high - half.low > 1 / 3


def test_imbalance_gives_what_knowing_nothing_scores() -> None:
    table = random_table(np.random.default_rng(3), 4000)
    some = table.take(np.flatnonzero((table.attack == 2) | (np.arange(4000) % 10 == 0)))
    given_evidence = evidence(some)
    (found,) = imbalance(given_evidence, RNG)
    tested = Counter(given_evidence.attack[given_evidence.test].tolist())
    assert found.number == pytest.approx(tested[2] / sum(tested.values()))
    f1 = 2 * found.number / (1 + found.number) / len(CLASSES)
    assert f"macro-F1 {f1:.3f}" in found.text


def test_classes_of_one_size_are_balanced() -> None:
    table = clean_table(4, 3000)
    rows = np.concatenate([np.flatnonzero(table.attack == each)[:300] for each in range(5)])
    assert imbalance(evidence(table.take(rows)), RNG) == []


def test_constants_are_one_finding_and_near_constants_another() -> None:
    table = clean_table(5, 20_000)
    near = np.zeros(20_000)
    near[:3] = 7
    far = np.zeros(20_000)
    far[:40] = 7
    foreign = {"ONE": ["x"] * 20_000, "NEAR": near, "FAR": far, "EMPTY": [None] * 20_000}
    same, nearly = constants(evidence(table, foreign), RNG)
    assert same.text.endswith("ONE ('x'), EMPTY (a missing value)")
    assert nearly.text.endswith("NEAR (0 but in 3)")
    assert (same.number, nearly.number) == (2, 1)


def test_few_flows_cannot_show_that_a_column_is_nearly_constant() -> None:
    near = np.zeros(1000)
    near[0] = 1
    assert constants(evidence(clean_table(6, 1000), {"NEAR": near}), RNG) == []


def found_impossible(table, foreign=None) -> dict[str, Finding]:
    return {each.subject: each for each in impossible(evidence(table, foreign), RNG)}


def test_clean_flows_are_possible() -> None:
    assert found_impossible(clean_table(7)) == {}


@pytest.mark.parametrize(
    ("subject", "values"),
    [
        ("IN_BYTES IN_PKTS", {"IN_BYTES": 39.0, "IN_PKTS": 2.0}),
        ("OUT_BYTES OUT_PKTS", {"OUT_BYTES": 19.0, "OUT_PKTS": 1.0}),
        ("IN_PKTS IN_BYTES", {"IN_PKTS": 0.0}),
        ("OUT_PKTS OUT_BYTES", {"OUT_PKTS": 0.0}),
        ("PROTOCOL TCP_FLAGS", {"PROTOCOL": 17.0, "TCP_FLAGS": 2.0}),
        ("FLOW_DURATION_MILLISECONDS", {"FLOW_DURATION_MILLISECONDS": 4_294_960.0}),
        ("MIN_TTL MAX_TTL", {"MIN_TTL": 200.0, "MAX_TTL": 10.0}),
        ("SHORTEST_FLOW_PKT LONGEST_FLOW_PKT", {"SHORTEST_FLOW_PKT": 9.0, "LONGEST_FLOW_PKT": 5.0}),
        ("SRC_TO_DST_SECOND_BYTES", {"SRC_TO_DST_SECOND_BYTES": 1e30}),
        ("DST_TO_SRC_SECOND_BYTES", {"DST_TO_SRC_SECOND_BYTES": 1e30}),
        ("DNS_TTL_ANSWER", {"DNS_TTL_ANSWER": 2.0**32 - 1}),
    ],
)
def test_each_impossible_value_is_counted(subject: str, values: dict[str, float]) -> None:
    plain, foreign = clean_table(8, 200), {}
    for name, value in values.items():
        known = name in plain.numbers
        column = plain.numbers[name].copy() if known else np.full(200, 7.0)
        column[:10] = value
        if known:
            plain = changed(plain, **{name: column})
        else:
            foreign[name] = column
    found = found_impossible(plain, foreign)
    assert set(found) == {subject}
    assert found[subject].number == 10 / 200


def test_every_rule_has_its_flow_above() -> None:
    (mark,) = test_each_impossible_value_is_counted.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} == {
        " ".join(rule.columns) for rule in NF_BOT_IOT.rules
    }


def test_missing_cells_are_counted() -> None:
    table = clean_table(9, 100)
    found = found_impossible(table, {"GAP": [None, *range(99)], "HOLE": ["a"] * 98 + [None] * 2})
    assert {name: each.number for name, each in found.items()} == {"GAP": 0.01, "HOLE": 0.02}
