"""Rates equal scikit-learn's where it defines them, and are NaN where nothing does."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import fields

import numpy as np
import pytest
from flow_factory import CLASSES
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fednids.metrics import ConfusionCounts, scores

few = settings(max_examples=60, deadline=None)
"""scikit-learn takes milliseconds per call."""

FINAL_KEYS = [
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "weighted_f1",
    "mcc",
    "false_alarm_rate",
    "per_class",
    "confusion",
    "classes",
    "binary",
]


@st.composite
def labelled(draw):
    """Draw labels that often miss classes, in truth, in prediction or in both."""
    classes = draw(st.integers(2, 5))
    flows = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    used = st.sets(st.integers(0, classes - 1), min_size=1)
    true, predicted = (rng.choice(sorted(draw(used)), flows) for _ in range(2))
    return true, predicted, classes


def score(true, predicted, classes):
    names = [f"class {code}" for code in range(classes)]
    return scores(ConfusionCounts.from_labels(true, predicted, classes), names)


def same(ours, theirs):
    """Compare two rates, NaN equal to NaN."""
    return math.isclose(ours, theirs, abs_tol=1e-12) or (math.isnan(ours) and math.isnan(theirs))


def quiet(function, *args, **kwargs):
    """Call scikit-learn without its warnings about undefined rates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


@few
@given(labelled())
def test_overall_rates_equal_scikit_learns(case):
    true, predicted, classes = case
    ours = score(true, predicted, classes)
    present = np.unique(true)
    assert same(ours.accuracy, sk.accuracy_score(true, predicted))
    assert same(ours.balanced_accuracy, quiet(sk.balanced_accuracy_score, true, predicted))
    for average in ("macro", "weighted"):
        theirs = sk.f1_score(true, predicted, labels=present, average=average, zero_division=0)
        assert same(getattr(ours, f"{average}_f1"), theirs)
    if len(present) == 1 or len(np.unique(predicted)) == 1:
        assert math.isnan(ours.mcc)
        assert quiet(sk.matthews_corrcoef, true, predicted) == 0
    else:
        assert same(ours.mcc, sk.matthews_corrcoef(true, predicted))


@few
@given(labelled())
def test_rates_of_each_class_equal_scikit_learns(case):
    true, predicted, classes = case
    ours = score(true, predicted, classes)
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        true, predicted, labels=range(classes), zero_division=np.nan
    )
    for code, each in enumerate(ours.per_class.values()):
        assert each.support == support[code]
        assert same(each.recall, recall[code])
        assert same(each.precision, precision[code])
        assert same(each.f1, f1[code])


@few
@given(labelled())
def test_binary_rates_equal_scikit_learns_on_collapsed_labels(case):
    true, predicted, classes = case
    ours = score(true, predicted, classes).binary
    attack, alarm = true != 0, predicted != 0
    assert same(ours.accuracy, sk.accuracy_score(attack, alarm))
    assert same(ours.precision, sk.precision_score(attack, alarm, zero_division=np.nan))
    assert same(ours.recall, sk.recall_score(attack, alarm, zero_division=np.nan))
    assert same(ours.f1, sk.f1_score(attack, alarm, zero_division=np.nan))
    assert same(ours.balanced_accuracy, quiet(sk.balanced_accuracy_score, attack, alarm))
    false_alarms = alarm[~attack].mean() if (~attack).any() else math.nan
    assert same(ours.false_alarm_rate, false_alarms)


@few
@given(labelled())
def test_a_detector_of_two_classes_has_the_binary_rates_itself(case):
    true, predicted, classes = case
    counts = ConfusionCounts.from_labels(true, predicted, classes)
    five, two = scores(counts, range(classes)), scores(counts.binary(), ("Benign", "Attack"))
    attack = two.per_class["Attack"]
    pairs = [
        (two.accuracy, five.binary.accuracy),
        (two.balanced_accuracy, five.binary.balanced_accuracy),
        (two.false_alarm_rate, five.false_alarm_rate),
        (two.false_alarm_rate, five.binary.false_alarm_rate),
        (attack.precision, five.binary.precision),
        (attack.recall, five.binary.recall),
        (attack.f1, five.binary.f1),
    ]
    assert all(same(one, other) for one, other in pairs)


def test_an_example_by_hand():
    ours = scores(ConfusionCounts.from_list([[8, 2, 0], [1, 6, 3], [0, 0, 0]]), "ABC")
    assert ours.accuracy == 14 / 20
    assert ours.balanced_accuracy == pytest.approx((0.8 + 0.6) / 2)
    assert ours.false_alarm_rate == 0.2
    assert ours.macro_f1 == pytest.approx((16 / 19 + 12 / 18) / 2)
    assert math.isnan(ours.per_class["C"].recall)
    assert (ours.per_class["C"].precision, ours.per_class["C"].f1) == (0, 0)
    assert ours.binary.precision == 9 / 11
    assert ours.binary.recall == 9 / 10


def test_a_class_with_flows_that_is_never_predicted_counts_as_zero():
    ours = scores(ConfusionCounts.from_list([[0, 5], [0, 5]]), ("Benign", "Attack"))
    assert ours.per_class["Benign"].f1 == 0
    assert math.isnan(ours.per_class["Benign"].precision)
    assert ours.macro_f1 == pytest.approx((0 + 2 / 3) / 2)


def test_without_flows_everything_is_undefined():
    ours = scores(ConfusionCounts.zero(5), CLASSES)
    plain = ours.to_json()
    assert [plain[key] for key in FINAL_KEYS[:6]] == [None] * 6
    assert set(plain["binary"].values()) == {None}
    assert plain["per_class"]["Theft"] == {
        "support": 0,
        "recall": None,
        "precision": None,
        "f1": None,
    }


def test_mcc_does_not_overflow():
    small = ConfusionCounts.from_list([[90, 10, 3], [7, 80, 1], [2, 2, 9]])
    large = ConfusionCounts(small.matrix * 10**14)
    assert scores(large, "ABC").mcc == pytest.approx(scores(small, "ABC").mcc, rel=1e-12)


def test_json_has_the_keys_of_a_result_and_is_valid():
    ours = scores(ConfusionCounts.from_list(np.diag([5, 4, 3, 2, 0]).tolist()), CLASSES)
    plain = ours.to_json()
    assert list(plain) == FINAL_KEYS == [field.name for field in fields(ours)]
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["classes"] == list(CLASSES)
    assert list(plain["per_class"]) == list(CLASSES)
    assert list(plain["per_class"]["DoS"]) == ["support", "recall", "precision", "f1"]
    assert plain["confusion"] == ours.confusion.to_json()
    assert list(plain["binary"]) == [
        "accuracy",
        "precision",
        "recall",
        "f1",
        "false_alarm_rate",
        "balanced_accuracy",
    ]
    assert plain["macro_f1"] == 1
    assert plain["per_class"]["Theft"]["f1"] is None


@pytest.mark.parametrize("names", [("A",), ("A", "A"), ("A", "B", "C")])
def test_names_that_do_not_fit_are_refused(names):
    with pytest.raises(ValueError, match="expected 2 different class names"):
        scores(ConfusionCounts.zero(2), names)
