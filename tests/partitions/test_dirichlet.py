"""dirichlet: shares follow Dir(alpha), for any class size, alpha and number of gateways."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from scipy import stats

from partitions import Traffic, deal_flows

SAMPLE = (899, 59_186, 116_903, 18_135, 23)


def repeat_labels(totals, seed=0):
    labels = np.repeat(np.arange(len(totals), dtype=np.uint8), totals)
    return np.random.default_rng(seed).permutation(labels)


def deal_many(labels, gateways, alpha, draws, classes):
    """Count flows of each class at each gateway over many deals: ``(draws, K, C)``."""
    rng = np.random.default_rng(11)
    plans = (
        deal_flows(
            "dirichlet",
            Traffic(labels),
            gateways=gateways,
            settings={"alpha": alpha},
            minimum=0,
            rng=rng,
        )
        for _ in range(draws)
    )
    return np.array([plan.label_counts(labels, classes) for plan in plans])


@pytest.mark.parametrize("alpha", [0.05, 0.5, 5.0])
def test_mean_and_variance_of_the_shares(alpha):
    totals, gateways, draws = np.array([4000, 1000]), 6, 700
    counts = deal_many(repeat_labels(totals), gateways, alpha, draws, 2)
    shares = counts / totals
    mean = 1 / gateways
    variance = mean * (1 - mean) / (gateways * alpha + 1)
    np.testing.assert_allclose(shares.mean(axis=0), mean, atol=4.5 * np.sqrt(variance / draws))
    np.testing.assert_allclose(shares.var(axis=(0, 1)), variance, rtol=0.12)
    between = np.corrcoef(shares[:, 0, 0], shares[:, 0, 1])[0, 1]
    assert abs(between) < 4 / np.sqrt(draws)


def test_a_rare_class_has_the_same_mean_everywhere():
    counts = deal_many(repeat_labels([40, 3]), 8, 100.0, 1500, 2)
    np.testing.assert_allclose(counts[:, :, 1].mean(axis=0), 3 / 8, atol=0.055)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 20.0])
def test_agrees_with_the_definition(alpha):
    labels, gateways, draws = repeat_labels([150, 40]), 4, 250
    fast = deal_many(labels, gateways, alpha, draws, 2)
    rng = np.random.default_rng(12)
    slow = np.zeros_like(fast)
    for draw in range(draws):
        dealt = oracles.dirichlet_by_definition(labels, gateways, alpha, rng)
        np.add.at(slow[draw], (dealt, labels), 1)
    for code in (0, 1):
        for of in (np.max, np.min, lambda counts, axis: counts[:, 0]):
            same = stats.ks_2samp(of(fast[:, :, code], axis=1), of(slow[:, :, code], axis=1))
            assert same.pvalue > 1e-3
    sizes = stats.ks_2samp(fast.sum(axis=2).max(axis=1), slow.sum(axis=2).max(axis=1))
    assert sizes.pvalue > 1e-3


def test_skew_falls_as_alpha_rises():
    labels = repeat_labels([500, 500, 500])
    spread = [
        np.abs(deal_many(labels, 10, alpha, 20, 3) - 50).mean()
        for alpha in (0.01, 0.1, 1.0, 10.0, 1000.0)
    ]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 3


@pytest.mark.parametrize("alpha", [0.01, 0.5, 1000.0])
@pytest.mark.parametrize("gateways", [1, 20, 1000])
def test_the_sample_to_any_number_of_gateways(alpha, gateways):
    labels = repeat_labels(SAMPLE)
    rng = np.random.default_rng(3)
    plan = deal_flows(
        "dirichlet", Traffic(labels), gateways=gateways, settings={"alpha": alpha}, rng=rng
    )
    assert plan.sizes().min() >= 10
    assert plan.label_counts(labels, 5).sum(axis=0).tolist() == list(SAMPLE)


def test_the_minimum_leaves_large_enough_gateways_alone_but_the_largest():
    labels = repeat_labels(SAMPLE)

    def sizes(minimum):
        settings = {"alpha": 0.05}
        rng = np.random.default_rng(9)
        plan = deal_flows(
            "dirichlet", Traffic(labels), gateways=50, settings=settings, minimum=minimum, rng=rng
        )
        return plan.sizes()

    drawn, repaired = sizes(0), sizes(10)
    assert drawn.min() < 10
    changed = drawn != repaired
    assert (repaired[drawn < 10] == 10).all()
    givers = changed & (drawn >= 10)
    assert drawn[givers].min() >= np.sort(drawn)[-givers.sum()]
    assert givers.sum() < 5
