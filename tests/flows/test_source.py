"""load_flows: files or synthetic flows, checked before anything is kept."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flow_factory import CLASSES, random_table
from real_data import real_file

from fednids.config import DataConfig
from fednids.errors import DataError
from fednids.flows import source
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows
from fednids.flows.prepared import PreparedFlows, prepare_table
from fednids.flows.source import load_flows
from fednids.flows.synthetic.synthesis import synthesise
from fednids.seeding import Stream, generator

COLUMNS = ("raw", "vectors", "vector", "attack", "source", "destination")


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The cache folder of one test."""
    monkeypatch.setenv("FEDNIDS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A v1 file of 500 flows."""
    write_flows(random_table(np.random.default_rng(1), 500), tmp_path / "flows.csv")
    return tmp_path / "flows.csv"


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """A v2 file of 300 flows."""
    path = tmp_path / "wide.parquet"
    write_flows(random_table(np.random.default_rng(2), 300, "v2"), path)
    return path


def checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if path.is_dir()]


def assert_same_columns(left: PreparedFlows, right: PreparedFlows) -> None:
    assert left.features == right.features
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), strict=True)


def assert_one_line(error: pytest.ExceptionInfo[DataError]) -> None:
    assert len(str(error.value).splitlines()) == 1


class TestFile:
    def test_gives_the_prepared_flows_of_the_file(self, file: Path) -> None:
        flows = load_flows(DataConfig(path=str(file)), 1)
        assert_same_columns(flows, prepare_table(read_flows(file), "v1", path="", sha256=""))
        assert (flows.origin.path, flows.origin.sha256) == (str(file), checksum(file))
        assert (flows.origin.version, flows.origin.synthetic) == ("v1", False)

    def test_is_read_once_whatever_the_seed(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = load_flows(DataConfig(path=str(file)), 1)
        monkeypatch.setattr(source, "read_flows", lambda path: pytest.fail("read again"))
        assert_same_columns(load_flows(DataConfig(path=str(file)), 2), first)

    def test_a_copy_shares_the_entry_and_keeps_its_own_path(self, file: Path, folder: Path) -> None:
        copy = file.with_name("copy.csv")
        copy.write_bytes(file.read_bytes())
        first, second = (load_flows(DataConfig(path=str(path)), 1) for path in (file, copy))
        assert_same_columns(first, second)
        assert second.origin == replace(first.origin, path=str(copy))
        assert len(kept(folder)) == 1

    def test_a_changed_file_is_read_again(self, file: Path) -> None:
        before = load_flows(DataConfig(path=str(file)), 1)
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(lines[:-1]))
        after = load_flows(DataConfig(path=str(file)), 1)
        assert len(after) == len(before) - 1

    def test_permuted_targets_in_the_file_change_no_feature(self, file: Path) -> None:
        table = read_flows(file)
        other = file.with_name("permuted.csv")
        attack = np.random.default_rng(3).permutation(table.attack)
        write_flows(replace(table, attack=attack), other)
        left, right = (load_flows(DataConfig(path=str(path)), 1) for path in (file, other))
        np.testing.assert_array_equal(left.vectors[left.vector], right.vectors[right.vector])
        np.testing.assert_array_equal(right.attack, attack)

    def test_features_of_either_version_from_a_v2_file(self, wide: Path, folder: Path) -> None:
        found = [load_flows(DataConfig(path=str(wide), features=f), 1) for f in ("v1", "v2")]
        assert [flows.raw.shape[1] for flows in found] == [8, 39]
        assert [flows.origin.version for flows in found] == ["v2", "v2"]
        assert len(kept(folder)) == 2


class TestLimit:
    def test_takes_as_many_and_keeps_file_order(self, file: Path) -> None:
        every, some = (load_flows(DataConfig(path=str(file), flows=n), 1) for n in (0, 120))
        assert (len(every), len(some)) == (500, 120)
        assert set(some.attack.tolist()) == set(range(len(CLASSES)))
        rows = iter(zip(every.vector.tolist(), every.source.tolist(), strict=True))
        assert all(
            flow in rows for flow in zip(some.vector.tolist(), some.source.tolist(), strict=True)
        )

    def test_which_ones_is_the_seeds(self, file: Path, folder: Path) -> None:
        data = DataConfig(path=str(file), flows=120)
        first, again, other = (load_flows(data, seed).vector.tolist() for seed in (1, 1, 2))
        assert first == again != other
        assert len(kept(folder)) == 1

    def test_more_than_there_are_is_all(self, file: Path) -> None:
        assert len(load_flows(DataConfig(path=str(file), flows=9999), 1)) == 500


class TestRefusals:
    def test_a_wrong_checksum_keeps_nothing(self, file: Path, folder: Path) -> None:
        with pytest.raises(DataError, match=checksum(file)) as caught:
            load_flows(DataConfig(path=str(file), sha256="0" * 64), 1)
        assert_one_line(caught)
        assert kept(folder) == []

    def test_a_wrong_checksum_is_seen_though_the_flows_are_kept(self, file: Path) -> None:
        load_flows(DataConfig(path=str(file)), 1)
        with pytest.raises(DataError, match="expected SHA-256"):
            load_flows(DataConfig(path=str(file), sha256="0" * 64), 1)

    def test_the_right_checksum_is_accepted(self, file: Path) -> None:
        assert len(load_flows(DataConfig(path=str(file), sha256=checksum(file)), 1)) == 500

    def test_v2_features_of_a_v1_file_keep_nothing(self, file: Path, folder: Path) -> None:
        with pytest.raises(DataError, match=r"use data\.features=v1") as caught:
            load_flows(DataConfig(path=str(file), features="v2"), 1)
        assert str(file) in str(caught.value)
        assert_one_line(caught)
        assert kept(folder) == []

    def test_v2_features_without_a_file(self, folder: Path) -> None:
        with pytest.raises(DataError, match=r"--data or use data\.features=v1") as caught:
            load_flows(DataConfig(features="v2"), 1)
        assert_one_line(caught)
        assert kept(folder) == []

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="check the path") as caught:
            load_flows(DataConfig(path=str(tmp_path / "no.csv")), 1)
        assert_one_line(caught)

    def test_a_damaged_file_keeps_nothing(self, file: Path, folder: Path) -> None:
        file.write_text(file.read_text().replace("Benign", "Maybe", 1))
        with pytest.raises(DataError) as caught:
            load_flows(DataConfig(path=str(file)), 1)
        assert_one_line(caught)
        assert kept(folder) == []


class TestSynthetic:
    def test_gives_the_flows_of_the_seed(self) -> None:
        flows = load_flows(DataConfig(flows=400), 7)
        table = synthesise(400, generator(7, Stream.SYNTHETIC))
        assert_same_columns(flows, prepare_table(table, "v1", path="", sha256=""))

    def test_says_so(self) -> None:
        origins = [load_flows(DataConfig(flows=400), seed).origin for seed in (1, 2)]
        for origin in origins:
            assert (origin.path, origin.version, origin.synthetic) == ("synthetic", "v1", True)
            assert len(origin.sha256) == 64
        assert origins[0].sha256 != origins[1].sha256

    def test_other_seeds_and_numbers_are_other_flows(self, folder: Path) -> None:
        found = [
            load_flows(DataConfig(flows=n), seed) for n, seed in ((400, 1), (400, 2), (401, 1))
        ]
        assert [len(flows) for flows in found] == [400, 400, 401]
        assert found[0].raw.tolist() != found[1].raw.tolist()
        assert len(kept(folder)) == 3

    def test_without_a_number_there_is_a_default(self) -> None:
        assert len(load_flows(DataConfig(), 1)) == source.SYNTHETIC_FLOWS == 60_000

    def test_too_few_is_one_clear_line(self) -> None:
        with pytest.raises(DataError, match="ask for more") as caught:
            load_flows(DataConfig(flows=3), 1)
        assert_one_line(caught)


class TestRealSample:
    def test_its_known_facts(self) -> None:
        path = real_file("NF-BoT-IoT-v2-sample.csv.gz")
        flows = load_flows(DataConfig(path=str(path)), 1)
        assert len(flows) == 195_146
        assert np.bincount(flows.attack).tolist() == [899, 59_186, 116_903, 18_135, 23]
        assert flows.raw.shape == (8_745, 8)
        assert flows.vectors.shape == (8_745, len(flows.features))
        pairs = set(zip(flows.vector.tolist(), flows.attack.tolist(), strict=True))
        carried = np.bincount([vector for vector, _ in pairs])
        assert (carried > 1).sum() == 372
        assert len(np.unique(flows.raw, axis=0)) == 8_745
        assert np.isfinite(flows.vectors).all()
