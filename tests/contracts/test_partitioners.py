"""What every partitioner promises; parametrised over the registry, so new ones are covered."""

from __future__ import annotations

import re
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traffic_factory import SAMPLE, deal, make_traffic

from fednids.config import PartitionConfig, settings_fault
from fednids.errors import PartitionError
from partitions import PARTITIONERS, PartitionPlan, Traffic

MAY_REFUSE = {"pathological", "extended-dirichlet", "withheld", "host"}
"""Schemes that cannot always be met, and then say so."""
NEED_COLUMNS = {"feature", "host", "host-dirichlet"}
DRAW_NOTHING = {"blocks"}

every_scheme = pytest.mark.parametrize("scheme", PARTITIONERS.names())


def check(plan, traffic, gateways, minimum):
    """Hold one plan against exact cover, no overlap and minimum size."""
    rows = [plan.rows(gateway) for gateway in range(gateways)]
    assert plan.gateways == gateways
    assert sorted(np.concatenate(rows).tolist()) == list(range(len(traffic)))
    assert min(len(own) for own in rows) >= minimum
    assert plan.assignment.dtype == np.int32


@every_scheme
@pytest.mark.parametrize("gateways", [3, 50, 1000])
def test_the_sample_is_covered_once_with_the_minimum(scheme, gateways):
    traffic = make_traffic(SAMPLE)
    check(deal(scheme, traffic, gateways), traffic, gateways, 10)


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
    room = gateways * max(minimum, 1) <= sum(totals)
    refusal = ""
    try:
        traffic = make_traffic(totals)
        plan = deal(
            scheme,
            traffic,
            gateways,
            seed,
            alpha=alpha,
            classes_per_gateway=each,
            shards_per_gateway=each,
            spread=min(alpha, 10),
            strength=min(alpha, 1),
            withheld_share=each / 4,
            host_side="source" if each % 2 else "destination",
            prefix=8 * each,
            minimum=minimum,
        )
    except PartitionError as error:
        refusal = str(error)
    if refusal:
        assert not room or scheme in MAY_REFUSE
        assert re.fullmatch("expected .+, found .+; .+", refusal)
    else:
        assert room
        check(plan, traffic, gateways, minimum)


@every_scheme
def test_the_seed_decides_and_nothing_else(scheme):
    traffic = make_traffic([300, 200, 100])
    kept = [np.array(getattr(traffic, field.name)) for field in fields(traffic)]
    one, same, other = (deal(scheme, traffic, 12, seed) for seed in (5, 5, 6))
    assert one == same
    differs = one.assignment.tolist() != other.assignment.tolist()
    assert differs == (scheme not in DRAW_NOTHING)
    for field, before in zip(fields(traffic), kept, strict=True):
        np.testing.assert_array_equal(getattr(traffic, field.name), before)


@every_scheme
def test_the_global_generator_is_left_alone(scheme):
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    deal(scheme, make_traffic([300, 200, 100]), 12)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@every_scheme
@pytest.mark.parametrize("totals", [(0, 400, 0, 400, 0), (400, 400, 1), (400, 1, 1, 1, 400)])
def test_empty_and_rare_classes(scheme, totals):
    traffic = make_traffic(totals)
    plan = deal(scheme, traffic, 20)
    check(plan, traffic, 20, 10)
    assert plan.label_counts(traffic.labels, len(totals)).sum(axis=0).tolist() == list(totals)


@every_scheme
def test_one_gateway_gets_everything(scheme):
    assert deal(scheme, make_traffic([30, 20]), 1).rows(0).tolist() == list(range(50))


@every_scheme
@pytest.mark.parametrize("gateways", [0, 61])
def test_impossible_numbers_of_gateways_name_the_range(scheme, gateways):
    with pytest.raises(PartitionError, match="1 to 60 gateways for 600 flows"):
        deal(scheme, make_traffic([300, 200, 100]), gateways)


@every_scheme
def test_a_plan_survives_its_file(scheme, tmp_path):
    plan = deal(scheme, make_traffic([300, 200, 100]), 12)
    plan.save(tmp_path / "plan.npz")
    assert PartitionPlan.load(tmp_path / "plan.npz") == plan
    assert plan.scheme == scheme


@every_scheme
def test_labels_are_enough_or_the_missing_column_is_named(scheme):
    labels = make_traffic([300, 200, 100]).labels
    refusal = ""
    try:
        deal(scheme, Traffic(labels), 12)
    except PartitionError as error:
        refusal = str(error)
    assert bool(refusal) == (scheme in NEED_COLUMNS)
    assert not refusal or re.fullmatch("expected .+, found .+; .+", refusal)


@every_scheme
def test_its_settings_are_declared_with_default_and_meaning(scheme):
    assert settings_fault(PARTITIONERS.find(scheme), PartitionConfig) is None


OTHER = {
    "alpha": 3.0,
    "classes_per_gateway": 3,
    "shards_per_gateway": 3,
    "spread": 0.3,
    "feature": "OUT_BYTES",
    "strength": 0.4,
    "withheld": "DDoS",
    "withheld_share": 0.25,
    "host_side": "destination",
    "prefix": 20,
    "label_scheme": "inner-dirichlet",
    "size_scheme": "power-law",
}
"""For each setting a value that is not the default."""


@every_scheme
def test_every_setting_that_it_declares_changes_a_plan(scheme):
    declared = [*PartitionConfig.read({"scheme": scheme}).settings.__class__.model_fields]
    traffic, plain = make_traffic((400, 3000, 4000, 800, 40)), {}
    if "host" in scheme:
        pytest.skip("these hosts are alike on both sides")
    for name in set(declared) - {"noise"}:  # what is noisy is no part of a plan
        one, other = (deal(scheme, traffic, 6, **given) for given in (plain, {name: OTHER[name]}))
        assert one != other, name
