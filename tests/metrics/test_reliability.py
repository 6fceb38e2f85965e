"""Calibration is what scikit-learn and the definition, written out, say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from score_cases import scored
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from fednids.metrics.reliability import GRADES, Reliability

ROUNDING = 1e-9


def chances_of(logits: np.ndarray) -> np.ndarray:
    parts = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return parts / parts.sum(axis=1, keepdims=True)


def error_by_loop(logits: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error, bin by bin."""
    chances, total = chances_of(logits), 0.0
    sure, right = chances.max(axis=1), chances.argmax(axis=1) == labels
    for k in range(GRADES):
        low, high = np.linspace(0, 1, GRADES + 1)[k : k + 2]
        inside = (sure > low) & (sure <= high)
        if inside.any():
            total += inside.sum() / len(labels) * abs(right[inside].mean() - sure[inside].mean())
    return total


@given(scored())
def test_the_expected_error_is_that_of_its_definition(case) -> None:
    logits, labels = case
    if len(labels):
        found = Reliability.of(logits, labels).error
        assert found == pytest.approx(error_by_loop(logits, labels), abs=ROUNDING)


@given(scored())
def test_bins_are_scikit_learns_calibration_curve(case) -> None:
    logits, labels = case
    if not len(labels):
        return
    chances = chances_of(logits)
    right = chances.argmax(axis=1) == labels
    fraction, mean = calibration_curve(right, chances.max(axis=1), n_bins=GRADES)
    bins = [b for b in Reliability.of(logits, labels).to_json()["bins"] if b["flows"]]
    assert [b["accuracy"] for b in bins] == pytest.approx(fraction)
    assert [b["confidence"] for b in bins] == pytest.approx(mean, abs=ROUNDING)


@given(scored())
def test_brier_scores_are_scikit_learns(case) -> None:
    logits, labels = case
    if not len(labels):
        return
    chances, classes = chances_of(logits), list(range(logits.shape[1]))
    everything, attack = Reliability.of(logits, labels).brier
    expected = brier_score_loss(labels != 0, 1 - chances[:, 0], pos_label=True, labels=[0, 1])
    assert attack == pytest.approx(expected, abs=ROUNDING)
    chosen = np.eye(len(classes))[labels]
    assert everything == pytest.approx(((chances - chosen) ** 2).sum(axis=1).mean(), abs=ROUNDING)
    if len(classes) > 2:
        theirs = brier_score_loss(labels, chances, labels=classes, scale_by_half=False)
        assert everything == pytest.approx(theirs, abs=ROUNDING)


def test_without_flows_everything_is_undefined() -> None:
    nothing = Reliability.of(np.zeros((0, 5), np.float32), [])
    assert math.isnan(nothing.error)
    told = nothing.to_json()
    assert (told["expected_error"], told["brier"], told["brier_attack"]) == (None, None, None)
    assert {b["accuracy"] for b in told["bins"]} == {None}
    assert nothing.total == Reliability.zero().total == 0


def test_a_detector_that_is_sure_and_right_has_no_error() -> None:
    found = Reliability.of(np.array([[900.0, 0], [0, 900.0]]), [0, 1])
    assert (found.error, found.brier) == (0, (0, 0))
    wrong = Reliability.of(np.array([[900.0, 0], [0, 900.0]]), [1, 0])
    assert (wrong.error, wrong.brier) == (1, (2, 1))


def test_broken_logits_are_even_chances() -> None:
    found = Reliability.of(np.full((1, 4), np.nan, np.float32), [2])
    assert found.brier == pytest.approx((0.75**2 + 3 * 0.25**2, 0.25**2), abs=ROUNDING)
