from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from flow_factory import Version, assert_same_flows, flow_tables, random_table, required_names
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fednids.errors import DataError
from fednids.flows.files import writing
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows
from fednids.flows.table import FlowTable

SUFFIXES = [".csv", ".csv.gz", ".parquet"]
VERSIONS: list[Version] = ["v1", "v2"]


@pytest.fixture
def table() -> FlowTable:
    return random_table(np.random.default_rng(1), 40)


def refused(table: FlowTable, path: Path, *, overwrite: bool = False) -> str:
    with pytest.raises(DataError) as caught:
        write_flows(table, path, overwrite=overwrite)
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(table=flow_tables())
@settings(max_examples=25, deadline=None)
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, table: FlowTable
) -> None:
    path = tmp_path_factory.getbasetemp() / f"written{suffix}"
    write_flows(table, path, overwrite=True)
    assert_same_flows(read_flows(path), table)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 3_000), version=st.sampled_from(VERSIONS))
@settings(max_examples=6, deadline=None)
def test_larger_tables_too(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, seed: int, n: int, version: Version
) -> None:
    table = random_table(np.random.default_rng(seed), n, version)
    path = tmp_path_factory.getbasetemp() / f"larger{suffix}"
    write_flows(table, path, overwrite=True)
    assert_same_flows(read_flows(path), table)


def test_hosts_without_flows_are_forgotten(table: FlowTable, tmp_path: Path) -> None:
    some = table.take(np.array([3, 1]))
    write_flows(some, tmp_path / "f.csv")
    flows = read_flows(tmp_path / "f.csv")
    assert [flows.hosts[i] for i in flows.source] == [some.hosts[i] for i in some.source]
    assert [flows.hosts[i] for i in flows.destination] == [some.hosts[i] for i in some.destination]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("value", [2.0**53 + 2, 2.0**63, 1e22, 1.7e308, 5e-324])
def test_numbers_beyond_integers(
    table: FlowTable, tmp_path: Path, suffix: str, value: float
) -> None:
    large = replace(table, numbers={**table.numbers, "IN_BYTES": np.full(40, value)})
    write_flows(large, tmp_path / f"f{suffix}")
    assert_same_flows(read_flows(tmp_path / f"f{suffix}"), large)


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet"])
def test_damaged_data_never_passes_as_other_flows(
    table: FlowTable, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"f{suffix}"
    write_flows(table, path)
    data = path.read_bytes()
    footer = 8 + int.from_bytes(data[-8:-4], "little") if suffix == ".parquet" else 0
    for place in range(10, len(data) - footer, 9):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :])
        try:
            flows = read_flows(path)
        except DataError:
            continue
        assert_same_flows(flows, table)


class TestLayout:
    @pytest.mark.parametrize("version", VERSIONS)
    def test_columns_stand_in_the_order_of_the_schema(
        self, tmp_path: Path, version: Version
    ) -> None:
        table = random_table(np.random.default_rng(2), 9, version)
        write_flows(table, tmp_path / "f.csv")
        write_flows(table, tmp_path / "f.parquet")
        header = (tmp_path / "f.csv").read_text().splitlines()[0]
        assert header == ",".join(required_names(version))
        assert parquet.read_schema(tmp_path / "f.parquet").names == list(required_names(version))

    def test_numbers_are_as_short_as_can_be(self, table: FlowTable, tmp_path: Path) -> None:
        numbers = dict(table.numbers)
        numbers["L7_PROTO"] = np.resize([5.126, 7.0, 0.1 + 0.2], 40)
        numbers["IN_BYTES"] = np.resize([1e15, 0.0, 2.0**53], 40)
        write_flows(replace(table, numbers=numbers), tmp_path / "f.csv")
        rows = [line.split(",") for line in (tmp_path / "f.csv").read_text().splitlines()[1:4]]
        assert [row[5] for row in rows] == ["5.126", "7", "0.30000000000000004"]
        assert [row[6] for row in rows] == ["1000000000000000", "0", "9007199254740992"]

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_equal_tables_give_equal_bytes(
        self, table: FlowTable, tmp_path: Path, suffix: str
    ) -> None:
        write_flows(table, tmp_path / f"a{suffix}")
        write_flows(table, tmp_path / f"b{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()

    def test_gzip_holds_no_time(self, table: FlowTable, tmp_path: Path) -> None:
        write_flows(table, tmp_path / "f.csv.gz")
        assert (tmp_path / "f.csv.gz").read_bytes()[4:8] == bytes(4)

    def test_others_may_read_the_file(self, table: FlowTable, tmp_path: Path) -> None:
        (tmp_path / "usual").touch()
        write_flows(table, tmp_path / "f.csv")
        assert (tmp_path / "f.csv").stat().st_mode == (tmp_path / "usual").stat().st_mode


class TestRefusals:
    @pytest.mark.parametrize("name", ["f.zip", "f", "f.csv.bz2", "csv"])
    def test_other_suffixes(self, table: FlowTable, tmp_path: Path, name: str) -> None:
        assert f"{name}: expected a name that ends in .csv" in refused(table, tmp_path / name)
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("suffix", SUFFIXES)
    def test_no_flows(self, table: FlowTable, tmp_path: Path, suffix: str) -> None:
        empty = table.take(np.array([], dtype=np.int64))
        assert "expected flows to write, came none" in refused(empty, tmp_path / f"f{suffix}")
        assert not list(tmp_path.iterdir())

    def test_a_file_already_there(self, table: FlowTable, tmp_path: Path) -> None:
        path = tmp_path / "f.csv"
        path.write_text("precious")
        assert "came one that is already there" in refused(table, path)
        assert path.read_text() == "precious"
        write_flows(table, path, overwrite=True)
        assert_same_flows(read_flows(path), read_flows(path))
        assert len(read_flows(path)) == 40

    def test_no_folder(self, table: FlowTable, tmp_path: Path) -> None:
        assert "expected a place to write flows to" in refused(table, tmp_path / "no" / "f.csv")

    def test_a_folder_in_the_way(self, table: FlowTable, tmp_path: Path) -> None:
        (tmp_path / "f.csv").mkdir()
        refused(table, tmp_path / "f.csv", overwrite=True)
        assert [path.name for path in tmp_path.iterdir()] == ["f.csv"]

    @pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
    def test_failures_leave_nothing_behind(
        self,
        table: FlowTable,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        error: BaseException,
    ) -> None:
        def fail(data: pa.Table, file: object) -> None:
            raise error

        path = tmp_path / "f.parquet"
        path.write_text("precious")
        monkeypatch.setitem(writing.FORMATS, "parquet", fail)
        with pytest.raises(DataError if isinstance(error, OSError) else KeyboardInterrupt):
            write_flows(table, path, overwrite=True)
        assert [each.name for each in tmp_path.iterdir()] == ["f.parquet"]
        assert path.read_text() == "precious"
