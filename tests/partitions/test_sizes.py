"""Size schemes: literal formulas, to within one flow, and nothing but the minimum beside."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from traffic_factory import SIZE_SCHEMES, deal, make_labels

from partitions import Traffic, deal_flows

FORMULAS = {
    "linear": lambda i, spread: i,
    "square": lambda i, spread: i**2,
    "exponential": lambda i, spread: math.exp(i),
    "power-law": lambda i, spread: i**-spread,
    "iid": lambda i, spread: 1,
}


def sizes(scheme, flows, gateways, seed=0, **parameters):
    traffic = Traffic(np.zeros(flows, np.uint8))
    return deal(scheme, traffic, gateways, seed, **{"minimum": 0, **parameters}).sizes()


@pytest.mark.parametrize("scheme", FORMULAS)
@given(st.integers(1, 40), st.integers(0, 3000), st.floats(0, 5), st.integers(0, 2**32))
def test_sizes_follow_their_formula(scheme, gateways, more, spread, seed):
    weights = [FORMULAS[scheme](i, spread) for i in range(1, gateways + 1)]
    found = sizes(scheme, gateways + more, gateways, seed, spread=spread)
    expected = (gateways + more) * np.array(weights) / sum(weights)
    assert np.abs(found - expected).max() < 1 + 1e-6


def test_exponential_never_overflows_and_holds_the_minimum():
    with np.errstate(all="raise", under="ignore"):
        found = sizes("exponential", 600_100, 2000, minimum=10)
    assert found.sum() == 600_100
    assert found[:1980].tolist() == [10] * 1980
    assert found[-1] == pytest.approx((600_100) * (1 - 1 / math.e), rel=0.06)


def test_log_normal_sizes_have_normal_logarithms():
    spread = 0.7
    draws = np.array([sizes("log-normal", 200_000, 40, s, spread=spread) for s in range(40)])
    logs = np.log(draws)
    logs = (logs - logs.mean(axis=1, keepdims=True)).ravel() / (spread * math.sqrt(39 / 40))
    assert stats.kstest(logs, "norm").pvalue > 1e-3


@pytest.mark.parametrize("scheme", ["log-normal", "power-law"])
def test_no_spread_is_equal_sizes(scheme):
    assert np.ptp(sizes(scheme, 1003, 17, spread=0)) <= 1


@pytest.mark.parametrize("scheme", SIZE_SCHEMES)
def test_every_gateway_has_the_mix_of_the_whole(scheme):
    labels = make_labels([30_000, 60_000, 10_000])
    rng = np.random.default_rng(2)
    plan = deal_flows(scheme, Traffic(labels), gateways=20, minimum=500, rng=rng)
    mix = plan.label_counts(labels, 3) / plan.sizes()[:, None]
    error = np.abs(mix - [0.3, 0.6, 0.1]) / np.sqrt(0.25 / plan.sizes()[:, None])
    assert error.max() < 4


@given(st.sampled_from(sorted(SIZE_SCHEMES)), st.integers(0, 20), st.integers(0, 2**32))
def test_the_minimum_is_filled_from_the_largest(scheme, minimum, seed):
    without = sizes(scheme, 1000, 30, seed, alpha=0.05, spread=3)
    found = sizes(scheme, 1000, 30, seed, alpha=0.05, spread=3, minimum=minimum)
    assert (found[without <= minimum] == minimum).all()
    giving = without - found > 0
    assert not giving.any() or found[giving].max() - found[giving].min() <= 1
    assert not giving.any() or found[~giving].max() <= found[giving].max() + 1
