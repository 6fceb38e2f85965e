"""Every member of the registry: its literal definition, and the laws of skew."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from skew_oracles import BY_DEFINITION

from fednids.errors import PartitionError
from partitions.skew import MEASURES, measure_skew
from partitions.skew.measures import summarise, summary_names

CLASSES = ("a", "b", "c", "d", "e")
MOST = {"effective_classes": 5, "effective_gateways": 20, "mutual_information": np.log2(5)}
UNBOUNDED = {"size_variation", "smallest", "largest", "without_flows"}
FROM_ONE = {"effective_classes", "effective_gateways"}

every_measure = pytest.mark.parametrize("name", MEASURES)
counts = st.one_of(st.integers(0, 3), st.integers(0, 99_999))
tables = arrays(np.int64, st.tuples(st.integers(1, 20), st.integers(1, 5)), elements=counts).filter(
    lambda table: bool(table.any())
)


def measure(name, table):
    return np.atleast_1d(MEASURES[name].measure(table))


def test_the_oracle_knows_every_measure():
    assert set(BY_DEFINITION) == set(MEASURES)


@every_measure
@settings(max_examples=50)
@given(table=tables)
def test_it_is_its_literal_definition(name, table):
    wanted = np.atleast_1d(np.array(BY_DEFINITION[name](table.tolist()), dtype=float))
    found = MEASURES[name].measure(table)
    lengths = {"gateway": (len(table),), "class": (table.shape[1],), "plan": (), "size": ()}
    assert found.shape == lengths[MEASURES[name].of]
    assert found.dtype == np.float64
    np.testing.assert_allclose(np.atleast_1d(found), wanted, rtol=1e-9, atol=1e-11)


@every_measure
@settings(max_examples=50)
@given(table=tables)
def test_it_stays_in_its_range(name, table):
    found = measure(name, table)
    found = found[~np.isnan(found)]
    assert (found >= (1 if name in FROM_ONE else 0)).all()
    if name not in UNBOUNDED:
        assert (found <= MOST.get(name, 1) * (1 + 1e-12)).all()


@every_measure
@settings(max_examples=50)
@given(table=tables, seed=st.integers(0, 99))
def test_the_order_of_gateways_and_classes_does_not_matter(name, table, seed):
    rng = np.random.default_rng(seed)
    gateways, classes = rng.permutation(table.shape[0]), rng.permutation(table.shape[1])
    before, after = measure(name, table), measure(name, table[gateways][:, classes])
    moved = {"gateway": gateways, "class": classes}.get(MEASURES[name].of, slice(None))
    np.testing.assert_allclose(after, before[moved], rtol=1e-9, atol=1e-12)


@given(
    row=arrays(np.int64, st.integers(1, 5), elements=counts).filter(lambda row: bool(row.any())),
    times=st.lists(st.integers(1, 9), min_size=1, max_size=20),
)
def test_equal_shares_are_no_label_skew(row, times):
    table = np.outer(times, row)
    for name in ("jensen_shannon", "hellinger", "total_variation", "absent", "mutual_information"):
        found = measure(name, table)
        np.testing.assert_allclose(found[~np.isnan(found)], 0, atol=1e-7)
    assert (measure("coverage", table) == 1).all()


@given(
    dealt=arrays(
        np.int64, st.tuples(st.integers(1, 20), st.integers(1, 30)), elements=st.integers(0, 4)
    )
)
def test_means_are_equal_where_sizes_are(dealt):
    found = summarise(np.array([np.bincount(labels, minlength=5) for labels in dealt]))
    np.testing.assert_allclose(found[:, 0], found[:, 1], rtol=1e-9, atol=1e-12)


def test_weighted_and_unweighted_differ_as_the_sizes_do():
    table = np.array([[90, 0], [0, 10]])
    found = dict(zip(summary_names("ab"), summarise(table), strict=True))
    assert found["total_variation"] == pytest.approx([0.9 * 0.1 + 0.1 * 0.9, 0.5])
    assert found["mutual_information_share"] == pytest.approx([1, 1])
    assert found["absent.a"] == pytest.approx([0.5, 0.5])


def test_gateways_without_flows_are_nan_and_left_out():
    table = np.array([[5, 0, 0], [0, 0, 0], [1, 2, 0]])
    kept = dict(zip(summary_names("abc"), summarise(table[[0, 2]]), strict=True))
    found = dict(zip(summary_names("abc"), summarise(table), strict=True))
    for name, entry in MEASURES.items():
        if entry.of == "gateway":
            assert np.isnan(measure(name, table)).tolist() == [False, True, False]
        if entry.of in ("gateway", "plan"):
            assert found[name] == pytest.approx(kept[name])
    assert found["absent.b"] == pytest.approx([0.5, 0.5])
    assert np.isnan(found["absent.c"]).all()
    assert found["without_flows"].tolist() == [1, 1]


@given(table=tables.filter(lambda table: min(table.shape) > 1))
def test_mutual_information_is_scipys(table):
    wanted = stats.entropy(
        table.ravel(), np.outer(table.sum(axis=1), table.sum(axis=0)).ravel(), base=2
    )
    assert measure("mutual_information", table)[0] == pytest.approx(wanted, abs=1e-11)


@given(table=tables)
def test_effective_classes_are_scipys(table):
    kept = table[table.sum(axis=1) > 0]
    wanted = np.exp(stats.entropy(kept, axis=1))
    np.testing.assert_allclose(measure("effective_classes", kept), wanted, rtol=1e-9)


@given(table=tables)
def test_the_brief_is_the_summary(table):
    brief = measure_skew(table)
    found = dict(zip(summary_names(CLASSES[: table.shape[1]]), summarise(table), strict=True))
    for name in ("jensen_shannon", "hellinger", "total_variation"):
        assert getattr(brief, name) == found[name][0]
    for name in ("coverage", "effective_classes", "size_gini", "smallest", "largest"):
        assert getattr(brief, name) == found[name][1]
    for name in ("mutual_information", "mutual_information_share"):
        assert getattr(brief, name) == pytest.approx(found[name][1], nan_ok=True, abs=0)


def test_the_ends_of_the_scale():
    even = measure_skew(np.full((4, 5), 10))
    assert (even.jensen_shannon, even.hellinger, even.total_variation) == (0, 0, 0)
    assert (even.size_gini, even.coverage, even.mutual_information) == (0, 1, 0)
    assert even.effective_classes == pytest.approx(5)
    split = measure_skew(np.diag([10, 10, 10, 10, 10]))
    assert split.total_variation == pytest.approx(0.8)
    assert split.coverage == pytest.approx(0.2)
    assert split.mutual_information_share == pytest.approx(1)
    assert (split.smallest, split.largest) == (10, 10)


def test_json_has_null_for_what_is_undefined():
    found = measure_skew(np.array([[3], [4]])).to_json()
    assert found["mutual_information_share"] is None
    assert found["smallest"] == 3
    assert found["total_variation"] == 0


@pytest.mark.parametrize(
    "table",
    [np.zeros((2, 3), np.int64), np.zeros((0, 3), np.int64), np.ones(3, np.int64),
     np.ones((2, 2)), np.array([[-1, 2]])],
)  # fmt: skip
def test_what_is_no_table_is_refused_in_one_line(table):
    with pytest.raises(PartitionError) as caught:
        measure_skew(table)
    assert re.fullmatch(r"expected [^\n]+, found [^\n]+; [^\n]+", str(caught.value))
