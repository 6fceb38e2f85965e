from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.datasets.nf_bot_iot import NF_BOT_IOT
from fednids.errors import DataError
from fednids.flows.files.checksum import file_sha256, recognise, verify_checksum


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "flows.csv"
    path.write_bytes(b"abc")
    return path


ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


def test_digest_of_the_standard(path: Path) -> None:
    assert file_sha256(path) == ABC


def test_digest_of_a_large_file(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    (tmp_path / "large").write_bytes(data)
    assert file_sha256(tmp_path / "large") == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("expected", [ABC, ABC.upper(), f" {ABC}\n"])
def test_right_checksum_passes(path: Path, expected: str) -> None:
    verify_checksum(path, expected)


def test_wrong_checksum_names_both(path: Path) -> None:
    with pytest.raises(DataError) as caught:
        verify_checksum(path, "0" * 64)
    message = str(caught.value)
    assert "flows.csv: expected SHA-256 " + "0" * 64 in message
    assert f"came {ABC};" in message
    assert message.isprintable()


@given(st.text(max_size=70).filter(lambda text: len(text.strip()) != 64))
def test_what_is_no_checksum_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="64 hexadecimal digits"):
        verify_checksum(Path("never opened"), text)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing of that name"):
        verify_checksum(tmp_path / "none", ABC)


def test_known_files_are_recognised() -> None:
    published = NF_BOT_IOT.published[0]
    assert published.sha256.startswith("0dcaeb12918dccee")
    assert recognise(published.sha256) == recognise(published.sha256.upper()) == published.title
    assert "v1" in published.title
    assert recognise(ABC) is None
