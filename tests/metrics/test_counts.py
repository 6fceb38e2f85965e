"""Counts are counted right, add like numbers, and collapse to attack against benign."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from fednids import metrics
from fednids.metrics import ConfusionCounts, counts
from fednids.metrics.counts import BENIGN

MODULES = (
    "areas",
    "counts",
    "curve_scores",
    "curves",
    "histograms",
    "log_odds",
    "majority",
    "reliability",
    "scores",
    "success",
    "threshold",
)


def tables(classes):
    cells = st.tuples(*[st.integers(0, 2**40)] * classes**2)
    return cells.map(lambda flat: ConfusionCounts(np.reshape(flat, (classes, classes))))


@st.composite
def labelled(draw):
    classes = draw(st.integers(2, 6))
    flows = draw(st.integers(0, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    true, predicted = rng.integers(classes, size=(2, flows), dtype=np.uint8)
    return true, predicted, classes


def test_the_benign_code_is_the_schemas():
    assert counts.BENIGN == BENIGN


def test_exports_are_what_is_said():
    assert all(hasattr(metrics, name) for name in metrics.__all__)


@given(labelled())
def test_counting_equals_counting_one_by_one(case):
    true, predicted, classes = case
    counted = ConfusionCounts.from_labels(true, predicted, classes)
    assert counted.to_json() == oracles.confusion_by_loop(true, predicted, classes)
    assert counted.matrix.dtype == np.int64
    assert counted.total == len(true)
    assert counted.support.tolist() == np.bincount(true, minlength=classes).tolist()


def test_rows_are_true_and_columns_predicted_as_in_scikit_learn():
    true, predicted = [0, 0, 1, 2], [0, 1, 1, 1]
    counted = ConfusionCounts.from_labels(true, predicted, 3)
    assert counted.to_json() == confusion_matrix(true, predicted).tolist()
    assert counted.to_json()[0][1] == 1


@given(tables(3), tables(3), tables(3))
def test_addition_is_a_commutative_monoid(one, two, three):
    assert one + two == two + one
    assert (one + two) + three == one + (two + three)
    assert one + ConfusionCounts.zero(3) == one
    assert (one + two).total == one.total + two.total
    assert sum([one, two, three], ConfusionCounts.zero(3)) == three + two + one


@given(labelled(), st.integers(0, 60))
def test_counts_of_parts_add_to_the_counts_of_all(case, cut):
    true, predicted, classes = case
    parts = [
        ConfusionCounts.from_labels(true[part], predicted[part], classes)
        for part in (slice(cut), slice(cut, None))
    ]
    assert parts[0] + parts[1] == ConfusionCounts.from_labels(true, predicted, classes)


@given(labelled())
def test_the_binary_view_equals_collapsing_the_labels_first(case):
    true, predicted, classes = case
    counted = ConfusionCounts.from_labels(true, predicted, classes).binary()
    collapsed = [(codes != BENIGN).astype(np.uint8) for codes in (true, predicted)]
    assert counted == ConfusionCounts.from_labels(*collapsed, 2)


@given(tables(4), tables(4))
def test_the_binary_view_of_a_sum_is_the_sum_of_the_binary_views(one, two):
    assert (one + two).binary() == one.binary() + two.binary()
    assert one.binary().binary() == one.binary()
    assert one.binary().total == one.total


@given(tables(3))
def test_lists_give_the_counts_back_through_json(table):
    again = ConfusionCounts.from_list(json.loads(json.dumps(table.to_json())))
    assert again == table
    assert hash(again) == hash(table)


def test_counts_cannot_be_changed():
    source = np.eye(2, dtype=np.int64)
    kept = ConfusionCounts(source)
    source[0, 0] = 7
    assert kept.total == 2
    with pytest.raises(ValueError, match="read-only"):
        kept.matrix[0, 0] = 7


def test_counts_differ_from_other_counts_and_other_things():
    zero = ConfusionCounts.zero(2)
    assert zero != ConfusionCounts.zero(3)
    assert zero != ConfusionCounts.from_list([[1, 0], [0, 0]])
    assert zero != 0
    with pytest.raises(TypeError):
        zero + 0


def test_counts_over_other_classes_do_not_add():
    with pytest.raises(ValueError, match="expected counts over the same classes, found 2 and 3;"):
        ConfusionCounts.zero(2) + ConfusionCounts.zero(3)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [[1]],
        [[1, 2]],
        [[1, 2], [3]],
        [[1, 2], [3, -4]],
        [[0.5, 1.0], [1.0, 1.0]],
        [[float("nan"), 1.0], [1.0, 1.0]],
        [[True, False], [False, True]],
        [[2**70, 0], [0, 0]],
        [[2**63, 0], [0, 0]],
        [["1", "2"], ["3", "4"]],
        [[None, 1], [1, 1]],
        "ab",
        None,
        [[[1, 2], [3, 4]], [[1, 2], [3, 4]]],
    ],
    ids=str,
)
def test_what_is_no_table_of_counts_is_refused(rows):
    with pytest.raises(ValueError, match=r"\Aexpected [^\n]+, found [^\n]+; [^\n]+\Z"):
        ConfusionCounts.from_list(rows)


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        ([0, 1], [0]),
        ([0, 3], [0, 0]),
        ([0, 0], [0, -1]),
        ([0.0, 1.0], [0, 1]),
        ([[0]], [[0]]),
        ([True], [False]),
    ],
)
def test_what_are_no_classes_are_refused(true, predicted):
    with pytest.raises(ValueError, match=r"\Aexpected [^\n]+, found [^\n]+; [^\n]+\Z"):
        ConfusionCounts.from_labels(true, predicted, 3)


def test_metrics_import_numpy_and_nothing_heavier():
    script = "import sys, fednids.metrics; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    tops = {name.partition(".")[0] for name in loaded}
    assert "numpy" in tops
    assert not tops & {"scipy", "pandas", "pyarrow", "sklearn", "flwr", "mindspore"}
    ours = {name for name in loaded if name.startswith("fednids.")}
    assert ours <= {"fednids.metrics", "fednids.plain", *(f"fednids.metrics.{m}" for m in MODULES)}
