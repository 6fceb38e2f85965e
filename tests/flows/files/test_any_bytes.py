"""Laws of the reader for hostile input: data, or exactly one `DataError` on one line."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from flow_factory import Version, random_table, required_names
from hypothesis import given, settings
from hypothesis import strategies as st

from fednids.errors import DataError
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows

Edit = tuple[str, int, bytes]

SPECIAL = [b",", b"\n", b"\r", b'"', b"nan", b"-", b"\xff", b"\0", b"1e999", b"\r\n\r\n", b"\x1f"]
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["replace", "insert", "delete", "cut"]),
        st.integers(0, 10**6),
        st.one_of(st.binary(min_size=1, max_size=4), st.sampled_from(SPECIAL)),
    ),
    min_size=1,
    max_size=3,
)
STARTS = [
    b"",
    b"\x1f\x8b\x08\0\0\0\0\0\0\x03",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PAR1",
    ",".join(required_names("v1")).encode() + b"\n",
    b"\xef\xbb\xbf" + ",".join(required_names("v2")).encode() + b"\r\n",
]
PACKINGS = ["csv", "quoted", "gzip", "zip", "parquet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def good(folder: Path) -> dict[tuple[str, Version], bytes]:
    """Good files by packing and version."""
    files = {}
    versions: tuple[Version, ...] = ("v1", "v2")
    for version in versions:
        table = random_table(np.random.default_rng(1), 12, version)
        write_flows(table, folder / f"{version}.csv")
        write_flows(table, folder / f"{version}.parquet")
        plain = (folder / f"{version}.csv").read_bytes()
        files["csv", version] = plain
        files["quoted", version] = quoted(plain)
        files["gzip", version] = gzip.compress(plain, mtime=0)
        files["zip", version] = zipped(plain)
        files["parquet", version] = (folder / f"{version}.parquet").read_bytes()
    return files


def quoted(data: bytes) -> bytes:
    rows = (b",".join(b'"' + cell + b'"' for cell in line.split(b",")) for line in data.split())
    return b"\n".join(rows) + b"\n"


def zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/NF-BoT-IoT.csv", data)
        archive.writestr("a/NetFlow_v1_Features.csv", "a,b\n")
    return packed.getvalue()


def edited(data: bytes, edits: list[Edit]) -> bytes:
    for kind, where, text in edits:
        place = where % (len(data) + 1)
        keep = {"replace": place + len(text), "insert": place, "delete": place + len(text)}
        rest = data[keep[kind] :] if kind in keep else b""
        data = data[:place] + (b"" if kind in ("delete", "cut") else text) + rest
    return data


def data_or_one_line(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        flows = read_flows(path)
    except DataError as error:
        message = str(error)
        assert str(path) in message
        assert message.isprintable()
        assert len(message) < 600 + len(str(path))
        assert "cannot be parsed together" not in message
    else:
        assert len(flows) > 0
        assert all(np.isfinite(values).all() for values in flows.numbers.values())


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes(folder: Path, start: bytes, rest: bytes) -> None:
    data_or_one_line(folder / "hostile.bin", start + rest)


@given(start=st.sampled_from(STARTS), rest=st.text("0123.,\n\r\"'eDoS -", max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text(folder: Path, start: bytes, rest: str) -> None:
    data_or_one_line(folder / "hostile.bin", start + rest.encode())


@pytest.mark.parametrize("packing", PACKINGS)
@given(version=st.sampled_from(["v1", "v2"]), edits=EDITS)
@settings(max_examples=120, deadline=None)
def test_edited_files(
    folder: Path,
    good: dict[tuple[str, Version], bytes],
    packing: str,
    version: Version,
    edits: list[Edit],
) -> None:
    data_or_one_line(folder / "hostile.bin", edited(good[packing, version], edits))


@pytest.mark.parametrize("packing", PACKINGS)
def test_files_cut_short(
    folder: Path, good: dict[tuple[str, Version], bytes], packing: str
) -> None:
    data = good[packing, "v1"]
    for length in range(0, len(data), max(1, len(data) // 150)):
        data_or_one_line(folder / "hostile.bin", data[:length])


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_byte_may_be_wrong(
    folder: Path, good: dict[tuple[str, Version], bytes], packing: str
) -> None:
    data = good[packing, "v1"]
    flips = np.random.default_rng(2)
    for place in range(0, len(data), max(1, len(data) // 200)):
        wrong = bytes([data[place] ^ int(flips.integers(1, 256))])
        data_or_one_line(folder / "hostile.bin", data[:place] + wrong + data[place + 1 :])
