"""The figures in the package are the published ones and agree with each other."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest
from flow_factory import CLASSES, REQUIRED, feature_names
from real_data import real_file

from fednids.datasets.netflow import DESTINATION_PORT
from fednids.flows.synthetic.statistics import ClassStatistics, Template, published_statistics

_FIGURES = published_statistics()
_CODES = ("PROTOCOL", "L7_PROTO", "TCP_FLAGS")

every_class = pytest.mark.parametrize("each", _FIGURES.classes, ids=CLASSES)


def test_class_counts_are_the_published_ones():
    counts = {each.name: each.flows for each in _FIGURES.classes}
    assert counts == {
        "Benign": 13_859,
        "DDoS": 56_844,
        "DoS": 56_833,
        "Reconnaissance": 470_655,
        "Theft": 1_909,
    }
    assert tuple(counts) == CLASSES
    assert _FIGURES.flows == 600_100


def test_source_says_how_many_rows_the_figures_are_from():
    assert sum(each.rows for each in _FIGURES.classes) == 2_882
    assert "2,882" in _FIGURES.source
    assert "600,100" in _FIGURES.source


@every_class
def test_templates_agree_with_the_rows(each: ClassStatistics):
    assert len(each.templates) == 40
    assert each.uncovered >= 0
    assert len({kind.form for kind in each.templates}) == 40
    assert [kind.rows for kind in each.templates] == sorted(
        (kind.rows for kind in each.templates), reverse=True
    )


@every_class
def test_each_template_agrees_with_itself(each: ClassStatistics):
    for kind in each.templates:
        _assert_agrees(kind)


def _assert_agrees(kind: Template) -> None:
    for span in (kind.in_bytes, kind.duration, kind.source_port):
        assert 0 <= span.least <= span.middle <= span.most
        assert kind.rows > 1 or span.least == span.most
    assert kind.source_port.most < 2**16
    assert (kind.out_packets == 0) == (kind.out_bytes == 0)
    assert kind.in_packets >= 1
    named = [rows for _port, rows in kind.common_ports]
    assert len(named) == min(kind.distinct_ports, 5)
    assert sum(named) + kind.distinct_ports - len(named) <= kind.rows
    assert kind.distinct_ports > 5 or sum(named) == kind.rows


@every_class
def test_shares_and_quantiles_are_of_known_columns(each: ClassStatistics):
    known = {column.name: column.most for column in REQUIRED["v1"]}
    assert set(each.shares) == {*_CODES, DESTINATION_PORT}
    for column, shares in each.shares.items():
        assert 0 < sum(shares.values()) <= 1.001
        assert max(shares) <= known[column]
    for column, quantiles in each.quantiles.items():
        assert list(quantiles) == sorted(quantiles)
        assert len(quantiles) == len(_FIGURES.quantile_levels)
        assert quantiles[-1] <= known[column]
    assert set(_FIGURES.moments) <= set(feature_names("v1"))


@every_class
def test_shares_are_whole_rows_of_which_templates_leave_the_uncovered(each: ClassStatistics):
    for column in ("PROTOCOL", "TCP_FLAGS"):
        assert sum(each.left(column).values()) == each.uncovered
    assert sum(each.left("L7_PROTO").values()) <= each.uncovered


def test_left_counts_rows_by_value():
    benign = _FIGURES.classes[0]
    assert benign.uncovered == 84
    assert benign.left("PROTOCOL") == {17: 32, 6: 52}
    assert benign.left("L7_PROTO")[222.178] == 10
    assert 238 not in benign.left("L7_PROTO")
    assert benign.left(DESTINATION_PORT)[8080] == 8
    assert benign.seen("L7_PROTO", 222.178) == 15
    assert benign.seen("L7_PROTO", 111.0) == 0


def test_hosts_are_those_of_the_testbed():
    hosts = _FIGURES.hosts
    assert [name.rpartition(".")[2] for name in hosts.attackers] == ["147", "148", "149", "150"]
    assert [name.rpartition(".")[2] for name in hosts.victims] == ["3", "5", "6", "7"]
    assert {route.class_name for route in hosts.routes} <= set(CLASSES)
    for route in hosts.routes:
        assert route.clients
        assert route.servers
        assert not set(route.clients) & set(route.servers)
    routed = [(route.class_name, route.service_port) for route in hosts.routes]
    assert len(set(routed)) == len(routed)


def test_figures_are_read_once_and_cannot_change():
    assert published_statistics() is _FIGURES
    with pytest.raises(FrozenInstanceError):
        _FIGURES.source = ""  # type: ignore[misc]


@every_class
def test_figures_are_those_of_the_published_file(each: ClassStatistics):
    path = real_file("NF-BoT-IoT-v1-statistics.json")
    published = json.loads(path.read_text(encoding="utf-8"))
    theirs = published["classes"][each.name]
    assert each.flows == published["population_counts"][each.name]
    assert each.rows == theirs["n_sample"]
    ours = [_as_published(kind) for kind in each.templates]
    shares = [template.pop("share") for template in theirs["templates"]]
    assert ours == theirs["templates"]
    assert [kind.rows / each.rows for kind in each.templates] == pytest.approx(shares, abs=1e-4)
    for column, values in theirs["value_share"].items():
        assert each.shares[column] == {float(value): share for value, share in values.items()}
    for column, values in theirs["quantiles_min_5_25_50_75_95_max"].items():
        assert list(each.quantiles[column]) == values


def _as_published(kind: Template) -> dict[str, object]:
    spans = {"IN_BYTES": kind.in_bytes, "DURATION": kind.duration, "SRC_PORT": kind.source_port}
    return {
        "PROTOCOL": str(kind.protocol),
        "L7_PROTO": str(kind.l7_proto),
        "IN_PKTS": str(kind.in_packets),
        "OUT_PKTS": str(kind.out_packets),
        "TCP_FLAGS": str(kind.tcp_flags),
        "OUT_BYTES": str(kind.out_bytes),
        "n": kind.rows,
        **{name: [span.least, span.middle, span.most] for name, span in spans.items()},
        "distinct_dst_ports": kind.distinct_ports,
        "top_dst_ports": {str(port): rows for port, rows in kind.common_ports},
    }
