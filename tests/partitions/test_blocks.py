"""blocks: file order, cut evenly."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from traffic_factory import deal

from partitions import Traffic


@given(st.integers(1, 300), st.data())
def test_blocks_are_contiguous_in_order_and_equal(flows, data):
    gateways = data.draw(st.integers(1, flows))
    plan = deal("blocks", Traffic(np.zeros(flows, np.uint8)), gateways, minimum=0)
    assert set(np.diff(plan.assignment).tolist()) <= {0, 1}
    assert (plan.assignment[0], plan.assignment[-1]) == (0, gateways - 1)
    assert np.ptp(plan.sizes()) <= 1
