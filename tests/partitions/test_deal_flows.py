"""The one door to all schemes: finds them by name and refuses what cannot be dealt."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import Field

import partitions
from fednids.config import Section, settings_of
from fednids.errors import ConfigError, FednidsError, PartitionError
from partitions import PARTITIONERS, LabelScheme, SizeScheme, Traffic, deal_flows
from partitions.interface import fault_of

LABELS = np.arange(100, dtype=np.uint8) % 5
CLASSES = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")


def deal(scheme="iid", labels=LABELS, gateways=10, minimum=10, **settings):
    rng = np.random.default_rng(0)
    traffic = Traffic(labels, classes=CLASSES)
    return deal_flows(
        scheme, traffic, gateways=gateways, settings=settings, minimum=minimum, rng=rng
    )


def test_exports_are_what_is_said():
    assert len(set(partitions.__all__)) == len(partitions.__all__)
    assert all(hasattr(partitions, name) for name in partitions.__all__)


def test_a_scheme_is_found_by_its_name():
    assert deal("iid").scheme == "iid"


@pytest.mark.parametrize(
    ("scheme", "hint"),
    [("dirichlett", "did you mean dirichlet"), ("IID", "iid"), ("zzz", "choose one")],
)
def test_an_unknown_scheme_names_all_and_the_nearest(scheme, hint):
    with pytest.raises(ConfigError) as error:
        deal(scheme)
    assert hint in str(error.value)
    assert all(name in str(error.value) for name in PARTITIONERS.names())


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
    ("scheme", "wrong"),
    [
        ("dirichlet", {"alpha": 0.0}),
        ("quantity", {"alpha": -1.0}),
        ("inner-dirichlet", {"alpha": float("nan")}),
        ("extended-dirichlet", {"alpha": float("inf")}),
        ("host-dirichlet", {"alpha": 1e7}),
        ("pathological", {"classes_per_gateway": 0}),
        ("iid", {"minimum": -1}),
        ("shards", {"shards_per_gateway": 0}),
        ("power-law", {"spread": -0.1}),
        ("log-normal", {"spread": float("nan")}),
        ("feature", {"strength": 1.01}),
        ("withheld", {"withheld_share": -0.01}),
        ("withheld", {"withheld": "Benign"}),
        ("withheld", {"withheld": "DoS, Worm"}),
        ("host", {"host_side": "both"}),
        ("host-dirichlet", {"prefix": 0}),
        ("host-dirichlet", {"prefix": 33}),
        ("iid", {"alpha": 1.0}),
        ("mixed", {"label_scheme": "linear"}),
        ("mixed", {"size_scheme": "feature"}),
        ("mixed", {"withheld": "DoS"}),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(scheme, wrong):
    with pytest.raises(FednidsError, match=next(iter(wrong))) as caught:
        deal(scheme, **wrong)
    assert len(str(caught.value).splitlines()) == 1


def test_withheld_names_are_read_with_or_without_spaces():
    kept = [deal("withheld", withheld=names, gateways=5) for names in (" DoS,Theft ,", "DoS,Theft")]
    assert kept[0] == kept[1] != deal("withheld", gateways=5)


@pytest.mark.parametrize(
    ("found", "fault"),
    [
        (np.zeros(100, np.int32), "deal 100 flows, 10 or more to a gateway, found 100, 0"),
        (np.arange(99, dtype=np.int32) % 10, "found 99"),
        (np.arange(100.0), "1-D array of integers"),
        (np.arange(100, dtype=np.int32), "gateway numbers from 0 to 9"),
    ],
)
def test_what_a_partitioner_must_not_return_is_refused(monkeypatch, found, fault):
    monkeypatch.setitem(PARTITIONERS._found, "mine", lambda *given: found)
    with pytest.raises(PartitionError, match=fault):
        deal("mine")


class Mine(Section):
    weight: float = Field(2.0, description="of the first gateway")


class Bare(Section):
    weight: float = 2.0


class Taken(Section):
    minimum: int = Field(2, description="taken")


def mine(traffic, gateways, rng, settings: Mine, minimum):
    return np.arange(len(traffic)) % gateways


def bare(traffic, gateways, rng, settings: Bare, minimum):
    return mine(traffic, gateways, rng, settings, minimum)


def taken(traffic, gateways, rng, settings: Taken, minimum):
    return mine(traffic, gateways, rng, settings, minimum)


@pytest.mark.parametrize(
    ("member", "fault"),
    [
        (mine, None),
        (LabelScheme(mine), None),
        (SizeScheme(lambda gateways, rng, settings: np.ones(gateways)), None),
        (SizeScheme(mine), "a function of gateways, rng, settings"),
        (lambda traffic, gateways: 0, "a function of traffic, gateways, rng, settings, minimum"),
        (Mine, "a function of"),
        (3, "a function of"),
        (bare, "partition.weight with a default and a description"),
        (taken, "got partition.minimum; rename it"),
    ],
)
def test_a_partitioner_from_outside_is_checked(member, fault):
    found = fault_of(member)
    assert (found is None) == (fault is None)
    assert fault is None or fault in found


def test_the_settings_of_a_function_are_those_it_names():
    assert settings_of(mine) is settings_of(LabelScheme(mine)) is Mine
    assert settings_of(lambda settings: 0) is settings_of(3) is Section


@pytest.mark.parametrize("name", ["vector", "source", "destination"])
def test_columns_of_other_flows_are_refused(name):
    with pytest.raises(PartitionError, match=rf"^expected {name} of shape \(100,\).*\(3,\);"):
        Traffic(LABELS, **{name: np.zeros(3, np.int32)})
