"""Attack success against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from finished_factory import NAMES, gateway
from whole_result import whole_result

from fednids.metrics import ConfusionCounts, scores
from fednids.runs.records import ResultRecord
from fednids.studies.statistics import measure_attack


def attack(kind: str, share: float, **success: float | None) -> dict[str, Any]:
    about = {"kind": kind, "share": share, "schedule": "always", "strength": None}
    return {**about, "poisoned": None, "malicious": [0], "success": success, "errors": {}}


def result(matrix: np.ndarray, **more: object) -> ResultRecord:
    final = scores(ConfusionCounts(matrix), NAMES).to_json()
    return ResultRecord.model_validate({**whole_result(), "final": final, **more})


def attacked(matrix: np.ndarray, kind: str = "sign-flip", **success: float | None) -> ResultRecord:
    return result(matrix, attack=attack(kind, 0.2, **success))


CLEAN = result(gateway(8, 2))
"""Takes 2 of 10 DoS flows for benign."""


def test_what_the_clean_detector_lets_pass_is_taken_off() -> None:
    """DoS 0.6 against 0.2: 0.4 more, half of the 0.8 that the clean detector finds."""
    found = measure_attack(attacked(gateway(4, 6), DoS=0.6, Theft=None), CLEAN)
    assert found["attack_success"] == pytest.approx(0.6)
    assert found["attack_over_clean"] == pytest.approx(0.4)
    assert found["attack_relative"] == pytest.approx(0.5)
    worse = scores(ConfusionCounts(gateway(4, 6)), NAMES).macro_f1
    better = scores(ConfusionCounts(gateway(8, 2)), NAMES).macro_f1
    assert found["macro_f1_over_clean"] == pytest.approx(worse - better)


def test_without_a_twin_success_is_absolute_alone() -> None:
    found = measure_attack(attacked(gateway(4, 6), DoS=0.6, DDoS=0.2), None)
    assert found.pop("attack_success") == pytest.approx(0.4)
    assert all(math.isnan(value) for value in found.values())


def test_flows_with_a_trigger_are_not_compared_with_flows_without() -> None:
    found = measure_attack(attacked(gateway(8, 2), "backdoor", DoS=0.9), CLEAN)
    assert found["attack_success"] == pytest.approx(0.9)
    assert math.isnan(found["attack_over_clean"])
    shown = result(gateway(8, 2), attack=attack("backdoor", 0.0, DoS=0.3))
    found = measure_attack(attacked(gateway(8, 2), "backdoor", DoS=0.9), shown)
    assert found["attack_over_clean"] == pytest.approx(0.6)


def test_a_run_without_malicious_gateways_has_no_success() -> None:
    for clean in (CLEAN, result(gateway(8, 2), attack=attack("sign-flip", 0.0))):
        assert all(math.isnan(value) for value in measure_attack(clean, CLEAN).values())
