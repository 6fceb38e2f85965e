from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from flow_factory import (
    CLASSES,
    Version,
    assert_same_flows,
    number_columns,
    random_table,
    required_names,
)
from pyarrow import parquet
from real_data import real_file

from fednids.datasets.netflow import ATTACK, DATASET, DESTINATION, LABEL, SOURCE
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.errors import DataError
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows
from fednids.flows.table import FlowTable

VERSIONS: tuple[Version, ...] = ("v1", "v2")


def read_slowly(path: Path) -> FlowTable:
    """Read a good plain CSV cell by cell: the obviously right twin of `read_flows`."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row]
    version: Version = "v2" if "MIN_TTL" in rows[0] else "v1"
    hosts = tuple(sorted({row[end] for row in rows for end in (SOURCE, DESTINATION)}))
    return FlowTable(
        NF_BOT_IOT,
        version,
        {c.name: np.array([float(row[c.name]) for row in rows]) for c in number_columns(version)},
        hosts,
        np.array([hosts.index(row[SOURCE]) for row in rows], dtype=np.int32),
        np.array([hosts.index(row[DESTINATION]) for row in rows], dtype=np.int32),
        np.array([CLASSES.index(row[ATTACK]) for row in rows], dtype=np.uint8),
    )


@pytest.fixture(params=VERSIONS)
def plain(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A good CSV of 300 flows."""
    path = tmp_path / "flows.csv"
    write_flows(random_table(np.random.default_rng(1), 300, request.param), path)
    return path


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def with_lines(path: Path, lines: list[str], end: str = "\n") -> Path:
    path.write_bytes((end.join(lines) + end).encode())
    return path


class TestCsv:
    def test_equals_the_slow_twin(self, plain: Path) -> None:
        assert_same_flows(read_flows(plain), read_slowly(plain))

    def test_columns_may_stand_in_any_order(self, plain: Path) -> None:
        expected = read_flows(plain)
        order = np.random.default_rng(2).permutation(len(lines_of(plain)[0].split(",")))
        shuffled = [",".join(np.array(line.split(","))[order]) for line in lines_of(plain)]
        assert_same_flows(read_flows(with_lines(plain, shuffled)), expected)

    @pytest.mark.parametrize("end", ["\r\n", "\n\n", "\r\n\r\n"])
    def test_line_ends_do_not_matter(self, plain: Path, end: str) -> None:
        expected = read_flows(plain)
        assert_same_flows(read_flows(with_lines(plain, lines_of(plain), end)), expected)

    def test_last_line_needs_no_end(self, plain: Path) -> None:
        expected = read_flows(plain)
        plain.write_bytes(plain.read_bytes().rstrip(b"\n"))
        assert_same_flows(read_flows(plain), expected)

    def test_byte_order_mark_is_skipped(self, plain: Path) -> None:
        expected = read_flows(plain)
        plain.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes())
        assert_same_flows(read_flows(plain), expected)

    def test_dataset_column_is_not_read(self, plain: Path) -> None:
        expected = read_flows(plain)
        header, *rows = lines_of(plain)
        named = [f"{header},{DATASET}", *(f"{row},NF-BoT-IoT" for row in rows)]
        assert_same_flows(read_flows(with_lines(plain, named)), expected)

    def test_every_value_may_be_quoted(self, plain: Path) -> None:
        expected = read_flows(plain)
        quoted = [",".join(f'"{cell}"' for cell in line.split(",")) for line in lines_of(plain)]
        assert_same_flows(read_flows(with_lines(plain, quoted)), expected)

    def test_more_than_one_parsed_piece(self, tmp_path: Path) -> None:
        table = random_table(np.random.default_rng(3), 20_000)
        write_flows(table, tmp_path / "flows.csv")
        assert (tmp_path / "flows.csv").stat().st_size > 1 << 20
        assert_same_flows(read_flows(tmp_path / "flows.csv"), table)

    def test_negative_zero_becomes_zero(self, plain: Path) -> None:
        header, *rows = lines_of(plain)
        place = header.split(",").index("IN_BYTES")
        cells = rows[0].split(",")
        cells[place] = "-0.0"
        flows = read_flows(with_lines(plain, [header, ",".join(cells), *rows[1:]]))
        assert not np.signbit(flows.numbers["IN_BYTES"]).any()


class TestFormat:
    @pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
    def test_is_told_by_content_and_not_by_suffix(self, tmp_path: Path, suffix: str) -> None:
        table = random_table(np.random.default_rng(4), 50)
        right, wrong = tmp_path / f"flows{suffix}", tmp_path / "flows.txt"
        write_flows(table, right)
        right.rename(wrong)
        assert_same_flows(read_flows(wrong), table)

    def test_joined_gzip_members_are_one_file(self, plain: Path) -> None:
        expected, data = read_flows(plain), plain.read_bytes()
        plain.write_bytes(gzip.compress(data[:1000]) + gzip.compress(data[1000:]))
        assert_same_flows(read_flows(plain), expected)

    @pytest.mark.parametrize("rewrite", ["floats", "dictionaries", "large_strings", "row_groups"])
    def test_parquet_of_other_writers(self, tmp_path: Path, rewrite: str) -> None:
        table, path = random_table(np.random.default_rng(5), 500), tmp_path / "flows.parquet"
        write_flows(table, path)
        arrow = parquet.read_table(path)
        texts = (SOURCE, DESTINATION, ATTACK)
        for place, name in enumerate(arrow.column_names):
            values = arrow.column(name)
            if rewrite == "floats" and name not in texts:
                values = values.cast(pa.float32() if name == LABEL else pa.float64())
            if rewrite == "dictionaries" and name in texts:
                values = values.dictionary_encode()
            if rewrite == "large_strings" and name in texts:
                values = values.cast(pa.large_string())
            arrow = arrow.set_column(place, name, values)
        parquet.write_table(arrow, path, row_group_size=64 if rewrite == "row_groups" else None)
        assert_same_flows(read_flows(path), table)

    def test_unused_dictionary_values_are_no_hosts(self, tmp_path: Path) -> None:
        table, path = random_table(np.random.default_rng(6), 30), tmp_path / "flows.parquet"
        write_flows(table, path)
        arrow = parquet.read_table(path)
        names = pa.array([*table.hosts, "9.9.9.9", "nonsense"])
        column = pa.DictionaryArray.from_arrays(pa.array(table.source), names)
        parquet.write_table(arrow.set_column(0, SOURCE, column), path)
        assert_same_flows(read_flows(path), table)


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_flows(path)
    message = str(caught.value)
    assert path.name in message
    assert message.isprintable()
    return message


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_reading_does_not_import_pandas(tmp_path: Path, suffix: str) -> None:
    """Arrow imports it behind many calls, which would double the time of a first reading."""
    path = tmp_path / f"flows{suffix}"
    write_flows(random_table(np.random.default_rng(8), 9), path)
    program = (
        "import sys; from pathlib import Path; from fednids.flows.files.reading import read_flows; "
        f"read_flows(Path({str(path)!r})); sys.exit('pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


class TestHeader:
    def test_missing_column(self, plain: Path) -> None:
        cut = [line.rsplit(",", 1)[0] for line in lines_of(plain)]
        assert "line 1: " in (message := refused(with_lines(plain, cut)))
        assert "no column 'Attack'" in message

    def test_extra_column(self, plain: Path) -> None:
        wide = [
            f"{line},{'flow id' if place == 0 else place}"
            for place, line in enumerate(lines_of(plain))
        ]
        assert "an unknown column 'flow id'" in refused(with_lines(plain, wide))

    def test_renamed_column_names_both(self, plain: Path) -> None:
        plain.write_bytes(plain.read_bytes().replace(b"IN_BYTES,", b"in_bytes,", 1))
        assert "no column 'IN_BYTES' and an unknown column 'in_bytes'" in refused(plain)

    def test_column_twice(self, plain: Path) -> None:
        plain.write_bytes(plain.read_bytes().replace(b"OUT_BYTES", b"IN_BYTES", 1))
        assert "column 'IN_BYTES' twice" in refused(plain)

    def test_nearest_version_is_meant(self, tmp_path: Path) -> None:
        names = [name for name in required_names("v2") if name != "MIN_TTL"]
        path = with_lines(tmp_path / "flows.csv", [",".join(names)])
        assert "the columns of NF-BoT-IoT v2, came no column 'MIN_TTL'" in refused(path)
        path = with_lines(tmp_path / "flows.csv", [",".join([*required_names("v1"), "MIN_TTL"])])
        assert "the columns of NF-BoT-IoT v1, came an unknown column 'MIN_TTL'" in refused(path)

    @pytest.mark.parametrize("dropped", [LABEL, ATTACK, SOURCE])
    def test_parquet_needs_every_column(self, tmp_path: Path, dropped: str) -> None:
        path = tmp_path / "flows.parquet"
        write_flows(random_table(np.random.default_rng(7), 9), path)
        parquet.write_table(parquet.read_table(path).drop_columns([dropped]), path)
        assert f"no column '{dropped}'" in refused(path)

    @pytest.mark.parametrize(
        "data",
        [b"\n", b"\xef\xbb\xbf", b"\xff\xfeI\0P\0V\0", b"x" * 100_000, b'"open', b"\0\0\0\0"],
        ids=["blank", "mark", "utf-16", "long", "quote", "nulls"],
    )
    def test_no_header_at_all(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / "flows.csv"
        path.write_bytes(data)
        assert "line 1: expected" in refused(path)

    @pytest.mark.parametrize("end", ["", "\n", "\n\n\n", "\r\n"])
    def test_header_only(self, tmp_path: Path, end: str) -> None:
        path = tmp_path / "flows.csv"
        path.write_text(",".join(required_names("v1")) + end)
        assert "expected flows after the header, came none" in refused(path)


class TestPath:
    def test_nothing_there(self, tmp_path: Path) -> None:
        assert "nothing of that name" in refused(tmp_path / "flows.csv")

    def test_folder(self, tmp_path: Path) -> None:
        assert "came a folder" in refused(tmp_path)

    def test_device(self) -> None:
        assert "came a pipe, socket or device" in refused(Path("/dev/zero"))

    def test_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "flows.csv").touch()
        assert "came an empty file" in refused(tmp_path / "flows.csv")

    def test_no_permission(self, plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        assert "a file that you may read" in refused(plain)

    @pytest.mark.parametrize("name", ["a\0b", "x" * 300, "two\nlines", "\udcff"])
    def test_odd_names_stay_on_one_line(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(DataError) as caught:
            read_flows(tmp_path / name)
        assert str(caught.value).isprintable()

    def test_odd_names_can_be_read(self, plain: Path) -> None:
        expected = read_flows(plain)
        for name in ("two\nlines", "\udcff"):
            plain = plain.rename(plain.with_name(name))
            assert_same_flows(read_flows(plain), expected)


class TestRealFlows:
    def test_v2_sample(self) -> None:
        flows = read_flows(real_file("NF-BoT-IoT-v2-sample.csv.gz"))
        assert flows.version == "v2"
        assert len(flows) == 195_146
        assert np.bincount(flows.attack).tolist() == [899, 59_186, 116_903, 18_135, 23]
        assert flows.label.sum() == 195_146 - 899

    def test_v2_sample_equals_the_slow_twin(self, tmp_path: Path) -> None:
        with gzip.open(real_file("NF-BoT-IoT-v2-sample.csv.gz"), "rt", encoding="utf-8") as file:
            start = [next(file).rstrip("\n") for _ in range(2_001)]
        path = with_lines(tmp_path / "start.csv", start)
        assert_same_flows(read_flows(path), read_slowly(path))

    def test_v1_rows(self) -> None:
        path = real_file("NF-BoT-IoT-v1-rows.csv")
        flows = read_flows(path)
        assert flows.version == "v1"
        assert len(flows) == 10
        assert flows.numbers["L7_PROTO"][8] == 222.178
        assert_same_flows(flows, read_slowly(path))
