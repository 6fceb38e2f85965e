"""shards: pieces of the sorted flows, equal sizes, few classes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from traffic_factory import table


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=6).filter(any),
    st.integers(1, 12),
    st.integers(1, 6),
    st.integers(0, 2**32),
)
def test_equal_sizes_and_no_more_classes_than_shards_and_borders(totals, most, each, seed):
    gateways = min(most, sum(totals))
    dials = {"shards_per_gateway": each, "minimum": sum(totals) // gateways}
    counts = table("shards", totals, gateways, seed, **dials)
    assert counts.sum(axis=0).tolist() == totals
    assert np.ptp(counts.sum(axis=1)) <= 1
    present = sum(total > 0 for total in totals)
    more = (counts > 0).sum(axis=1) - each
    assert more.max() <= present - 1
    assert np.maximum(more, 0).sum() <= present - 1


def test_shards_within_classes_give_at_most_s():
    for seed in range(20):
        counts = table("shards", [400, 400, 400, 400], 8, seed, shards_per_gateway=2)
        assert ((counts > 0).sum(axis=1) <= 2).all()
        assert set(counts.ravel().tolist()) <= {0, 100, 200}


def test_one_gateway_has_any_two_shards_as_likely():
    both = [table("shards", [100, 100], 4, s, minimum=0)[0, 0] for s in range(500)]
    share = np.bincount(both, minlength=51)[[0, 25, 50]] / 500
    np.testing.assert_allclose(share, [6 / 28, 16 / 28, 6 / 28], atol=0.08)


def test_many_shards_are_near_iid():
    counts = table("shards", [5000, 5000], 4, shards_per_gateway=500)
    assert np.abs(counts - 1250).max() < 150
