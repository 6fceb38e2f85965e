"""iid: sizes within one, and gateways that look like the whole."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from partitions import PartitionPlan, Traffic, deal_flows


@given(st.integers(1, 200), st.data())
def test_sizes_differ_by_at_most_one(flows, data):
    gateways = data.draw(st.integers(1, flows))
    labels = np.zeros(flows, dtype=np.uint8)
    rng = np.random.default_rng(0)
    plan = deal_flows("iid", Traffic(labels), gateways=gateways, minimum=0, rng=rng)
    assert np.ptp(plan.sizes()) <= 1


def test_labels_are_hypergeometric():
    labels = np.repeat(np.arange(2, dtype=np.uint8), [900, 100])
    rng = np.random.default_rng(1)
    seen = [
        PartitionPlan.label_counts(
            deal_flows("iid", Traffic(labels), gateways=10, minimum=0, rng=rng),
            labels,
            2,
        )[:, 1]
        for _ in range(300)
    ]
    assert np.mean(seen) == 10
    assert abs(np.var(seen) - 100 * 0.1 * 0.9 * 900 / 999) < 0.8
