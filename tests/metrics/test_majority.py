"""The majority baseline: one answer for everything."""

from __future__ import annotations

import numpy as np
import pytest
from flow_factory import CLASSES
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier

from fednids.metrics import ConfusionCounts, majority_counts, scores

CODES = st.lists(st.integers(0, 3), min_size=1, max_size=40)


@given(CODES, CODES)
def test_equals_scikit_learns_dummy(train, test):
    dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(train), 1)), train)
    predicted = dummy.predict(np.zeros((len(test), 1)))
    counts = majority_counts(np.bincount(train, minlength=4), np.bincount(test, minlength=4))
    assert counts == ConfusionCounts.from_labels(test, predicted, 4)


def test_always_answering_attack_looks_good_by_accuracy_only():
    published = [13_859, 56_844, 56_833, 470_655, 1_909]
    ours = scores(majority_counts(published, published), CLASSES)
    assert ours.binary.accuracy == pytest.approx(0.977, abs=5e-4)
    assert ours.false_alarm_rate == 1
    assert ours.macro_f1 < 0.2


@pytest.mark.parametrize(
    ("train", "test"), [([0, 0], [1, 1]), ([1, 2], [1, 2, 3]), ([[1, 2]], [[1, 2]]), ([], [])]
)
def test_what_are_no_counts_per_class_is_refused(train, test):
    with pytest.raises(ValueError, match=r"\Aexpected [^\n]+, found [^\n]+; [^\n]+\Z"):
        majority_counts(train, test)
