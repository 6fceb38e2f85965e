"""Attack success against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from finished_factory import NAMES, gateway

from fednids.metrics import ConfusionCounts, scores
from fednids.studies.statistics import measure_attack


def result(matrix: np.ndarray, kind: str = "sign-flip", **success: float | None) -> dict[str, Any]:
    final = scores(ConfusionCounts(matrix), NAMES).to_json()
    return {"final": final, "attack": {"kind": kind, "share": 0.2, "success": success}}


CLEAN = {"final": scores(ConfusionCounts(gateway(8, 2)), NAMES).to_json()}
"""Takes 2 of 10 DoS flows for benign."""


def test_what_the_clean_detector_lets_pass_is_taken_off() -> None:
    """DoS 0.6 against 0.2: 0.4 more, half of the 0.8 that the clean detector finds."""
    found = measure_attack(result(gateway(4, 6), DoS=0.6, Theft=None), CLEAN)
    assert found["attack_success"] == pytest.approx(0.6)
    assert found["attack_over_clean"] == pytest.approx(0.4)
    assert found["attack_relative"] == pytest.approx(0.5)
    worse = scores(ConfusionCounts(gateway(4, 6)), NAMES).macro_f1
    better = scores(ConfusionCounts(gateway(8, 2)), NAMES).macro_f1
    assert found["macro_f1_over_clean"] == pytest.approx(worse - better)


def test_without_a_twin_success_is_absolute_alone() -> None:
    found = measure_attack(result(gateway(4, 6), DoS=0.6, DDoS=0.2), None)
    assert found.pop("attack_success") == pytest.approx(0.4)
    assert all(math.isnan(value) for value in found.values())


def test_flows_with_a_trigger_are_not_compared_with_flows_without() -> None:
    found = measure_attack(result(gateway(8, 2), "backdoor", DoS=0.9), CLEAN)
    assert found["attack_success"] == pytest.approx(0.9)
    assert math.isnan(found["attack_over_clean"])
    shown = {**CLEAN, "attack": {"kind": "backdoor", "share": 0.0, "success": {"DoS": 0.3}}}
    found = measure_attack(result(gateway(8, 2), "backdoor", DoS=0.9), shown)
    assert found["attack_over_clean"] == pytest.approx(0.6)


def test_a_run_without_liars_has_no_success() -> None:
    for clean in (CLEAN, {**CLEAN, "attack": {"kind": "sign-flip", "share": 0.0, "success": {}}}):
        assert all(math.isnan(value) for value in measure_attack(clean, CLEAN).values())
