"""Numbers of a run against literal ones."""

from __future__ import annotations

import math

import numpy as np
import pytest
from whole_result import whole_round

from fednids.metrics import ConfusionCounts
from fednids.runs.records import RoundRecord
from fednids.studies.statistics import cost_of, gateway_spread, to_target

NAMES = ("Benign", "DoS", "Theft")


def rounds(*scores: float | None, virtual: bool = False) -> list[RoundRecord]:
    found = []
    for n, score in enumerate(scores, start=1):
        entry = whole_round(n) | {"bytes_down": 100, "bytes_up": 10 * n}
        entry["test"]["macro_f1"] = score
        entry |= {"virtual_seconds": n / 2} if virtual else {}
        found.append(RoundRecord.model_validate(entry))
    return found


def test_the_target_is_reached_in_the_first_round_that_has_it() -> None:
    found = to_target(rounds(0.2, None, 0.5, 0.4, 0.9, virtual=True), 0.5)
    assert found == (3.0, 360.0, 0.5 + 1.0 + 1.5)
    assert to_target(rounds(0.6, virtual=True), 0.5) == (1.0, 110.0, 0.5)


def test_a_target_that_is_never_reached_is_undefined() -> None:
    found = to_target(rounds(0.2, 0.4, virtual=True), 0.5)
    assert all(map(math.isnan, found))


def test_a_run_without_a_virtual_clock_has_no_virtual_seconds() -> None:
    *spent, virtual = cost_of(rounds(0.2, 0.4))
    assert spent == [2.0, 230.0]
    assert math.isnan(virtual)


def test_the_worst_gateway_is_scored_over_the_classes_that_it_has() -> None:
    """Gateway 0 finds all; gateway 1 has DoS alone, half found: F1 2/3; gateway 2 is empty."""
    counts = [
        np.diag([5, 5, 0]),
        np.array([[0, 0, 0], [2, 2, 0], [0, 0, 0]]),
        np.zeros((3, 3), np.int64),
    ]
    found = gateway_spread([ConfusionCounts(matrix) for matrix in counts], NAMES)
    assert found["worst_gateway"] == pytest.approx(2 / 3)
    assert found["mean_gateway"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["gateway_gap"] == pytest.approx(1 / 6)


def test_one_gateway_has_no_worst() -> None:
    found = gateway_spread([ConfusionCounts(np.eye(3, dtype=int))], NAMES)
    assert all(map(math.isnan, found.values()))
