"""Gateways drawn again: the vectorised score against the one of `fednids.metrics`."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from fednids.metrics import ConfusionCounts, scores
from fednids.studies import statistics as resampling
from fednids.studies.statistics import draw_macro_f1, ends

NAMES = ("Benign", "DoS", "Theft")


def dataset(rng: np.random.Generator, gateways: int) -> list[ConfusionCounts]:
    matrices = rng.integers(0, 20, (gateways, 3, 3)) * rng.integers(0, 2, (gateways, 3, 1))
    return [ConfusionCounts(matrix) for matrix in matrices]


def slow_draws(confusions: list[ConfusionCounts], name: str, draws: int) -> list[float]:
    """Add the drawn gateways one by one and score each sum."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    kept = [counts for counts in confusions if counts.total]
    found = []
    for times in rng.multinomial(len(kept), np.full(len(kept), 1 / len(kept)), draws):
        total = sum(n * counts.matrix for n, counts in zip(times, kept, strict=True))
        found.append(scores(ConfusionCounts(np.asarray(total)), NAMES).macro_f1)
    return found


@pytest.mark.parametrize("gateways", [3, 4, 11])
def test_draws_are_scored_as_metrics_score(gateways: int, monkeypatch: pytest.MonkeyPatch) -> None:
    confusions = [*dataset(np.random.default_rng(gateways), gateways)]
    confusions += [ConfusionCounts(np.diag([3, 2, 1])), ConfusionCounts(np.zeros((3, 3), int))]
    expected = slow_draws(confusions, "plan", 40)
    np.testing.assert_allclose(draw_macro_f1(confusions, "plan", 40), expected)
    monkeypatch.setattr(resampling, "_CELLS", 1)
    assert draw_macro_f1(confusions, "plan", 40).shape == (40,)


def test_the_same_plan_has_the_same_gateways_drawn() -> None:
    """A detector that is better at every gateway is better in every draw."""
    good = [ConfusionCounts(np.diag([n, n + 3, 5])) for n in range(1, 9)]
    mixed = [np.array([[n, 0, 0], [n, 3, 0], [0, 0, 5]]) for n in range(1, 9)]
    bad = draw_macro_f1([ConfusionCounts(matrix) for matrix in mixed], "plan", 500)
    assert (draw_macro_f1(good, "plan", 500) > bad).all()
    other = draw_macro_f1([ConfusionCounts(matrix) for matrix in mixed], "other", 500)
    assert not np.array_equal(bad, other)


def test_two_gateways_have_no_interval() -> None:
    draws = draw_macro_f1([ConfusionCounts(np.eye(3, dtype=int))] * 2, "plan", 10)
    assert np.isnan(draws).all()
    assert np.isnan(ends(draws)).all()


def test_ends_leave_out_a_fortieth_on_either_side() -> None:
    assert ends(np.arange(1001) / 1000) == pytest.approx((0.025, 0.975))
