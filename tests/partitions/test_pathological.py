"""pathological: exactly k classes each, all classes covered, equal shares, or a clear error."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import oracles
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fednids.errors import PartitionError
from partitions import Traffic, deal_flows
from partitions.tables import raise_within

SAMPLE = (899, 59_186, 116_903, 18_135, 23)


def deal(totals, gateways, each, minimum=0, seed=0):
    """Return the table of counts, ``(K, C)``, of one deal."""
    labels = np.repeat(np.arange(len(totals), dtype=np.uint8), totals)
    settings = {"classes_per_gateway": each}
    rng = np.random.default_rng(seed)
    plan = deal_flows(
        "pathological",
        Traffic(labels),
        gateways=gateways,
        settings=settings,
        minimum=minimum,
        rng=rng,
    )
    return plan.label_counts(labels, len(totals))


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
    st.integers(1, 12),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
def test_exactly_k_classes_whenever_that_is_possible(totals, gateways, each, seed):
    present = sum(total > 0 for total in totals)
    assume(gateways <= sum(totals))
    places = sum(min(total, gateways) for total in totals)
    possible = each <= present <= gateways * each <= places
    if not possible:
        with pytest.raises(PartitionError) as error:
            deal(totals, gateways, each, seed=seed)
        assert "\n" not in str(error.value)
        return
    counts = deal(totals, gateways, each, seed=seed)
    held = counts > 0
    assert (held.sum(axis=1) == each).all()
    assert (held.sum(axis=0) > 0).tolist() == [total > 0 for total in totals]
    for code in np.flatnonzero(totals):
        assert np.ptp(counts[held[:, code], code]) <= 1


@pytest.mark.parametrize(
    ("gateways", "each"), [(20, 1), (20, 2), (20, 5), (1000, 1), (1000, 2), (1000, 3)]
)
def test_the_sample_with_the_default_minimum(gateways, each):
    for seed in range(3):
        counts = deal(SAMPLE, gateways, each, minimum=10, seed=seed)
        assert ((counts > 0).sum(axis=1) == each).all()
        assert counts.sum(axis=1).min() >= 10


def test_places_are_shared_out_evenly():
    holders = (deal([500] * 4, 10, 2) > 0).sum(axis=0)
    assert holders.tolist() == [5, 5, 5, 5]


def test_a_rare_class_goes_to_as_many_as_can_have_their_part_of_the_minimum():
    holders = (deal([23, 5000, 5000], 30, 2, minimum=10) > 0).sum(axis=0)
    assert holders.tolist() == [4, 28, 28]


def test_a_rare_class_is_spread_thin_only_where_places_cannot_be_filled_otherwise():
    counts = deal(SAMPLE, 20, 5, minimum=10)
    assert counts[:, 4].min() == 1
    assert counts[:, 4].max() == 2


def test_all_pairs_of_classes_are_as_likely():
    seen = dict.fromkeys(combinations(range(4), 2), 0)
    for seed in range(60):
        for row in deal([200] * 4, 20, 2, seed=seed) > 0:
            seen[tuple(np.flatnonzero(row).tolist())] += 1
    expected = 60 * 20 / 6
    assert max(abs(count - expected) for count in seen.values()) < 5 * math.sqrt(expected)


def test_all_gateways_are_as_likely_to_hold_a_rare_class():
    holds = sum(deal([4, 90, 90], 6, 1, seed=seed)[:, 0] > 0 for seed in range(400))
    assert abs(holds / 400 - 2 / 6).max() < 0.11


def test_the_minimum_is_filled_from_the_own_classes_of_a_gateway():
    counts = deal([1, 100, 100], 10, 2, minimum=20)
    sizes = counts.sum(axis=1)
    assert sorted(sizes.tolist()) == [20] * 9 + [21]
    assert counts[counts[:, 0] > 0].max() == 19
    assert ((counts > 0).sum(axis=1) == 2).all()


def test_filling_never_takes_the_last_flow_of_a_class():
    counts = np.array([[1, 1, 0], [2, 0, 20], [0, 5, 20]])
    assert raise_within(counts, counts > 0, 7, keep=1).tolist() == [
        [2, 5, 0],
        [1, 0, 20],
        [0, 1, 20],
    ]


def test_the_minimum_can_be_out_of_reach():
    with pytest.raises(PartitionError, match=r"at least 10 flows.*within its own classes.*lower"):
        deal([4, 300], 6, 1, minimum=10)


@pytest.mark.parametrize(
    ("totals", "gateways", "each", "message"),
    [
        ([50, 0, 50], 4, 3, "expected 1 to 2 classes per gateway.*found 3"),
        ([50, 50, 50], 1, 2, "cover all 3 classes, found 1 x 2; take at least 2 gateways"),
        ([3, 50, 50], 9, 3, "expected at most 3 gateways for 3 classes each.*found 9"),
    ],
)
def test_what_cannot_be_dealt_is_said_with_the_range(totals, gateways, each, message):
    with pytest.raises(PartitionError, match=message):
        deal(totals, gateways, each)


@given(st.lists(st.integers(1, 15), min_size=2, max_size=5), st.integers(2, 4))
def test_the_largest_number_of_gateways_is_named(totals, each):
    assume(each <= len(totals))
    most = oracles.most_gateways_by_trial(totals, each)
    assume(most * each >= len(totals))
    deal(totals, most, each)
    assume(most + 1 <= sum(totals))
    with pytest.raises(PartitionError, match=f"at most {most} gateways"):
        deal(totals, most + 1, each)
