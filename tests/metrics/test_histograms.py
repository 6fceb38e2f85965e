"""Areas from histograms: bounds hold for scikit-learn's areas of the scores, and gateways add."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score_cases import codes_of, score_of, scored, sides_of
from sklearn.metrics import average_precision_score, roc_auc_score

from fednids.metrics import Curves, CurveScores, ScoreHistograms
from fednids.metrics.curves import Sides, precision_recall_area, roc_area
from fednids.metrics.log_odds import bins_of, log_odds

ROUNDING = 1e-12
cases = settings(max_examples=40, deadline=None)


def sides(positives: list[int], negatives: list[int]) -> Sides:
    return Sides(np.array(positives, np.int64), np.array(negatives, np.int64))


def exact_areas(positives: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """Give scikit-learn's two areas, NaN where it has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both = positives.any() and not positives.all()
        roc = roc_auc_score(positives, scores) if both else math.nan
        return roc, average_precision_score(positives, scores) if positives.any() else math.nan


def holds(area, exact: float) -> bool:
    if math.isnan(exact):
        return all(math.isnan(each) for each in (area.value, area.low, area.high))
    return (
        area.low - ROUNDING <= exact <= area.high + ROUNDING
        and area.low <= area.value <= area.high
        and area.low >= -ROUNDING
        and area.high <= 1 + ROUNDING
    )


@cases
@given(scored())
def test_bounds_hold_for_the_areas_of_every_class(case) -> None:
    logits, labels = case
    histograms = ScoreHistograms.of(logits, labels)
    for code in codes_of(logits):
        found = histograms.one_vs_rest(code)
        roc, average = exact_areas(labels == code, score_of(logits, code))
        assert holds(roc_area(found), roc)
        assert holds(precision_recall_area(found), average)


@cases
@given(scored())
def test_bounds_hold_for_attack_against_benign(case) -> None:
    logits, labels = case
    found = ScoreHistograms.of(logits, labels).attack_vs_benign()
    roc, average = exact_areas(labels != 0, -score_of(logits, 0))
    assert holds(roc_area(found), roc)
    assert holds(precision_recall_area(found), average)


@cases
@given(scored())
def test_values_are_scikit_learns_for_binned_scores(case) -> None:
    logits, labels = case
    histograms = ScoreHistograms.of(logits, labels)
    for code in codes_of(logits):
        binned = bins_of(log_odds(logits)[:, code])
        roc, average = exact_areas(labels == code, binned)
        found = histograms.one_vs_rest(code)
        assert roc_area(found).value == pytest.approx(roc, abs=ROUNDING, nan_ok=True)
        area = precision_recall_area(found).value
        assert area == pytest.approx(average, abs=ROUNDING, nan_ok=True)


@cases
@given(scored())
def test_the_value_is_off_by_half_the_open_pairs_at_most(case) -> None:
    logits, labels = case
    found = roc_area(ScoreHistograms.of(logits, labels).one_vs_rest(0))
    positives, negatives = sides_of(labels == 0, log_odds(logits)[:, 0])
    if not math.isnan(found.value):
        pairs = positives.sum() * negatives.sum()
        share = (positives * negatives).sum() / pairs
        assert found.high - found.low == pytest.approx(share, abs=ROUNDING)
        assert found.value - found.low == pytest.approx(share / 2, abs=ROUNDING)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=3),
    st.integers(0, 2**32),
)
def test_bounds_are_reached_by_some_order(counts, seed) -> None:
    """Bins give bounds; the best and the worst order within bins have exactly them."""
    positives, negatives = (list(side) for side in zip(*counts, strict=True))
    found = sides(positives, negatives)
    if not sum(positives):
        return
    areas = []
    for good in (True, False):
        truth, scores, place = [], [], 0
        for p, n in counts:
            # best: positives tied above negatives; worst: negatives tied above positives
            truth += [False] * n + [True] * p if good else [True] * p + [False] * n
            first = [place] * n if good else list(range(place, place + p))
            last = [place + 1] * p if good else [place + p] * n
            scores += first + last
            place += p + n + 2
        areas.append(exact_areas(np.array(truth), np.array(scores)))
    (best_roc, best), (worst_roc, worst) = areas
    area = precision_recall_area(found)
    assert (area.low, area.high) == pytest.approx((worst, best), abs=ROUNDING)
    if sum(negatives):
        curve = roc_area(found)
        assert (curve.low, curve.high) == pytest.approx((worst_roc, best_roc), abs=ROUNDING)


@cases
@given(scored(), st.integers(1, 6), st.integers(0, 2**32))
def test_gateways_add_to_what_pooling_gives_to_the_bit(case, gateways, seed) -> None:
    logits, labels = case
    owner = np.random.default_rng(seed).integers(gateways, size=len(labels))
    parts = [Curves.of(logits[owner == k], labels[owner == k]) for k in range(gateways)]
    pooled = Curves.of(logits, labels)
    classes = logits.shape[1]
    total = Curves.total([part.tally() for part in reversed(parts)], classes)
    added = parts[0]
    for part in parts[1:]:
        added = added + part
    for found in (total, added):
        assert found.histograms == pooled.histograms
        np.testing.assert_array_equal(found.reliability.grades, pooled.reliability.grades)
        np.testing.assert_array_equal(found.reliability.squares, pooled.reliability.squares)
    assert pooled.histograms.counts.sum() == len(labels) * classes


def test_flows_of_many_are_counted_without_overflow() -> None:
    rng = np.random.default_rng(3)
    small = sides(rng.integers(50, size=256).tolist(), rng.integers(50, size=256).tolist())
    large = Sides(small.positives * 200_000, small.negatives * 200_000)
    assert roc_area(large).value == pytest.approx(roc_area(small).value, abs=1e-12)


def test_no_flows_are_undefined_and_json_says_null() -> None:
    found = CurveScores.of(ScoreHistograms.zero(5), "ABCDE").to_json()
    nothing = {"roc_auc": None, "roc_auc_bounds": [None, None], "pr_auc": None,
               "pr_auc_bounds": [None, None]}  # fmt: skip
    assert found == {**nothing, "per_class": dict.fromkeys("ABCDE", nothing), "binary": nothing}


def test_macro_is_the_mean_of_what_is_defined() -> None:
    rng = np.random.default_rng(5)
    labels = rng.integers(2, size=200)
    found = CurveScores.of(ScoreHistograms.of(rng.normal(size=(200, 3)), labels), "ABC")
    areas = [each.roc.value for each in found.per_class.values()]
    assert math.isnan(areas[2])
    assert found.macro.roc.value == pytest.approx(np.mean(areas[:2]))
    assert found.macro.roc.low <= found.macro.roc.value <= found.macro.roc.high


def test_broken_scores_are_counted_as_undecided() -> None:
    logits = np.array([[np.nan, np.nan], [5, 0], [0, 5]], np.float32)
    found = ScoreHistograms.of(logits, [0, 0, 1])
    assert found.counts.sum() == 6
    assert found.counts[0, 0, 128] == found.counts[0, 1, 128] == 1
