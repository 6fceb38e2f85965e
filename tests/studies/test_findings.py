"""Groups and pairs of rows whose numbers are known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from study_factory import rows_of, study

from fednids.studies.report import compare_in_pairs, group
from fednids.studies.study import ARM

SCORES = {
    "centralised seed=1": 0.8,
    "centralised seed=2": 0.9,
    "local alpha=0.1 seed=1": 0.3,
    "local alpha=0.1 seed=2": 0.4,
    "local alpha=1.0": 0.5,
    "federated alpha=0.1 strategy=fedavg seed=1": 0.5,
    "federated alpha=0.1 strategy=fedavg seed=2": 0.6,
    "federated alpha=1.0 strategy=fedavg": 0.7,
    "federated alpha=0.1 strategy=fedprox": 0.6,
    "federated alpha=1.0 strategy=fedprox": 0.6,
}


def test_a_group_is_what_differs_in_the_seed_alone(tmp_path: Path) -> None:
    groups = group(rows_of(study(tmp_path), SCORES), "jensen_shannon")
    assert [(g.arm, *g.place.values()) for g in groups] == [
        ("centralised", None, None),
        ("local", 0.1, None),
        ("federated", 0.1, "fedavg"),
        ("federated", 0.1, "fedprox"),
        ("local", 1.0, None),
        ("federated", 1.0, "fedavg"),
        ("federated", 1.0, "fedprox"),
    ]
    scores = [g.metrics["macro_f1"].mean for g in groups]
    assert scores == pytest.approx([0.85, 0.35, 0.55, 0.6, 0.5, 0.7, 0.6])
    assert {g.metrics["macro_f1"].count for g in groups} == {2}
    assert [g.skew for g in groups[1:]] == pytest.approx([1.0] * 3 + [0.1] * 3)
    assert math.isnan(groups[0].skew)


def test_strategies_are_compared_within_alpha_and_seed(tmp_path: Path) -> None:
    """0.5 - 0.6, 0.6 - 0.6, 0.7 - 0.6 twice; the other arms do not read the strategy."""
    (found,) = compare_in_pairs(rows_of(study(tmp_path), SCORES), "strategy.name")
    assert (found.scope, found.first, found.second) == ("federated", "fedavg", "fedprox")
    assert found.difference.count == 4
    assert found.difference.mean == pytest.approx((-0.1 + 0 + 0.1 + 0.1) / 4)
    assert found.difference.low < 0 < found.difference.high
    assert found.difference.verdict == "no difference seen"


def test_arms_are_compared_over_pairs_of_different_runs(tmp_path: Path) -> None:
    found = {
        (c.first, c.second): c.difference
        for c in compare_in_pairs(rows_of(study(tmp_path), SCORES), ARM)
    }
    assert {pair: d.count for pair, d in found.items()} == {
        ("centralised", "local"): 4,
        ("centralised", "federated"): 8,
        ("local", "federated"): 8,
    }
    assert found["centralised", "local"].mean == pytest.approx((0.5 + 0.5 + 0.3 + 0.4) / 4)
    assert found["centralised", "local"].verdict == "higher"
    expected = (-0.2 - 0.3 - 0.2 - 0.2 - 0.2 - 0.1 - 0.2 - 0.1) / 8
    assert found["local", "federated"].mean == pytest.approx(expected)
    assert found["local", "federated"].verdict == "lower"


def test_a_run_that_is_missing_is_no_pair(tmp_path: Path) -> None:
    scores = {name: score for name, score in SCORES.items() if "fedprox" not in name}
    rows = rows_of(study(tmp_path), scores)
    assert compare_in_pairs(rows, "strategy.name") == ()
    assert len(group(rows, "jensen_shannon")) == 5
