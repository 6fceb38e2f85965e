from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from flow_factory import FEATURES, REQUIRED, random_table, required_names
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fednids.datasets.netflow import ATTACK, DESTINATION, LABEL, SOURCE, SOURCE_PORT
from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.datasets.spec import Column
from fednids.errors import DataError
from fednids.flows.files import faults
from fednids.flows.files.columns import LONGEST_LINE
from fednids.flows.files.faults import fault_in_cell, fault_in_row, locate_in_csv
from fednids.flows.files.header import Fit, Header
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows

NAMES = required_names("v1")
BAD_CELLS = [
    ("IN_BYTES", "many", "a finite number of at least 0, came 'many'"),
    ("IN_BYTES", "", "came an empty cell"),
    ("IN_BYTES", "  ", "came an empty cell"),
    ("IN_BYTES", "nan", "came 'nan'"),
    ("IN_BYTES", "NaN", "came 'NaN'"),
    ("IN_BYTES", "NULL", "came 'NULL'"),
    ("IN_BYTES", "inf", "came 'inf'"),
    ("IN_BYTES", "-Infinity", "came '-Infinity'"),
    ("IN_BYTES", "1e400", "came '1e400'"),
    ("IN_BYTES", "9" * 400, "came '9999"),
    ("IN_BYTES", "-1", "came '-1'"),
    ("IN_BYTES", "1_000", "came '1_000'"),
    ("IN_BYTES", "0x10", "came '0x10'"),
    ("IN_BYTES", "\u0661", "came '\u0661'"),
    ("IN_BYTES", "1\0", "came '1\\x00'"),
    ("L7_PROTO", "5.126.1", "came '5.126.1'"),
    ("PROTOCOL", "256", "a number from 0 to 255, came '256'"),
    ("TCP_FLAGS", "255.5", "came '255.5'"),
    (SOURCE_PORT, "65536", "a number from 0 to 65,535, came '65536'"),
    (SOURCE, "", "an IPv4 address, came an empty cell"),
    (SOURCE, "192.168.100", "an IPv4 address, came '192.168.100'"),
    (SOURCE, " 192.168.100.3", "came ' 192.168.100.3'"),
    (SOURCE, "192.168.100.03", "came '192.168.100.03'"),
    (DESTINATION, "::1", "came '::1'"),
    (DESTINATION, "host", "came 'host'"),
    (ATTACK, "Ddos", "one of Benign, DDoS, DoS, Reconnaissance, Theft, came"),
    (ATTACK, "", "came an empty cell"),
    (ATTACK, "DoS ", "came 'DoS '"),
    (LABEL, "2", "0 or 1, came '2'"),
    (LABEL, "0.5", "0 or 1, came '0.5'"),
    (LABEL, "yes", "0 or 1, came 'yes'"),
]


@pytest.fixture(scope="module")
def good() -> list[list[str]]:
    """The cells of a good v1 file, header first."""
    return good_cells()


def good_cells() -> list[list[str]]:
    table = random_table(np.random.default_rng(1), 60)
    hosts, label = np.array(table.hosts), table.label
    attack = np.array(["Benign", "DDoS", "DoS", "Reconnaissance", "Theft"])[table.attack]
    text = {SOURCE: hosts[table.source], DESTINATION: hosts[table.destination], ATTACK: attack}
    columns = {**table.numbers, **text, LABEL: label}
    return [list(NAMES), *([str(columns[name][row]) for name in NAMES] for row in range(60))]


def written(path: Path, cells: list[list[str]]) -> Path:
    path.write_bytes(
        b"".join(",".join(row).encode("utf-8", "surrogateescape") + b"\n" for row in cells)
    )
    return path


def with_cell(cells: list[list[str]], row: int, column: str, text: str) -> list[list[str]]:
    changed = [list(each) for each in cells]
    changed[row][NAMES.index(column)] = text
    return changed


def refused(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_flows(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.isprintable()
    return message


def test_the_good_file_is_good(good: list[list[str]], tmp_path: Path) -> None:
    assert len(read_flows(written(tmp_path / "f.csv", good))) == 60


class TestCsvCells:
    @pytest.mark.parametrize(("column", "text", "complaint"), BAD_CELLS)
    def test_line_and_column(
        self, good: list[list[str]], tmp_path: Path, column: str, text: str, complaint: str
    ) -> None:
        message = refused(written(tmp_path / "f.csv", with_cell(good, 17, column, text)))
        assert f"f.csv, line 18, column {column}: expected " in message
        assert complaint in message

    def test_label_that_contradicts_attack(self, good: list[list[str]], tmp_path: Path) -> None:
        attacks = [row[-1] for row in good]
        benign, theft = attacks.index("Benign"), attacks.index("Theft")
        message = refused(written(tmp_path / "f.csv", with_cell(good, benign, LABEL, "1")))
        assert f"line {benign + 1}, column Label: expected 0 beside Attack Benign, " in message
        message = refused(written(tmp_path / "f.csv", with_cell(good, theft, LABEL, "0.0")))
        assert "expected 1 beside Attack Theft, came '0.0'" in message

    @pytest.mark.parametrize("column", [SOURCE, ATTACK])
    def test_bytes_that_are_not_utf8(
        self, good: list[list[str]], tmp_path: Path, column: str
    ) -> None:
        message = refused(written(tmp_path / "f.csv", with_cell(good, 3, column, "D\udcffS")))
        assert f"line 4, column {column}: " in message
        assert "bytes that are not UTF-8" in message

    @pytest.mark.parametrize("cells", [0, 1, 13, 15])
    def test_ragged_row(self, good: list[list[str]], tmp_path: Path, cells: int) -> None:
        rows = [*good[:30], ([*good[30], "1"])[:cells] or [" "], *good[31:]]
        message = refused(written(tmp_path / "f.csv", rows))
        assert f"line 31: expected 14 fields as in the header, came {cells or 1};" in message

    def test_overlong_line(self, good: list[list[str]], tmp_path: Path) -> None:
        message = refused(written(tmp_path / "f.csv", with_cell(good, 9, SOURCE, "1" * 3_000_000)))
        assert "line 10: expected lines of at most 1,048,576 bytes" in message

    def test_open_quote(self, good: list[list[str]], tmp_path: Path) -> None:
        quoted = [[f'"{cell}"' for cell in row] for row in good]
        quoted[5][0] = quoted[5][0].rstrip('"')
        assert "line 6: expected quotes that are closed" in refused(
            written(tmp_path / "f.csv", quoted)
        )

    def test_first_fault_is_told(self, good: list[list[str]], tmp_path: Path) -> None:
        cells = with_cell(with_cell(good, 40, "IN_BYTES", "x"), 39, "OUT_PKTS", "y")
        assert "line 40, column OUT_PKTS" in refused(written(tmp_path / "f.csv", cells))

    def test_columns_in_another_order(self, good: list[list[str]], tmp_path: Path) -> None:
        turned = [row[::-1] for row in with_cell(good, 2, "IN_PKTS", "x")]
        assert "line 3, column IN_PKTS" in refused(written(tmp_path / "f.csv", turned))

    def test_dataset_column_is_not_looked_at(self, good: list[list[str]], tmp_path: Path) -> None:
        cells = with_cell(good, 2, "IN_PKTS", "x")
        named = [[("Dataset" if place == 0 else "\udcff"), *row] for place, row in enumerate(cells)]
        assert "line 3, column IN_PKTS" in refused(written(tmp_path / "f.csv", named))

    @pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n\r\n"])
    def test_lines_are_counted_over_pieces(
        self, good: list[list[str]], tmp_path: Path, end: bytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(faults, "_PIECE", 500)
        header, *body = (
            written(tmp_path / "f.csv", with_cell(good, 50, ATTACK, "X")).read_bytes().splitlines()
        )
        (tmp_path / "f.csv").write_bytes(header + b"\n" + end.join(body) + end)
        line = 51 if len(end.splitlines()) == 1 else 2 + 2 * 49
        assert f"line {line}, column Attack" in refused(tmp_path / "f.csv")

    def test_mixed_line_ends_are_counted_over_pieces(
        self, good: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(faults, "_PIECE", 500)
        header, *body = (",".join(row) for row in with_cell(good, 50, ATTACK, "X"))
        ends = ("\r", "\n", "\r\n")
        mixed = "".join(row + ends[place % 3] for place, row in enumerate(body))
        (tmp_path / "f.csv").write_bytes(f"{header}\n{mixed}".encode())
        assert "line 51, column Attack" in refused(tmp_path / "f.csv")

    def test_overlong_line_in_a_column_that_is_not_read(self, good: list[list[str]]) -> None:
        fit = Fit(NF_BOT_IOT, "v1", REQUIRED["v1"])
        header = Header((fit,), (*NAMES, "Dataset"), quoted=False)
        row = ",".join([*good[1], "x" * LONGEST_LINE])
        complaint = locate_in_csv(io.BytesIO(row.encode()), header, fit, "f")
        assert "f, line 2: expected lines of at most" in str(complaint)


class TestParquetCells:
    @pytest.mark.parametrize(
        ("column", "value", "complaint"),
        [
            ("IN_BYTES", float("nan"), "came 'nan'"),
            ("IN_BYTES", float("inf"), "came 'inf'"),
            ("IN_BYTES", -1, "came '-1'"),
            ("IN_BYTES", None, "came an empty cell"),
            ("PROTOCOL", 256, "came '256'"),
            (SOURCE, "host", "came 'host'"),
            (SOURCE, None, "came an empty cell"),
            (ATTACK, "Ddos", "came 'Ddos'"),
            (ATTACK, None, "came an empty cell"),
            (LABEL, 2, "came '2'"),
            (LABEL, None, "came an empty cell"),
        ],
    )
    @pytest.mark.parametrize("encode", [False, True])
    def test_row_and_column(
        self, tmp_path: Path, column: str, value: object, complaint: str, encode: bool
    ) -> None:
        values = self.values(tmp_path, column)
        values[299] = value
        message = self.refused_with(tmp_path, column, pa.array(values), encode=encode)
        assert f"row 300 (the first flow is row 1), column {column}: expected " in message
        assert complaint in message

    def test_row_beyond_the_first_batch(self, tmp_path: Path) -> None:
        path = tmp_path / "f.parquet"
        write_flows(random_table(np.random.default_rng(1), 100_000), path)
        values = self.values(tmp_path, "IN_PKTS")
        values[90_000] = -7
        assert "row 90001 (" in self.refused_with(tmp_path, "IN_PKTS", pa.array(values))

    def test_label_that_contradicts_attack(self, tmp_path: Path) -> None:
        values = self.values(tmp_path, LABEL)
        values[0] = 1 - int(str(values[0]))
        message = self.refused_with(tmp_path, LABEL, pa.array(values))
        assert "row 1 (" in message
        assert "beside Attack" in message

    def test_bytes_that_are_not_utf8(self, tmp_path: Path) -> None:
        values = [str(value).encode() for value in self.values(tmp_path, ATTACK)]
        values[7] = b"D\xffS"
        broken = pa.array(values, pa.binary()).view(pa.string())
        message = self.refused_with(tmp_path, ATTACK, broken)
        assert "row 8 (" in message
        assert "bytes that are not UTF-8" in message

    @pytest.mark.parametrize(
        ("column", "kind", "came"),
        [
            ("IN_BYTES", pa.string(), "integers or floats, came the type 'string'"),
            ("IN_BYTES", pa.null(), "integers or floats, came the type 'null'"),
            (LABEL, pa.bool_(), "integers or floats, came the type 'bool'"),
            (ATTACK, pa.binary(), "text, came the type 'binary'"),
        ],
    )
    def test_wrong_type(self, tmp_path: Path, column: str, kind: pa.DataType, came: str) -> None:
        values = pa.array(self.values(tmp_path, column))
        changed = pa.nulls(len(values)) if kind == pa.null() else values.cast(kind)
        assert f"column {column}: expected {came}" in self.refused_with(tmp_path, column, changed)

    def test_no_rows(self, tmp_path: Path) -> None:
        path = self.path(tmp_path)
        parquet.write_table(parquet.read_table(path).slice(0, 0), path)
        assert "expected flows, came no rows" in refused(path)

    @staticmethod
    def path(folder: Path) -> Path:
        path = folder / "f.parquet"
        if not path.exists():
            write_flows(random_table(np.random.default_rng(1), 400), path)
        return path

    def values(self, folder: Path, column: str) -> list[object]:
        values: list[object] = parquet.read_table(self.path(folder)).column(column).to_pylist()
        return values

    def refused_with(
        self, folder: Path, column: str, values: pa.Array, *, encode: bool = False
    ) -> str:
        path = self.path(folder)
        if encode and pa.types.is_string(values.type):
            values = values.dictionary_encode()
        table = parquet.read_table(path)
        place = table.column_names.index(column)
        parquet.write_table(table.set_column(place, column, values), path)
        return refused(path)


cell_texts = st.one_of(
    st.text(max_size=6).map(lambda text: "".join(c for c in text if c not in ",\r\n")),
    st.text("01579+-.eEinfa \t", max_size=6),
)


@given(row=st.integers(1, 60), column=st.sampled_from(REQUIRED["v1"]), text=cell_texts)
@settings(max_examples=200, deadline=None)
def test_columns_and_cells_are_judged_alike(
    tmp_path_factory: pytest.TempPathFactory, row: int, column: Column, text: str
) -> None:
    """The fast check refuses exactly what the slow one finds, and it is found where it is."""
    cells = with_cell(good_cells(), row, column.name, text.encode("utf-8", "replace").decode())
    path = written(tmp_path_factory.getbasetemp() / "planted.csv", cells)
    if fault_in_row(cells[row], REQUIRED["v1"], NF_BOT_IOT) is None:
        assert len(read_flows(path)) == 60
    else:
        message = refused(path)
        names = {column.name, LABEL} if column.name == ATTACK else {column.name}
        assert any(f"line {row + 1}, column {name}: " in message for name in names)


@given(column=st.sampled_from(FEATURES["v2"]), value=st.floats(0, 255).map(repr))
def test_numbers_in_range_are_no_faults(column: Column, value: str) -> None:
    assert fault_in_cell(value, column, NF_BOT_IOT) is None
