"""What every partitioner promises; parametrised over the registry, so new ones are covered."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fednids.errors import PartitionError
from partitions import PARTITIONERS, PartitionParameters, PartitionPlan, deal_flows

SAMPLE = (899, 59_186, 116_903, 18_135, 23)
MAY_REFUSE = {"pathological"}
"""Schemes that cannot always be met, and then say so."""

every_scheme = pytest.mark.parametrize("scheme", PARTITIONERS)


def make_labels(totals, seed=0):
    labels = np.repeat(np.arange(len(totals), dtype=np.uint8), totals)
    return np.random.default_rng(seed).permutation(labels)


def deal(scheme, labels, gateways, seed=0, **parameters):
    return deal_flows(
        scheme,
        labels,
        gateways=gateways,
        parameters=PartitionParameters(**parameters),
        rng=np.random.default_rng(seed),
    )


def check(plan, labels, gateways, minimum):
    """Hold one plan against exact cover, no overlap and minimum size."""
    rows = [plan.rows(gateway) for gateway in range(gateways)]
    assert plan.gateways == gateways
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(labels)))
    assert min(len(own) for own in rows) >= minimum
    assert plan.assignment.dtype == np.int32


@every_scheme
@pytest.mark.parametrize("gateways", [3, 50, 1000])
def test_the_sample_is_covered_once_with_the_minimum(scheme, gateways):
    labels = make_labels(SAMPLE)
    check(deal(scheme, labels, gateways), labels, gateways, 10)


@every_scheme
@settings(max_examples=60, deadline=None)
@given(
    totals=st.lists(st.integers(0, 60), min_size=1, max_size=6),
    gateways=st.integers(1, 12),
    alpha=st.sampled_from([1e-6, 0.01, 0.3, 5.0, 1000.0, 1e6]),
    each=st.integers(1, 4),
    minimum=st.integers(0, 8),
    seed=st.integers(0, 2**63),
)
def test_any_flows_are_dealt_or_refused_in_one_line(
    scheme, totals, gateways, alpha, each, minimum, seed
):
    labels = make_labels(totals)
    room = gateways * max(minimum, 1) <= len(labels)
    refusal = ""
    try:
        plan = deal(
            scheme, labels, gateways, seed, alpha=alpha, classes_per_gateway=each, minimum=minimum
        )
    except PartitionError as error:
        refusal = str(error)
    if refusal:
        assert not room or scheme in MAY_REFUSE
        assert re.fullmatch("expected .+, found .+; .+", refusal)
    else:
        assert room
        check(plan, labels, gateways, minimum)


@every_scheme
def test_the_seed_decides_and_nothing_else(scheme):
    labels = make_labels([300, 200, 100])
    kept = labels.copy()
    one, same, other = (deal(scheme, labels, 12, seed) for seed in (5, 5, 6))
    assert one == same
    assert one.assignment.tolist() != other.assignment.tolist()
    assert labels.tolist() == kept.tolist()


@every_scheme
def test_the_global_generator_is_left_alone(scheme):
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    deal(scheme, make_labels([300, 200, 100]), 12)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@every_scheme
@pytest.mark.parametrize("totals", [(0, 400, 0, 400, 0), (400, 400, 1), (400, 1, 1, 1, 400)])
def test_empty_and_rare_classes(scheme, totals):
    labels = make_labels(totals)
    plan = deal(scheme, labels, 20)
    check(plan, labels, 20, 10)
    assert plan.label_counts(labels, len(totals)).sum(axis=0).tolist() == list(totals)


@every_scheme
def test_one_gateway_gets_everything(scheme):
    labels = make_labels([30, 20])
    assert deal(scheme, labels, 1).rows(0).tolist() == list(range(50))


@every_scheme
@pytest.mark.parametrize("gateways", [0, 61])
def test_impossible_numbers_of_gateways_name_the_range(scheme, gateways):
    with pytest.raises(PartitionError, match="1 to 60 gateways for 600 flows"):
        deal(scheme, make_labels([300, 200, 100]), gateways)


@every_scheme
def test_a_plan_survives_its_file(scheme, tmp_path):
    plan = deal(scheme, make_labels([300, 200, 100]), 12)
    plan.save(tmp_path / "plan.npz")
    assert PartitionPlan.load(tmp_path / "plan.npz") == plan
    assert plan.scheme == scheme
