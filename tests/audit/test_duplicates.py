"""Duplicates across the split against counting them one by one."""

from __future__ import annotations

import numpy as np
import pytest
from audit_factory import changed, clean_table, evidence, repeated
from flow_factory import random_table

from fednids.audit.checks import Finding, Severity, duplicates
from fednids.audit.evidence import Evidence


def found_in(given: Evidence, seed: int = 1) -> list[Finding]:
    return duplicates(given, np.random.default_rng(seed))


def counted(given: Evidence) -> tuple[int, int]:
    """Test flows with a training twin, and those with one of another class, one by one."""
    trained: dict[int, set[int]] = {}
    for row in np.flatnonzero(~given.test):
        trained.setdefault(int(given.vector[row]), set()).add(int(given.attack[row]))
    tested = np.flatnonzero(given.test)
    twins = [trained.get(int(given.vector[row]), set()) for row in tested]
    others = [t - {int(given.attack[row])} for t, row in zip(twins, tested, strict=True)]
    return sum(map(bool, twins)), sum(map(bool, others))


@pytest.mark.parametrize(
    ("share", "spoil", "seed"), [(0.1, True, 1), (0.3, False, 2), (0.7, True, 3)]
)
def test_planted_copies_are_a_leak_with_their_number(share: float, spoil: bool, seed: int) -> None:
    given = evidence(repeated(clean_table(seed), share, seed, spoil=spoil), seed=seed)
    (found,) = found_in(given, seed)
    seen, conflicting = counted(given)
    assert found.severity is Severity.LEAK
    assert found.number == seen / given.test.sum()
    assert f"{seen:,} of {int(given.test.sum()):,} test flows" in found.text
    assert f"{conflicting:,} of them with another class" in found.text
    assert (conflicting > 0) is spoil


def test_a_few_copies_are_told_but_cannot_move_a_score() -> None:
    (found,) = found_in(evidence(repeated(clean_table(3), 0.02, 3)))
    assert found.severity is Severity.WARNING
    assert 0 < found.number < 0.06


def test_the_numbers_are_right_where_nearly_all_repeats() -> None:
    given = evidence(random_table(np.random.default_rng(4), 2000))
    (found,) = found_in(given)
    seen, conflicting = counted(given)
    assert found.number == seen / given.test.sum()
    assert f"{conflicting:,} of them" in found.text
    assert found.severity is Severity.LEAK


@pytest.mark.parametrize("seed", range(2))
def test_coarse_features_that_repeat_by_chance_are_no_leak(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = clean_table(seed, 1000)
    coarse = {name: rng.integers(40, 44, 1000).astype(float) for name in table.numbers}
    found = found_in(evidence(changed(table, **coarse)), seed)
    assert [each.severity for each in found] in ([Severity.WARNING], [])


def test_distinct_flows_and_a_grouped_split_leave_nothing() -> None:
    assert found_in(evidence(clean_table(5))) == []
    assert found_in(evidence(repeated(clean_table(5), 0.5, 5), split="grouped")) == []
