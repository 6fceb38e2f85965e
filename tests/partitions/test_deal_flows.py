"""The one door to all schemes: finds them by name and refuses what cannot be dealt."""

from __future__ import annotations

import numpy as np
import pytest

import partitions
from fednids.errors import PartitionError
from partitions import PARTITIONERS, PartitionParameters, Traffic, deal_flows, find_partitioner

LABELS = np.arange(100, dtype=np.uint8) % 5


def deal(scheme="iid", labels=LABELS, gateways=10, minimum=10):
    parameters = PartitionParameters(minimum=minimum)
    rng = np.random.default_rng(0)
    traffic = Traffic(labels)
    return deal_flows(scheme, traffic, gateways=gateways, parameters=parameters, rng=rng)


def test_exports_are_what_is_said():
    assert len(set(partitions.__all__)) == len(partitions.__all__)
    assert all(hasattr(partitions, name) for name in partitions.__all__)


def test_a_scheme_is_found_by_its_name():
    assert find_partitioner("iid") is PARTITIONERS["iid"]
    assert deal("iid").scheme == "iid"


@pytest.mark.parametrize(
    ("scheme", "hint"),
    [("dirichlett", "did you mean 'dirichlet'"), ("IID", "'iid'"), ("zzz", "choose one")],
)
def test_an_unknown_scheme_names_all_and_the_nearest(scheme, hint):
    with pytest.raises(PartitionError) as error:
        deal(scheme)
    assert hint in str(error.value)
    assert all(name in str(error.value) for name in PARTITIONERS)


@pytest.mark.parametrize(
    ("gateways", "minimum", "valid"),
    [(11, 10, "1 to 10"), (0, 10, "1 to 10"), (-1, 0, "1 to 100"), (101, 0, "1 to 100")],
)
def test_too_many_or_too_few_gateways_name_the_range(gateways, minimum, valid):
    with pytest.raises(PartitionError, match=f"{valid} gateways for 100 flows.*found {gateways};"):
        deal(gateways=gateways, minimum=minimum)


def test_fewer_flows_than_one_minimum():
    with pytest.raises(PartitionError, match="at least 101 flows"):
        deal(gateways=1, minimum=101)


@pytest.mark.parametrize(
    "labels", [LABELS[:0], LABELS.astype(np.int64), LABELS[:, None], LABELS / 1]
)
def test_labels_of_another_kind_are_refused(labels):
    with pytest.raises(PartitionError, match="class codes of at least one flow"):
        deal(labels=labels)


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0.0},
        {"alpha": -1.0},
        {"alpha": float("nan")},
        {"alpha": float("inf")},
        {"alpha": 1e7},
        {"classes_per_gateway": 0},
        {"minimum": -1},
        {"shards_per_gateway": 0},
        {"spread": -0.1},
        {"spread": float("nan")},
        {"strength": 1.01},
        {"withheld_share": -0.01},
        {"withheld": "Benign"},
        {"withheld": "DoS, Worm"},
        {"host_side": "both"},
        {"prefix": 0},
        {"prefix": 33},
    ],
    ids=str,
)
def test_parameters_out_of_range_are_refused(wrong):
    with pytest.raises(PartitionError, match=r"^expected .*, found .*; .*$"):
        PartitionParameters(**wrong)


def test_withheld_names_are_read_with_or_without_spaces():
    assert PartitionParameters(withheld=" DoS,Theft ,").withheld_names == ("DoS", "Theft")
    assert PartitionParameters().withheld_names == ()


@pytest.mark.parametrize("name", ["vector", "source", "destination"])
def test_columns_of_other_flows_are_refused(name):
    with pytest.raises(PartitionError, match=rf"^expected {name} of shape \(100,\).*\(3,\);"):
        Traffic(LABELS, **{name: np.zeros(3, np.int32)})
