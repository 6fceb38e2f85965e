"""Files with more columns than the data sheet knows."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flow_factory import assert_same_flows, random_table

from fednids.audit.evidence import columns_of, gather, read_whole
from fednids.config import DataConfig
from fednids.errors import DataError
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows

FLOWS = 300


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    path = tmp_path / "flows.csv"
    write_flows(random_table(np.random.default_rng(1), FLOWS), path)
    return path


def with_columns(plain: Path, **columns: object) -> Path:
    frame = pd.read_csv(plain, dtype=str)
    for name, values in columns.items():
        frame.insert(1, name, values)
    path = plain.with_name("more.csv")
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_a_file_of_the_data_sheet_is_read_as_ever(version, suffix, tmp_path: Path) -> None:
    path = tmp_path / f"flows{suffix}"
    write_flows(random_table(np.random.default_rng(2), 50, version), path)
    table, foreign = read_whole(path)
    assert_same_flows(table, read_flows(path))
    assert foreign == {}


def test_more_columns_leave_the_flows_as_they_are(plain: Path) -> None:
    path = with_columns(
        plain, Dataset="X", WHOLE=range(FLOWS), REAL=np.arange(FLOWS) / 4,
        TEXT=[f"t{i % 3}" for i in range(FLOWS)], DAY="2020-01-02", GAP=["", *range(1, FLOWS)],
        BIG=[str(2**60 + i) for i in range(FLOWS)], YES=["true", "false"] * (FLOWS // 2),
    )  # fmt: skip
    table, foreign = read_whole(path)
    assert_same_flows(table, read_flows(plain))
    by_name = {column.name: column for column in columns_of(table, foreign)}
    many = {name: len(by_name[name].values) for name in foreign}
    assert many == {
        "Dataset": 1, "WHOLE": FLOWS, "REAL": FLOWS, "TEXT": 3, "DAY": 1, "GAP": FLOWS,
        "BIG": FLOWS, "YES": 2,
    }  # fmt: skip
    assert {name for name in many if by_name[name].nominal} == {"Dataset", "TEXT"} | (
        {"DAY"} if by_name["DAY"].nominal else set()
    )
    assert by_name["Dataset"].role == "origin"
    assert None in by_name["GAP"].values
    assert all(by_name[name].is_foreign for name in many)
    assert not by_name["L4_DST_PORT"].is_foreign


def test_codes_and_values_give_the_column_back(plain: Path) -> None:
    table, foreign = read_whole(with_columns(plain, TEXT=[f"t{i % 7}" for i in range(FLOWS)]))
    by_name = {column.name: column for column in columns_of(table, foreign)}
    for name, values in table.numbers.items():
        column = by_name[name]
        np.testing.assert_array_equal(np.array(column.values, float)[column.codes], values)
        assert list(column.values) == sorted(column.values)
    source = by_name["IPV4_SRC_ADDR"]
    shown = [source.values[code] for code in source.codes]
    assert shown == [table.hosts[code] for code in table.source]
    assert [by_name["TEXT"].value(c) for c in by_name["TEXT"].codes[:2]] == ["'t0'", "'t1'"]


def test_a_column_that_changes_its_mind_is_text(plain: Path) -> None:
    many = 400_000 // FLOWS
    lines = plain.read_text().splitlines()
    path = plain.with_name("long.csv")
    body = [f"{line},{'x' if last else i}" for last in (0, 1) for i, line in enumerate(lines[1:])]
    path.write_text("\n".join([lines[0] + ",MIND", *(body[:FLOWS] * many), *body[FLOWS:]]) + "\n")
    found = read_whole(path)[1]["MIND"]
    assert found.iloc[0] == "0"
    assert found.iloc[-1] == "x"


def test_archives_may_have_more_columns_too(plain: Path, tmp_path: Path) -> None:
    text = with_columns(plain, MORE=range(FLOWS)).read_bytes()
    (tmp_path / "a.gz").write_bytes(gzip.compress(text))
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as folder:
        folder.writestr("in/flows.csv", text)
    for name in ("a.gz", "a.zip"):
        assert list(read_whole(tmp_path / name)[1]["MORE"]) == list(range(FLOWS))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text.replace("Attack", "Class", 1), "no column 'Attack'"),
        (lambda text: text.replace("MORE", "Label", 1), "column 'Label' twice"),
        (lambda text: text.replace("192.168.100", "192.168.1000"), "line"),
        (lambda text: text + "1,2\n", f"line {FLOWS + 2}"),
        (lambda text: text.splitlines()[0] + "\n", "flows after the header"),
        (lambda text: "", "an empty file"),
        (lambda text: "\x00\xff\n", "column"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(spoil, words: str, plain: Path) -> None:
    path = with_columns(plain, MORE=range(FLOWS))
    path.write_text(spoil(path.read_text()))
    with pytest.raises(DataError) as caught:
        read_whole(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_v2_features_need_a_v2_file(plain: Path) -> None:
    with pytest.raises(DataError, match="--features v1"):
        gather(DataConfig(path=str(plain), features="v2"), 1)
