"""Files in order of their classes, at all strengths."""

from __future__ import annotations

import numpy as np
import pytest
from audit_factory import clean_table, evidence, ordered

from fednids.audit.checks import Finding, Severity, order


def found_in(table, seed: int) -> list[Finding]:
    return order(evidence(table), np.random.default_rng(seed))


@pytest.mark.parametrize(("strength", "seed"), [(0.5, 1), (0.75, 2), (1.0, 3)])
def test_an_ordered_file_is_a_leak(strength: float, seed: int) -> None:
    (found,) = found_in(ordered(clean_table(seed, 700), strength, seed), seed)
    assert found.severity is Severity.LEAK
    assert found.number > 0.25 + 0.5 * strength - 0.1


@pytest.mark.parametrize("seed", range(8))
def test_a_shuffled_file_is_silent(seed: int) -> None:
    assert found_in(clean_table(seed, 800), seed) == []


def test_an_order_that_moves_no_answer_is_a_warning() -> None:
    """One class twice as frequent in one half, where another is ten times as frequent."""
    rng = np.random.default_rng(4)
    table = clean_table(4, 2500)
    attack = np.where(rng.random(2500) < np.linspace(0.02, 0.2, 2500), 2, 1)
    rows = np.concatenate([rng.choice(np.flatnonzero(table.attack == a), 1) for a in attack])
    (found,) = found_in(table.take(rows), 4)
    assert found.severity is Severity.WARNING
