from __future__ import annotations

import gzip
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from flow_factory import assert_same_flows, random_table

from fednids.errors import DataError
from fednids.flows.files.opening import Format, Limits, open_csv
from fednids.flows.files.reading import read_flows, read_parquet_flows
from fednids.flows.files.writing import write_flows
from fednids.flows.table import FlowTable

UQ_FOLDER = "de2c6f75dd50d933_MOHANAD_A4706/data"
UQ_FEATURES = "Feature,Description\nIPV4_SRC_ADDR,IPv4 source address\n"


@pytest.fixture
def table() -> FlowTable:
    return random_table(np.random.default_rng(1), 400)


@pytest.fixture
def flows(table: FlowTable, tmp_path: Path) -> bytes:
    """The table as CSV."""
    write_flows(table, tmp_path / "plain.csv")
    return (tmp_path / "plain.csv").read_bytes()


def zipped(path: Path, members: dict[str | zipfile.ZipInfo, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as folder:
        for name, data in members.items():
            folder.writestr(name, data)
    return path


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_flows(path)
    message = str(caught.value)
    assert path.name in message
    assert message.isprintable()
    return message


class TestZip:
    def test_layout_of_the_publisher(self, table: FlowTable, flows: bytes, tmp_path: Path) -> None:
        path = zipped(
            tmp_path / "uq.zip",
            {
                f"{UQ_FOLDER}/NetFlow_v1_Features.csv": UQ_FEATURES,
                f"{UQ_FOLDER}/NF-BoT-IoT.csv": flows,
                "__MACOSX/._NF-BoT-IoT.csv": b"\0\5\26\7",
                "bag-info.txt": "Bagging-Date: 2023-05-23",
            },
        )
        assert_same_flows(read_flows(path), table)

    def test_fault_names_the_member_and_the_line(self, flows: bytes, tmp_path: Path) -> None:
        path = zipped(tmp_path / "bad.zip", {"data/f.csv": flows.replace(b"Theft", b"theft")})
        line = flows[: flows.index(b"Theft")].count(b"\n") + 1
        assert f"bad.zip, member 'data/f.csv', line {line}, column Attack" in refused(path)

    def test_missing_column_in_the_one_likely_member(self, flows: bytes, tmp_path: Path) -> None:
        path = zipped(tmp_path / "bad.zip", {"f.csv": flows.replace(b"IN_PKTS", b"PKTS_IN")})
        assert "no column 'IN_PKTS'" in refused(path)

    def test_none_and_several(self, flows: bytes, tmp_path: Path) -> None:
        assert "came none" in refused(zipped(tmp_path / "none.zip", {"f.csv": UQ_FEATURES}))
        assert "came none" in refused(zipped(tmp_path / "empty.zip", {}))
        two = zipped(tmp_path / "two.zip", {"a.csv": flows, "b.CSV": flows})
        assert "came 2 ('a.csv', 'b.CSV')" in refused(two)

    @pytest.mark.parametrize(
        "name", ["../f.csv", "a/../../f.csv", "/etc/f.csv", "C:\\f.csv", "a\\..\\f.csv", "\\f"]
    )
    def test_paths_that_climb_out(self, flows: bytes, tmp_path: Path, name: str) -> None:
        path = zipped(tmp_path / "bad.zip", {"f.csv": flows, name: b"harmless"})
        assert "a path inside the archive" in refused(path)

    def test_names_with_two_dots_are_harmless(
        self, table: FlowTable, flows: bytes, tmp_path: Path
    ) -> None:
        assert_same_flows(read_flows(zipped(tmp_path / "f.zip", {"..f..csv": flows})), table)

    def test_symbolic_link(self, flows: bytes, tmp_path: Path) -> None:
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        path = zipped(tmp_path / "bad.zip", {"f.csv": flows, link: "/etc/passwd"})
        assert "came a symbolic link" in refused(path)

    def test_encrypted(self, flows: bytes, tmp_path: Path) -> None:
        path = zipped(tmp_path / "secret.zip", {"f.csv": flows})
        data = bytearray(path.read_bytes())
        data[6] |= 1
        data[data.index(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(data)
        assert "came encrypted data" in refused(path)

    def test_other_methods_of_compression(self, flows: bytes, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "f.zip", "w", zipfile.ZIP_BZIP2) as folder:
            folder.writestr("f.csv", flows)
        assert "compression method 12" in refused(tmp_path / "f.zip")

    def test_damage(self, flows: bytes, tmp_path: Path) -> None:
        path = zipped(tmp_path / "bad.zip", {"f.csv": flows})
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
        assert "expected a whole zip file" in refused(path)
        path.write_bytes(data[: len(data) // 2])
        assert "expected a whole zip file" in refused(path)


class TestGzip:
    @pytest.mark.parametrize("missing", [1, 4, 8, 9, 500])
    def test_truncated(self, flows: bytes, tmp_path: Path, missing: int) -> None:
        path = tmp_path / "short.csv.gz"
        path.write_bytes(gzip.compress(flows)[:-missing])
        assert "expected a whole gzip file, came one that ends early" in refused(path)

    @pytest.mark.parametrize("place", [-1, -5, 200])
    def test_corrupt(self, flows: bytes, tmp_path: Path, place: int) -> None:
        data = bytearray(gzip.compress(flows))
        data[place] ^= 0xFF
        path = tmp_path / "bad.csv.gz"
        path.write_bytes(data)
        assert "expected a whole gzip file, came a damaged one" in refused(path)

    def test_rubbish_at_the_end(self, flows: bytes, tmp_path: Path) -> None:
        path = tmp_path / "bad.csv.gz"
        path.write_bytes(gzip.compress(flows) + b"rubbish")
        assert "expected a whole gzip file" in refused(path)

    def test_only_a_header(self, tmp_path: Path) -> None:
        path = tmp_path / "empty.csv.gz"
        path.write_bytes(gzip.compress(b""))
        assert "line 1: expected a header" in refused(path)


class TestLimits:
    def test_size_and_ratio(self) -> None:
        limits = Limits(most_bytes=100, most_ratio=5, free_bytes=10)
        assert limits.allows(1, 10)
        assert not limits.allows(1, 11)
        assert limits.allows(20, 100)
        assert not limits.allows(100, 101)

    @pytest.mark.parametrize("packing", [Format.GZIP, Format.ZIP])
    def test_reading_stops_at_the_limit(
        self, flows: bytes, tmp_path: Path, packing: Format
    ) -> None:
        path = tmp_path / "bomb"
        if packing is Format.ZIP:
            zipped(path, {"f.csv": flows})
        else:
            path.write_bytes(gzip.compress(flows))
        for spare, fits in ((0, True), (-1, False)):
            limits = Limits(most_bytes=len(flows) + spare)
            if fits:
                with open_csv(path, packing, limits=limits) as source:
                    assert source.stream.read() == flows
            else:
                with (
                    pytest.raises(DataError, match=r"bomb.*came more when unpacked"),
                    open_csv(path, packing, limits=limits) as source,
                ):
                    source.stream.read()

    def test_real_bomb_is_refused_early(self, flows: bytes, tmp_path: Path) -> None:
        header, row, *_ = flows.splitlines(keepends=True)
        path = tmp_path / "bomb.csv.gz"
        path.write_bytes(gzip.compress(header + row * 50_000))
        limits = Limits(most_ratio=50, free_bytes=1 << 20)
        with (
            pytest.raises(DataError, match="came more when unpacked"),
            open_csv(path, Format.GZIP, limits=limits) as source,
        ):
            source.stream.read()

    def test_parquet(self, table: FlowTable, tmp_path: Path) -> None:
        path = tmp_path / "f.parquet"
        write_flows(table, path)
        with pytest.raises(DataError, match="came more when unpacked"):
            read_parquet_flows(path, limits=Limits(most_bytes=400 * 14 * 8 - 1))
        read_parquet_flows(path, limits=Limits(most_bytes=400 * 14 * 8))
