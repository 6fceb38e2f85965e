"""Intervals against literal resampling."""

from __future__ import annotations

import itertools
import math
import zlib

import numpy as np
import pytest

from fednids.studies.statistics import RESAMPLES, Interval, interval


def test_three_values_have_the_interval_of_all_27_resamples() -> None:
    values = [0.2, 0.5, 0.6]
    means = [np.mean(each) for each in itertools.product(values, repeat=3)]
    found = interval(values, "x")
    assert found.mean == pytest.approx(1.3 / 3)
    low, high = np.percentile(means, [2.5, 97.5], method="inverted_cdf")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-12)
    assert (low, high) == pytest.approx((0.2, 0.6))


def test_many_values_have_the_percentiles_of_literal_draws() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.1, 20)
    rng = np.random.default_rng(zlib.crc32(b"name"))
    means = values[rng.integers(0, 20, (RESAMPLES, 20))].mean(axis=1)
    found = interval(values.tolist(), "name")
    assert (found.low, found.high) == pytest.approx(
        tuple(np.percentile(means, [2.5, 97.5])), abs=2e-3
    )
    assert found.low < found.mean < found.high
    assert found == interval(values.tolist(), "name")
    assert found != interval(values.tolist(), "another name")


def test_undefined_values_do_not_count() -> None:
    assert interval([math.nan, 0.2, 0.4, 0.6], "x") == interval([0.2, 0.4, 0.6], "x")
    assert interval([math.nan], "x").count == 0
    assert math.isnan(interval([math.nan], "x").mean)


@pytest.mark.parametrize("values", [[0.3], [0.3, 0.5]])
def test_fewer_than_three_have_no_interval(values: list[float]) -> None:
    found = interval(values, "x")
    assert found.mean == pytest.approx(np.mean(values))
    assert math.isnan(found.low)
    assert found.to_json()["low"] is None
    assert found.verdict == "n/a: fewer than 3 pairs"


def test_equal_values_have_an_interval_of_no_width() -> None:
    found = interval([0.25] * 4, "x")
    assert (found.low, found.mean, found.high) == (0.25, 0.25, 0.25)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.1, 0.2, "no difference seen"),
        (0.0, 0.2, "no difference seen"),
        (0.01, 0.2, "higher"),
        (-0.3, -0.01, "lower"),
    ],
)
def test_a_difference_is_shown_where_the_interval_leaves_zero_out(
    low: float, high: float, verdict: str
) -> None:
    assert Interval((low + high) / 2, low, high, 5).verdict == verdict
