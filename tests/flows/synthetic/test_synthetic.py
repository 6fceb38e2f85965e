"""Synthetic flows have the published figures, the real flows' quirks, and nothing impossible."""

from __future__ import annotations

import numpy as np
import pytest
from flow_factory import CLASSES, assert_same_flows, feature_names, number_columns
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fednids.datasets.netflow import DESTINATION_PORT, DURATION, SOURCE_PORT
from fednids.errors import DataError
from fednids.flows.synthetic.statistics import ClassStatistics, published_statistics
from fednids.flows.synthetic.synthesis import MINIMUM_FLOWS, class_counts, synthesise
from fednids.flows.table import FlowTable

_FIGURES = published_statistics()
_BENIGN, _DDOS, _DOS, _SCAN, _THEFT = range(5)
_WRAP = 4_294_967

every_class = pytest.mark.parametrize("each", _FIGURES.classes, ids=CLASSES)


@pytest.fixture(scope="module")
def whole() -> FlowTable:
    """As many flows as the published data has."""
    return synthesise(600_100, np.random.default_rng(0))


@pytest.fixture(scope="module")
def tenth() -> FlowTable:
    """About a tenth as many."""
    return synthesise(60_000, np.random.default_rng(1))


def _of_class(table: FlowTable, code: int) -> FlowTable:
    return table.take(np.flatnonzero(table.attack == code))


def _vectors(table: FlowTable, *more: str) -> NDArray[np.float64]:
    names = (*feature_names("v1"), *more)
    return np.column_stack([table.numbers[name] for name in names])


def _share_seen(rows: NDArray[np.float64], among: NDArray[np.float64]) -> float:
    known = {row.tobytes() for row in among}
    return float(np.mean([row.tobytes() in known for row in rows]))


def _distinct(rows: NDArray[np.float64]) -> int:
    return len({row.tobytes() for row in rows})


# How many flows of each class


def test_whole_size_has_the_published_class_counts(whole: FlowTable):
    assert class_counts(600_100).tolist() == [13_859, 56_844, 56_833, 470_655, 1_909]
    assert np.bincount(whole.attack).tolist() == [13_859, 56_844, 56_833, 470_655, 1_909]


@given(st.integers(MINIMUM_FLOWS, 2_000))
def test_every_class_has_a_handful(flows: int):
    counts = class_counts(flows)
    assert counts.sum() == flows
    assert counts.min() >= max(1, min(10, flows // 20))


@given(st.integers(3_200, 10**9))
def test_counts_are_published_shares_rounded_to_a_neighbour(flows: int):
    counts = class_counts(flows)
    exact = np.array([each.flows for each in _FIGURES.classes]) * flows / _FIGURES.flows
    assert counts.sum() == flows
    assert np.abs(counts - exact).max() < 1 + 1e-6


@pytest.mark.parametrize("flows", [4, 1, 0, -7])
def test_too_few_flows_are_one_clear_line(flows: int):
    with pytest.raises(DataError, match=rf"^expected at least 5 .*; got {flows}; ask .*$") as error:
        synthesise(flows, np.random.default_rng(0))
    assert "\n" not in str(error.value)


# What every table is


@settings(max_examples=30, deadline=None)
@given(st.integers(MINIMUM_FLOWS, 2_000), st.integers(0, 2**32))
def test_any_table_follows_the_schema(flows: int, seed: int):
    table = synthesise(flows, np.random.default_rng(seed))
    assert np.bincount(table.attack, minlength=5).tolist() == class_counts(flows).tolist()
    _assert_follows_schema(table)


def test_whole_table_follows_the_schema(whole: FlowTable):
    _assert_follows_schema(whole)


def _assert_follows_schema(table: FlowTable) -> None:
    columns = number_columns("v1")
    assert table.version == "v1"
    assert list(table.numbers) == [column.name for column in columns]
    for column in columns:
        values = table.numbers[column.name]
        assert values.dtype == np.float64
        assert values.shape == table.attack.shape
        assert np.isfinite(values).all()
        assert values.min() >= 0
        assert values.max() <= column.most
        if column.name != "L7_PROTO":
            np.testing.assert_array_equal(values, np.floor(values))
    assert table.source.dtype == table.destination.dtype == np.int32
    assert table.attack.dtype == np.uint8
    assert list(table.hosts) == sorted(table.hosts)
    occurring = np.unique([table.source, table.destination])
    np.testing.assert_array_equal(occurring, np.arange(len(table.hosts)))
    assert (table.source != table.destination).all()


def test_no_flow_is_impossible(whole: FlowTable):
    numbers = whole.numbers
    assert (numbers["IN_BYTES"] >= 28 * numbers["IN_PKTS"]).all()
    assert (numbers["IN_PKTS"] >= 1).all()
    np.testing.assert_array_equal(numbers["OUT_PKTS"] == 0, numbers["OUT_BYTES"] == 0)
    assert not numbers["TCP_FLAGS"][numbers["PROTOCOL"] != 6].any()
    icmp = numbers["PROTOCOL"] == 1
    assert not numbers[SOURCE_PORT][icmp].any()
    assert not numbers[DESTINATION_PORT][icmp].any()


def test_same_seed_gives_the_same_bytes(tenth: FlowTable):
    assert_same_flows(tenth, synthesise(60_000, np.random.default_rng(1)))


def test_other_seeds_give_other_flows_and_one_generator_goes_on():
    rng = np.random.default_rng(1)
    tables = [synthesise(500, rng), synthesise(500, rng), synthesise(500, np.random.default_rng(2))]
    columns = [table.numbers[SOURCE_PORT].tobytes() for table in tables]
    assert len(set(columns)) == 3


# Marginals against the published figures


@every_class
@pytest.mark.parametrize("column", ["PROTOCOL", "L7_PROTO", "TCP_FLAGS", DESTINATION_PORT])
def test_every_published_share_is_kept_within_sampling_error(
    whole: FlowTable, each: ClassStatistics, column: str
):
    values = _of_class(whole, CLASSES.index(each.name)).numbers[column]
    for value, share in each.shares[column].items():
        error = np.sqrt(share * (1 - share) * (1 / each.rows + 1 / len(values)))
        assert np.mean(values == value) == pytest.approx(share, abs=3 * error + 1e-3), value


@every_class
@pytest.mark.parametrize("column", ["PROTOCOL", "L7_PROTO", "TCP_FLAGS", DESTINATION_PORT])
def test_total_variation_from_the_published_shares_is_small(
    whole: FlowTable, each: ClassStatistics, column: str
):
    values = _of_class(whole, CLASSES.index(each.name)).numbers[column]
    gaps = [abs(np.mean(values == value) - share) for value, share in each.shares[column].items()]
    assert sum(gaps) / 2 < 0.035


@every_class
@pytest.mark.parametrize(
    "column",
    ["IN_BYTES", "OUT_BYTES", "IN_PKTS", "OUT_PKTS", DURATION, DESTINATION_PORT, SOURCE_PORT],
)
def test_published_quantiles_are_kept(whole: FlowTable, each: ClassStatistics, column: str):
    values = np.sort(_of_class(whole, CLASSES.index(each.name)).numbers[column])
    slack = 1e-3 if column == DURATION else 0.1
    levels = _FIGURES.quantile_levels[1:-1]
    for level, quantile in zip(levels, each.quantiles[column][1:-1], strict=True):
        below = np.searchsorted(values, quantile * (1 - slack), "left") / len(values)
        up_to = np.searchsorted(values, quantile * (1 + slack), "right") / len(values)
        assert below - 0.06 <= level <= up_to + 0.06, (level, quantile)


@every_class
def test_commonest_template_is_drawn_as_often_as_it_was_seen(
    whole: FlowTable, each: ClassStatistics
):
    flows = _of_class(whole, CLASSES.index(each.name))
    kind = each.templates[0]
    columns = ("PROTOCOL", "L7_PROTO", "TCP_FLAGS", "IN_PKTS", "OUT_PKTS", "OUT_BYTES")
    alike = np.logical_and.reduce(
        [flows.numbers[name] == value for name, value in zip(columns, kind.form, strict=True)]
    )
    assert alike.mean() == pytest.approx(kind.rows / each.rows, abs=0.03)
    sizes = flows.numbers["IN_BYTES"][alike]
    assert sizes.min() >= kind.in_bytes.least * 0.5
    assert np.median(sizes) == pytest.approx(kind.in_bytes.middle, rel=0.02)


@pytest.mark.parametrize(
    ("column", "mean", "deviation"),
    [
        (DURATION, (0.97, 1.03), (0.95, 1.05)),
        ("IN_PKTS", (0.7, 1.3), (0.7, 1.3)),
        ("OUT_PKTS", (0.5, 1.5), (0.6, 1.7)),
        # About twelve Theft transfers of over 200 MB carry most of it, give or take four.
        ("OUT_BYTES", (0.4, 2.2), (0.5, 2.2)),
        # No template has the Theft transfers of up to 218 MB in this direction.
        ("IN_BYTES", (0.5, 1.1), (0.25, 1.1)),
    ],
)
def test_moments_of_the_whole_data(
    whole: FlowTable, column: str, mean: tuple[float, float], deviation: tuple[float, float]
):
    published, values = _FIGURES.moments[column], whole.numbers[column]
    assert mean[0] <= values.mean() / published.mean <= mean[1]
    assert deviation[0] <= values.std() / published.deviation <= deviation[1]


# Quirks


def test_durations_are_wrapped_and_zero_stays_zero(whole: FlowTable):
    durations = whole.numbers[DURATION]
    assert durations.max() == _WRAP
    assert 0.1 < np.mean(durations == 0) < 0.25
    true = _WRAP - durations[durations > 0]
    assert np.mean(true <= 130_000) > 0.95
    probes = (whole.numbers["PROTOCOL"] == 17) & (whole.numbers["IN_BYTES"] == 28)
    assert probes.sum() > 10_000
    assert not durations[probes].any()


def test_packets_of_headers_only_repeat_the_median(whole: FlowTable):
    for each, code in ((_FIGURES.classes[code], code) for code in (_BENIGN, _SCAN)):
        flows = _of_class(whole, code)
        kind = each.templates[0]
        alike = (flows.numbers["TCP_FLAGS"] == kind.tcp_flags) & (flows.numbers["L7_PROTO"] == 0)
        alike &= (flows.numbers["IN_PKTS"] == 1) & (flows.numbers["OUT_BYTES"] == kind.out_bytes)
        sizes = flows.numbers["IN_BYTES"][alike]
        assert np.mean(sizes == kind.in_bytes.middle) > 0.95
        assert kind.in_bytes.most in sizes


def test_benign_flows_share_their_vectors_with_scans(whole: FlowTable):
    benign, scans = _of_class(whole, _BENIGN), _of_class(whole, _SCAN)
    assert 0.4 < _share_seen(_vectors(benign), _vectors(scans)) < 0.55


def test_benign_flows_share_vector_and_port_with_scans_as_in_the_published_rows(whole: FlowTable):
    rng = np.random.default_rng(0)
    benign, scans = (
        _vectors(_of_class(whole, code), DESTINATION_PORT) for code in (_BENIGN, _SCAN)
    )
    seen = [_FIGURES.classes[code].rows for code in (_BENIGN, _SCAN)]
    shares = [
        _share_seen(
            rng.choice(benign, seen[0], replace=False), rng.choice(scans, seen[1], replace=False)
        )
        for _sample in range(5)
    ]
    assert 0.12 < np.mean(shares) < 0.3


def test_no_classifier_tells_ddos_from_dos(tenth: FlowTable):
    ensemble = pytest.importorskip("sklearn.ensemble")
    metrics = pytest.importorskip("sklearn.metrics")
    floods = tenth.take(np.flatnonzero(np.isin(tenth.attack, (_DDOS, _DOS))))
    features, labels = _vectors(floods), floods.attack
    trained = np.random.default_rng(0).random(len(labels)) < 0.8
    detector = ensemble.HistGradientBoostingClassifier(max_iter=50, random_state=0)
    answers = detector.fit(features[trained], labels[trained]).predict(features[~trained])
    scores = metrics.f1_score(labels[~trained], answers, average=None)
    assert scores.max() < 0.7


def test_vectors_repeat_as_real_ones_do(whole: FlowTable):
    assert _distinct(_vectors(whole)) < 0.1 * len(whole)
    ports = _vectors(whole, SOURCE_PORT, DESTINATION_PORT)
    assert _distinct(np.column_stack([ports, whole.source, whole.destination])) > 0.99 * len(whole)


def test_bytes_are_heavy_tailed(whole: FlowTable):
    benign = _of_class(whole, _BENIGN).numbers["IN_BYTES"]
    stolen = _of_class(whole, _THEFT).numbers["OUT_BYTES"]
    assert np.median(benign) < 200
    assert np.quantile(benign, 0.97) > 1e6
    assert stolen.max() > 1e8
    assert np.median(stolen) < 100


# Hosts


def _addresses(table: FlowTable, end: NDArray[np.int32]) -> NDArray[np.str_]:
    return np.array(table.hosts)[end]


def test_attackers_attack_victims(whole: FlowTable):
    for code in (_DDOS, _DOS, _SCAN):
        flows = _of_class(whole, code)
        clients = np.isin(_addresses(flows, flows.source), _FIGURES.hosts.attackers)
        servers = np.isin(_addresses(flows, flows.destination), _FIGURES.hosts.victims)
        np.testing.assert_array_equal(clients, servers)
        assert clients.mean() > 0.98
        answers = flows.take(np.flatnonzero(~clients))
        assert (answers.numbers[DESTINATION_PORT] >= 32_768).all()
        assert np.isin(_addresses(answers, answers.source), _FIGURES.hosts.victims).all()


def test_victims_connect_out_to_the_listener_in_theft(whole: FlowTable):
    theft = _of_class(whole, _THEFT)
    out = theft.take(np.flatnonzero(theft.numbers[DESTINATION_PORT] == 4444))
    assert len(out)
    assert set(_addresses(out, out.source)) == {"192.168.100.6"}
    assert set(_addresses(out, out.destination)) == {"192.168.100.149"}
    back = theft.take(np.flatnonzero(theft.numbers[SOURCE_PORT] == 4444))
    assert len(back)
    assert set(_addresses(back, back.source)) == {"192.168.100.149"}


@pytest.mark.parametrize(
    ("port", "server"), [(53, "192.168.100.1"), (8883, "13.54.166.67"), (8080, "192.168.100.55")]
)
def test_benign_services_have_their_servers(whole: FlowTable, port: int, server: str):
    benign = _of_class(whole, _BENIGN)
    asked = benign.take(np.flatnonzero(benign.numbers[DESTINATION_PORT] == port))
    assert server in set(_addresses(asked, asked.destination))
    assert not np.isin(_addresses(asked, asked.destination), _FIGURES.hosts.victims).any()


# Order


@pytest.mark.parametrize("size", ["whole", "tenth"])
def test_blocks_stand_as_in_the_published_file(size: str, request: pytest.FixtureRequest):
    table: FlowTable = request.getfixturevalue(size)
    place = np.arange(len(table)) / len(table)
    scans, floods = place[table.attack == _SCAN], place[np.isin(table.attack, (_DDOS, _DOS))]
    assert 0.08 < scans.min() < 75 / 600
    assert 530 / 600 < scans.max() < 0.92
    assert np.mean((floods > 0.12) & (floods < 0.88)) < 0.001
    assert 0.45 < np.mean(floods < 0.5) < 0.55
    for at, wanted in ((40 / 600, (_DDOS, _DOS)), (565 / 600, (_DDOS, _DOS)), (0.5, (_SCAN,))):
        around = table.attack[int((at - 0.004) * len(table)) : int((at + 0.004) * len(table))]
        assert np.mean(np.isin(around, wanted)) > 0.95
    for code in (_BENIGN, _THEFT):
        own = place[table.attack == code]
        assert np.mean(own < 0.02) > 0.35
        assert np.mean(own > 0.98) > 0.35


def test_consecutive_flows_are_of_one_campaign_with_some_interleaving(whole: FlowTable):
    changes = np.mean(whole.attack[1:] != whole.attack[:-1])
    assert 0.01 < changes < 0.08
    dos = _of_class(whole, _DOS)
    same = (dos.source[1:] == dos.source[:-1]) & (dos.destination[1:] == dos.destination[:-1])
    assert same.mean() > 0.95
    ddos = _of_class(whole, _DDOS)
    first = ddos.take(np.arange(2_000))
    assert len(np.unique(first.source)) >= 4
    assert np.bincount(first.destination).max() > 0.95 * len(first)
