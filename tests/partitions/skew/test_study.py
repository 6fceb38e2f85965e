"""The yardstick, and the report that holds measures beside it."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fednids.errors import PartitionError
from partitions import PartitionPlan, deal_flows
from partitions.interface import Traffic
from partitions.skew import (
    MEASURES,
    Features,
    draw_iid_tables,
    feature_distances,
    measure_skew,
    study_skew,
)

CLASSES = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")
SHARES = (0.02, 0.3, 0.58, 0.095, 0.005)
GROWING = ("jensen_shannon", "hellinger", "total_variation", "mutual_information")
"""Measures that grow with skew."""


def labels_of(flows, seed=0):
    return np.random.default_rng(seed).choice(5, flows, p=SHARES).astype(np.uint8)


def study(plan, labels, seed=1, **more):
    rng = np.random.default_rng(seed)
    return study_skew(plan, labels, classes=CLASSES, rng=rng, **more)


def make_features(flows, seed=2):
    rng = np.random.default_rng(seed)
    return Features(("x", "y"), rng.normal(size=(50, 2)), rng.integers(0, 50, flows))


# --- the yardstick ------------------------------------------------------------------------------


@given(
    st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=1, max_size=9),
    st.integers(0, 99),
)
def test_iid_tables_keep_sizes_and_classes(rows, seed):
    table = np.array(rows)
    for drawn in draw_iid_tables(table, 3, np.random.default_rng(seed)):
        assert (drawn >= 0).all()
        assert (drawn.sum(axis=0) == table.sum(axis=0)).all()
        assert (drawn.sum(axis=1) == table.sum(axis=1)).all()


def test_iid_tables_are_distributed_as_shuffled_assignments():
    sizes, totals, draws = (5, 20, 75), (60, 30, 10), 3000
    assignment, labels = np.repeat([0, 1, 2], sizes), np.repeat([0, 1, 2], totals)
    table = np.array([[5, 0, 0], [20, 0, 0], [35, 30, 10]])
    found = np.array(list(draw_iid_tables(table, draws, np.random.default_rng(3))))
    rng = np.random.default_rng(4)
    shuffled = (3 * rng.permutation(assignment) + labels for _ in range(draws))
    wanted = np.array([np.bincount(cells, minlength=9).reshape(3, 3) for cells in shuffled])
    for gateway in range(3):
        for code in range(3):
            pair = (found[:, gateway, code], wanted[:, gateway, code])
            assert stats.ks_2samp(*pair).pvalue > 1e-4


def test_iid_plans_lie_in_their_interval_as_often_as_it_says():
    labels, trials = labels_of(4000), 200
    assignment = np.repeat(np.arange(20), np.linspace(20, 380, 20).astype(int))
    plan = PartitionPlan("x", assignment, 20)
    rng = np.random.default_rng(5)
    labels = labels[: len(assignment)]
    report = study(plan, labels, iid_tables=1000)
    inside = dict.fromkeys(GROWING, 0)
    for _ in range(trials):
        dealt = PartitionPlan("x", rng.permutation(assignment), 20)
        found = measure_skew(dealt.label_counts(labels, 5))
        for name in GROWING:
            row = report.find(name)
            inside[name] += row.iid_weighted_low <= getattr(found, name) <= row.iid_weighted_high
    for hits in inside.values():
        assert stats.binomtest(hits, trials, 0.95).pvalue > 1e-4


def test_the_iid_scheme_lies_near_its_yardstick_and_in_it_mostly():
    traffic = Traffic(labels_of(5000))
    inside = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        plan = deal_flows("iid", traffic, gateways=25, rng=rng)
        row = study(plan, traffic.labels, seed=seed, iid_tables=60).find("total_variation")
        assert 0.5 * row.iid_unweighted < row.unweighted < 1.5 * row.iid_unweighted
        inside.append(row.iid_unweighted_low <= row.unweighted <= row.iid_unweighted_high)
    assert sum(inside) >= 31


def test_a_sorted_deal_lies_far_outside():
    labels = np.sort(labels_of(4000))
    plan = PartitionPlan("x", np.arange(4000) // 200, 20)
    report = study(plan, labels)
    for name in GROWING:
        row = report.find(name)
        assert row.weighted > 3 * row.iid_weighted_high > 3 * row.iid_weighted > 0
        assert row.iid_weighted_low < row.iid_weighted
    coverage = report.find("coverage")
    assert coverage.unweighted < coverage.iid_unweighted_low


def test_the_feature_yardstick_is_what_iid_plans_measure():
    rng, features = np.random.default_rng(6), make_features(2000)
    labels = labels_of(2000)
    plan = PartitionPlan("x", rng.integers(0, 8, 2000), 8)
    report = study(plan, labels, features=features, iid_shuffles=40)
    row = report.find("wasserstein")
    means = [
        feature_distances(features, [rng.permutation(plan.assignment)], 8).mean() for _ in range(40)
    ]
    assert stats.norm.sf(
        abs(np.mean(means) - row.iid_unweighted) / (np.std(means) * np.sqrt(2 / 40))
    ) > 1e-4  # fmt: skip
    by_feature = PartitionPlan(
        "x", np.argsort(np.argsort(features.values[features.vector, 0])) // 250, 8
    )
    skewed = study(by_feature, labels, features=features).find("wasserstein.x")
    assert skewed.weighted > 3 * skewed.iid_weighted_high


# --- dirichlet ----------------------------------------------------------------------------------


def test_dirichlets_skew_falls_as_alpha_rises():
    traffic, gateways = Traffic(labels_of(6000)), 12
    means = []
    for alpha in (0.03, 0.2, 1.0, 8.0, 200.0):
        settings = {"alpha": alpha}
        found = []
        for seed in range(25):
            rng = np.random.default_rng(seed)
            plan = deal_flows(
                "dirichlet", traffic, gateways=gateways, settings=settings, minimum=0, rng=rng
            )
            skew = measure_skew(plan.label_counts(traffic.labels, 5))
            found.append([getattr(skew, name) for name in GROWING] + [-skew.effective_classes])
        means.append(np.mean(found, axis=0))
    assert (np.diff(means, axis=0) < 0).all()


# --- the report ---------------------------------------------------------------------------------


def small_report(**more):
    labels = labels_of(500)
    assignment = np.random.default_rng(8).integers(0, 6, 500)
    plan = PartitionPlan("some", np.where(assignment == 4, 3, assignment), 6)
    return plan, labels, study(plan, labels, features=make_features(500), **more)


def test_the_gateway_sheet_has_a_row_a_gateway():
    plan, labels, report = small_report()
    sheet = report.gateways
    frame = pd.DataFrame(sheet.rows, columns=sheet.columns)
    assert frame["partition_id"].tolist() == list(range(6))
    counts = plan.label_counts(labels, 5)
    assert (frame[[f"flows.{name}" for name in CLASSES]].to_numpy() == counts).all()
    assert (frame["flows"] == counts.sum(axis=1)).all()
    for name, measure in MEASURES.items():
        assert (name in frame) == (measure.of == "gateway")
        if name in frame:
            np.testing.assert_array_equal(frame[name], measure.measure(counts))
    distances = feature_distances(make_features(500), [plan.assignment], 6)[0]
    np.testing.assert_array_equal(frame[["wasserstein.x", "wasserstein.y"]], distances)
    np.testing.assert_allclose(frame["wasserstein"], distances.mean(axis=1))
    assert frame.loc[4, "flows"] == 0
    assert frame.loc[4, ["jensen_shannon", "coverage", "wasserstein"]].isna().all()


def test_the_summary_sheet_has_a_row_a_measure():
    _, _, report = small_report()
    sheet = report.summary_sheet()
    frame = pd.DataFrame(sheet.rows, columns=sheet.columns).set_index("measure")
    of_gateways = [name for name, measure in MEASURES.items() if measure.of != "class"]
    absent = [f"absent.{name}" for name in CLASSES]
    shifts = ["wasserstein", "wasserstein.x", "wasserstein.y"]
    assert sorted(frame.index) == sorted(of_gateways + absent + shifts)
    sizes = [name for name, measure in MEASURES.items() if measure.of == "size"]
    yardsticks = frame.filter(like="iid")
    assert yardsticks.loc[sizes].isna().all(axis=None)
    assert yardsticks.drop(index=sizes).notna().all(axis=None)
    assert (frame["iid_weighted_low"] <= frame["iid_weighted_high"]).loc[GROWING[0]]
    gateways = pd.DataFrame(report.gateways.rows, columns=report.gateways.columns)
    assert frame.loc["wasserstein", "unweighted"] == pytest.approx(gateways["wasserstein"].mean())
    kept = gateways[gateways["flows"] > 0]
    weighted = np.average(kept["hellinger"], weights=kept["flows"])
    assert frame.loc["hellinger", "weighted"] == pytest.approx(weighted)


def test_json_is_plain_and_has_null_for_nan():
    _, _, report = small_report()
    found = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert set(found) == {field.name for field in fields(report)}
    assert found["gateways"][4]["jensen_shannon"] is None
    assert found["gateways"][4]["flows"] == 0
    assert (found["scheme"], found["flows"]) == ("some", 500)
    gini = next(row for row in found["summary"] if row["measure"] == "size_gini")
    assert gini["iid_weighted"] is None
    assert gini["weighted"] == report.find("size_gini").weighted


def test_one_seed_is_one_report_and_no_draw_no_yardstick():
    assert json.dumps(small_report()[2].to_json()) == json.dumps(small_report()[2].to_json())
    before = np.random.default_rng(1)
    none = study_skew(
        *small_report()[:2], classes=CLASSES, iid_tables=0, iid_shuffles=0, rng=before,
        features=make_features(500),
    )  # fmt: skip
    assert before.bit_generator.state == np.random.default_rng(1).bit_generator.state
    assert np.isnan(
        [none.find("hellinger").iid_weighted, none.find("wasserstein").iid_weighted]
    ).all()
    assert none.find("hellinger").weighted == small_report()[2].find("hellinger").weighted


def test_without_features_labels_and_sizes_are_studied():
    report = study(PartitionPlan("x", np.zeros(9, np.int32), 1), labels_of(9))
    assert (report.iid_tables, report.iid_shuffles) == (100, 0)
    assert not [row for row in report.summary if row.measure.startswith("wasserstein")]
    with pytest.raises(KeyError):
        report.find("wasserstein")


def test_a_plan_of_no_flows_is_refused():
    plan = PartitionPlan("x", np.zeros(0, np.int32), 2)
    with pytest.raises(PartitionError, match="expected at least one flow"):
        study(plan, np.zeros(0, np.uint8))
