"""withheld: some gateways never see a class, nobody misses Benign, no flow is lost."""

from __future__ import annotations

import numpy as np
import pytest
from flow_factory import CLASSES
from hypothesis import given
from hypothesis import strategies as st
from traffic_factory import SAMPLE, table

from fednids.errors import PartitionError


@given(
    st.lists(st.integers(30, 90), min_size=5, max_size=5),
    st.integers(2, 12),
    st.floats(0, 1),
    st.integers(0, 4),
    st.integers(0, 2**32),
)
def test_a_share_of_gateways_misses_one_attack_class(totals, gateways, share, minimum, seed):
    dials = {"withheld_share": share, "minimum": minimum}
    counts = table("withheld", totals, gateways, seed, **dials)
    missed = counts == 0
    chosen = int(share * gateways + 1e-9)
    assert missed.sum(axis=1).tolist().count(1) == chosen
    assert missed.sum() == chosen
    assert not missed[:, 0].any()
    assert np.ptp(missed[:, 1:].sum(axis=0)) <= 1
    assert counts.sum(axis=0).tolist() == totals
    assert counts.sum(axis=1).min() >= minimum


def test_named_classes_are_kept_from_the_same_gateways():
    counts = table("withheld", SAMPLE, 10, withheld="DoS,Reconnaissance", withheld_share=0.3)
    missed = counts == 0
    assert missed[:, CLASSES.index("DoS")].sum() == 3
    assert (missed[:, 2] == missed[:, 3]).all()
    assert not missed[:, [0, 1]].any()


def test_repair_gives_no_withheld_class():
    dials = {"withheld": "DDoS,DoS", "withheld_share": 0.5, "minimum": 40}
    counts = table("withheld", [40, 300, 300, 210], 10, **dials)
    kept = counts[:, 1] == 0
    assert kept.sum() == 5
    assert not counts[kept][:, 1:3].any()
    assert counts.sum(axis=1).min() == 40


def test_a_minimum_out_of_reach_is_refused():
    dials = {"withheld": "DDoS", "withheld_share": 0.5, "minimum": 20}
    with pytest.raises(PartitionError, match="within its own classes"):
        table("withheld", [10, 990], 10, **dials)


@pytest.mark.parametrize(
    ("totals", "dials", "message"),
    [
        ([100, 0, 100], {"withheld": "DDoS"}, "flows of class DDoS to withhold, found none"),
        ([100], {}, "flows of attack classes to withhold, found none"),
        ([50, 50], {"withheld": "DDoS", "withheld_share": 1}, "found it withheld from all 4"),
    ],
)
def test_what_cannot_be_is_said(totals, dials, message):
    with pytest.raises(PartitionError, match=message):
        table("withheld", totals, 4, **dials)


def test_no_share_is_every_class_everywhere_in_equal_parts():
    counts = table("withheld", [100, 203, 57], 7, withheld_share=0.0)
    assert np.ptp(counts, axis=0).max() <= 1
