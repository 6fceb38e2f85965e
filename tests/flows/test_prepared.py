"""Prepared flows: distinct vectors of features alone, whatever targets and identifiers say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import oracles
import pandas as pd
import pytest
from flow_factory import FEATURES, Version, feature_names, flow_tables, random_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.flows.prepared import PreparedFlows, distinct_rows, prepare_table
from fednids.flows.table import FlowTable

ORIGIN = {"path": "flows.csv", "sha256": "0" * 64}
VERSIONS: tuple[Version, ...] = ("v1", "v2")
PORTS = ("L4_SRC_PORT", "L4_DST_PORT")


def prepared(table: FlowTable, features: Version | None = None) -> PreparedFlows:
    return prepare_table(table, features or table.version, **ORIGIN)


def shown(flows: PreparedFlows) -> NDArray[Any]:
    """Give what a detector is shown of each flow, ``(N, F)``."""
    return flows.vectors[flows.vector]


def assert_same_features(left: PreparedFlows, right: PreparedFlows) -> None:
    assert left.features == right.features
    for name in ("raw", "vectors", "vector"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), strict=True)


@pytest.fixture(params=VERSIONS)
def table(request: pytest.FixtureRequest) -> FlowTable:
    return random_table(np.random.default_rng(5), 800, request.param)


class TestWhatFeaturesSee:
    def test_permuted_targets_change_no_feature(self, table: FlowTable) -> None:
        permuted = replace(table, attack=np.random.default_rng(6).permutation(table.attack))
        assert (permuted.attack != table.attack).any()
        left, right = prepared(table), prepared(permuted)
        assert_same_features(left, right)
        np.testing.assert_array_equal(right.attack, permuted.attack)

    def test_other_ports_change_nothing(self, table: FlowTable) -> None:
        rng = np.random.default_rng(7)
        ports = {name: rng.integers(65_536, size=len(table)).astype(float) for name in PORTS}
        other = prepared(replace(table, numbers={**table.numbers, **ports}))
        assert_same_features(prepared(table), other)

    def test_other_addresses_change_only_the_hosts(self, table: FlowTable) -> None:
        rng = np.random.default_rng(8)
        ends = rng.integers(len(table.hosts), size=(2, len(table))).astype(np.int32)
        names = tuple(sorted(f"10.0.0.{place}" for place in range(len(table.hosts))))
        moved = replace(table, hosts=names, source=ends[0], destination=ends[1])
        assert_same_features(prepared(table), prepared(moved))
        np.testing.assert_array_equal(prepared(moved).source, ends[0])
        np.testing.assert_array_equal(prepared(moved).destination, ends[1])

    @pytest.mark.parametrize("version", VERSIONS)
    def test_only_columns_that_may_be_features_are_kept(self, version: Version) -> None:
        table = random_table(np.random.default_rng(9), 50, version)
        assert {column.role for column in FEATURES[version]} == {"feature"}
        assert prepared(table).raw.shape[1] == {"v1": 8, "v2": 39}[version]


class TestTable:
    def test_every_flow_finds_its_own_columns(self, table: FlowTable) -> None:
        flows = prepared(table)
        columns = [table.numbers[name] for name in feature_names(table.version)]
        np.testing.assert_array_equal(flows.raw[flows.vector], np.column_stack(columns))

    def test_every_flow_finds_its_own_encoding(self, table: FlowTable) -> None:
        names, values = NF_BOT_IOT.encode(
            {name: table.numbers[name] for name in feature_names(table.version)}
        )
        assert prepared(table).features == names
        np.testing.assert_array_equal(shown(prepared(table)), values, strict=True)

    def test_vectors_are_distinct_and_all_used(self, table: FlowTable) -> None:
        flows = prepared(table)
        assert len(np.unique(flows.raw, axis=0)) == len(flows.raw) == len(flows.vectors)
        assert len(flows.raw) < len(flows) == len(table)
        np.testing.assert_array_equal(np.unique(flows.vector), np.arange(len(flows.raw)))

    def test_v1_features_of_a_v2_file_are_those_of_the_v1_file(self) -> None:
        wide = random_table(np.random.default_rng(10), 300, "v2")
        kept = {name: wide.numbers[name] for name in (*PORTS, *feature_names("v1"))}
        narrow = replace(wide, version="v1", numbers=kept)
        assert_same_features(prepared(wide, "v1"), prepared(narrow))

    def test_dtypes(self, table: FlowTable) -> None:
        flows = prepared(table)
        dtypes = {
            name: getattr(flows, name).dtype.name
            for name in ("raw", "vectors", "vector", "attack", "source", "destination")
        }
        assert dtypes == {
            "raw": "float64",
            "vectors": "float32",
            "vector": "int32",
            "attack": "uint8",
            "source": "int32",
            "destination": "int32",
        }

    @settings(max_examples=25)
    @given(table=flow_tables(), data=st.data())
    def test_taking_commutes_with_preparing(self, table: FlowTable, data: st.DataObject) -> None:
        places = st.integers(0, len(table) - 1)
        rows = np.array(data.draw(st.lists(places, min_size=1, max_size=12)))
        late, early = prepared(table).take(rows), prepared(table.take(rows))
        np.testing.assert_array_equal(shown(late), shown(early))
        for name in ("attack", "source", "destination"):
            np.testing.assert_array_equal(getattr(late, name), getattr(early, name), strict=True)
        assert len(late) == len(rows)


class TestDistinctRows:
    @given(rows=st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=1, max_size=40))
    def test_equals_the_slow_twin(self, rows: list[tuple[int, ...]]) -> None:
        columns = list(np.array(rows, dtype=np.float64).T)
        place, first = distinct_rows(columns)
        assert place.tolist() == oracles.number_rows_by_dict(rows)
        assert first.tolist() == [place.tolist().index(number) for number in range(len(first))]
        assert place.dtype == np.int32

    @pytest.mark.parametrize("version", VERSIONS)
    def test_counts_as_numpy_does(self, version: Version) -> None:
        table = random_table(np.random.default_rng(11), 5000, version)
        columns = [table.numbers[name] for name in feature_names(version)]
        place, first = distinct_rows(columns)
        _, counts = np.unique(np.column_stack(columns), axis=0, return_counts=True)
        assert sorted(np.bincount(place).tolist()) == sorted(counts.tolist())
        assert len(first) == len(counts)

    @pytest.mark.parametrize("bits", [0, 1, 3])
    def test_colliding_hashes_change_nothing(
        self, monkeypatch: pytest.MonkeyPatch, bits: int
    ) -> None:
        rng = np.random.default_rng(12)
        columns = [rng.integers(4, size=500).astype(np.float64) for _ in range(3)]
        expected, calls, hashed = distinct_rows(columns), [], pd.util.hash_pandas_object

        def collide(frame: pd.DataFrame, index: bool) -> pd.Series:
            calls.append(len(frame))
            return pd.Series(hashed(frame, index=index) % 2**bits)

        monkeypatch.setattr(pd.util, "hash_pandas_object", collide)
        found = distinct_rows(columns)
        assert calls == [500]
        np.testing.assert_array_equal(found[0], expected[0], strict=True)
        np.testing.assert_array_equal(found[1], expected[1], strict=True)

    def test_values_that_differ_in_the_last_bit_are_distinct(self) -> None:
        values = np.array([1.0, np.nextafter(1.0, 2.0), 1.0])
        assert distinct_rows([values])[0].tolist() == [0, 1, 0]
