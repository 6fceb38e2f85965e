"""A threshold keeps its promise on the flows that it was chosen on, and finds what it can."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_cases import scored

from fednids.metrics import OperatingPoint, ScoreHistograms, Threshold, choose_threshold
from fednids.metrics.log_odds import BINS

thresholds = st.integers(0, BINS).map(Threshold)


@given(scored(), st.sampled_from((0.0, 0.01, 0.1, 0.29, 0.5, 1.0)))
def test_the_wanted_rate_is_kept_and_no_threshold_finds_more(case, wanted) -> None:
    logits, labels = case
    histograms = ScoreHistograms.of(logits, labels)
    chosen = choose_threshold(histograms, wanted)
    if not (labels == 0).any():
        assert chosen is None
        return
    names = [str(k) for k in range(logits.shape[1])]
    point = OperatingPoint.of(chosen, histograms, names)
    assert point.false_alarm_rate <= wanted + 1e-12
    for alarmed in range(BINS + 1):
        other = OperatingPoint.of(Threshold(alarmed), histograms, names)
        if other.false_alarm_rate <= wanted and point.attack_flows:
            assert other.detection_rate <= point.detection_rate


@given(scored(), thresholds)
def test_rates_are_those_of_the_flows_themselves(case, threshold) -> None:
    logits, labels = case
    alarms = threshold.alarms(logits)
    rates = threshold.rates(ScoreHistograms.of(logits, labels))
    for code, rate in enumerate(rates):
        own = alarms[labels == code]
        expected = own.mean() if len(own) else math.nan
        assert rate == pytest.approx(expected, nan_ok=True)
    names = [str(k) for k in range(logits.shape[1])]
    point = OperatingPoint.of(threshold, ScoreHistograms.of(logits, labels), names)
    if (labels != 0).any():
        assert point.detection_rate == pytest.approx(alarms[labels != 0].mean())
    assert point.benign_flows + point.attack_flows == len(labels)


@given(thresholds)
def test_a_threshold_is_read_back_from_its_probability(threshold) -> None:
    assert Threshold.nearest(json.loads(json.dumps(threshold.chance))) == threshold


@given(scored(), thresholds)
def test_alarms_are_the_flows_above_the_probability(case, threshold) -> None:
    logits, _ = case
    parts = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True, initial=-np.inf))
    attack = parts[:, 1:].sum(axis=1) / parts.sum(axis=1)
    clear = np.abs(attack - threshold.chance) > 1e-9
    expected = (attack > threshold.chance) | (threshold.alarmed == BINS)
    np.testing.assert_array_equal(threshold.alarms(logits)[clear], expected[clear])


def test_never_and_always() -> None:
    logits = np.array([[5.0, 0], [0, 5.0], [np.nan, 0], [3000, 0], [0, 3000]])
    assert not Threshold(0).alarms(logits).any()
    assert Threshold(BINS).alarms(logits).all()
    assert (Threshold(0).chance, Threshold(BINS).chance) == (1.0, 0.0)


@pytest.mark.parametrize("chance", [-0.1, 1.1, math.nan])
def test_what_is_no_probability_is_refused(chance) -> None:
    with pytest.raises(ValueError, match="expected a threshold from 0 to 1"):
        Threshold.nearest(chance)


def test_without_attacks_the_false_alarms_decide() -> None:
    histograms = ScoreHistograms.of(np.array([[k / 4, 0.0] for k in range(8)]), [0] * 8)
    point = OperatingPoint.of(choose_threshold(histograms, 0.25), histograms, "BA")
    assert point.false_alarm_rate == 0.25
    assert math.isnan(point.detection_rate)
    assert point.to_json()["detection_rate"] is None
