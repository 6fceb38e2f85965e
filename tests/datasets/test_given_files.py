"""A folder of flow files: one gateway a file, split as each gateway splits its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from site_factory import NAMES, TRAINING, export

from fednids.config import Config, run_config_defaults
from fednids.config.folder import gateway_files, gateway_name
from fednids.datasets.federated import FederatedDataset
from fednids.errors import DataError, FednidsError
from fednids.flows.files.reading import read_flows
from fednids.flows.joining import join_checksums


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("flows") / "all")


def config_of(folder: Path, **settings: object) -> Config:
    changed = {name.replace("__", "."): value for name, value in settings.items()}
    return Config.resolve({**TRAINING, "data.path": str(folder), **changed})


def refused(config: Config) -> str:
    with pytest.raises(FednidsError) as caught:
        FederatedDataset.open(config)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    assert ";" in message
    return message


def test_a_folder_implies_scheme_and_gateways(files: Path) -> None:
    config = config_of(files)
    assert (config.partition.scheme, config.partition.gateways) == ("files", 3)
    assert Config.resolve(config.flat()) == config
    assert Config.of_run({**config.flat(), "out": "here"}) == config


def test_flowers_run_config_does_not_contradict_a_folder_by_its_defaults(files: Path) -> None:
    flat = {**run_config_defaults(), "data.path": str(files)}
    assert Config.of_run(flat).partition.gateways == 3


def test_names_of_a_deployment_imply_scheme_and_gateways() -> None:
    config = Config.resolve({"deploy.gateways": "c, a,b"})
    assert config.deploy.names == ("a", "b", "c")
    assert (config.partition.scheme, config.partition.gateways) == ("files", 3)


@pytest.mark.parametrize("split", ["stratified", "grouped", "blocks"])
def test_every_gateway_has_the_flows_of_its_file_and_splits_them_alone(
    files: Path, split: str
) -> None:
    config = config_of(files, data__split=split)
    whole = FederatedDataset.open(config)
    for k, name in enumerate(NAMES):
        path = files / f"{name}.parquet"
        own, table = FederatedDataset.open_gateway(config, path, k), read_flows(path)
        rows = whole.plan.rows(k)
        np.testing.assert_array_equal(whole.flows.attack[rows], table.attack)
        np.testing.assert_array_equal(whole.split.test[rows], own.split.test)
        np.testing.assert_array_equal(whole.split.novel[rows], own.split.novel)
        mine, theirs = own.moments(k), whole.moments(k)
        assert mine.sums.tobytes() == theirs.sums.tobytes()
        assert mine.squares.tobytes() == theirs.squares.tobytes()
        addresses = [whole.flows.hosts[code] for code in whole.flows.source[rows]]
        assert addresses == [table.hosts[code] for code in table.source]
        assert not any(len(own.training(other)) for other in range(3) if other != k)


def test_splits_of_two_gateways_with_one_file_differ(files: Path, tmp_path: Path) -> None:
    config, path = config_of(files), files / "attic.parquet"
    first, second = (FederatedDataset.open_gateway(config, path, k).split.test for k in (0, 1))
    assert (first != second).any()


def test_at_most_so_many_flows_are_taken_from_each(files: Path) -> None:
    dataset = FederatedDataset.open(config_of(files, data__flows=100))
    assert dataset.plan.sizes().tolist() == [100, 100, 100]


def test_the_checksum_is_that_of_sha256sum(files: Path) -> None:
    origin = FederatedDataset.open(config_of(files)).flows.origin
    assert refused(config_of(files, data__sha256="0" * 64)).count(origin.sha256) == 1
    assert FederatedDataset.open(config_of(files, data__sha256=origin.sha256)).gateways == 3
    assert join_checksums([("a", "00"), ("b", "11")]) == (
        "0c7e019cac56a27ffdd0ee3480c6174c23acbc9a949411d06bbe81de282ca7ec"
    )


def test_what_contradicts_a_folder_is_named(files: Path, tmp_path: Path) -> None:
    assert "got 4 gateways" in refused(config_of(files, partition__gateways=4))
    assert "got partition.scheme iid" in refused(config_of(files, partition__scheme="iid"))
    assert "partition.plan" in refused(config_of(files, partition__plan="plan.npz"))
    nowhere = Config.resolve({"partition.scheme": "files"})
    assert "got none" in refused(nowhere)
    (tmp_path / "empty").mkdir()
    assert "expected a flow file" in refused(config_of(tmp_path / "empty"))


def test_a_gateway_with_one_flow_is_refused_by_name(files: Path, tmp_path: Path) -> None:
    lines = _as_csv(files / "attic.parquet", tmp_path / "a.csv", 30)
    (tmp_path / "b.csv").write_text("".join(lines[:2]))
    assert "b.csv" in refused(config_of(tmp_path))
    (tmp_path / "b.csv").write_text(lines[0])
    assert "b.csv" in refused(config_of(tmp_path))


def test_order_is_that_of_names_and_manifests_are_no_flows(tmp_path: Path) -> None:
    for name in ("a-1.csv", "a.csv.gz", "b.zip", "export.json", ".hidden"):
        (tmp_path / name).touch()
    assert [gateway_name(path) for path in gateway_files(tmp_path)] == ["a", "a-1", "b"]
    (tmp_path / "a.parquet").touch()
    with pytest.raises(DataError, match="one flow file for gateway a"):
        gateway_files(tmp_path)


def _as_csv(source: Path, target: Path, rows: int) -> list[str]:
    from pyarrow import csv, parquet

    table = parquet.read_table(source).slice(0, rows)
    options = csv.WriteOptions(quoting_style="none")
    plain = table.cast(_plain_schema(table.schema))
    csv.write_csv(plain, target, options)
    text = target.read_text().replace('"', "")
    target.write_text(text)
    return text.splitlines(keepends=True)


def _plain_schema(schema):  # type: ignore[no-untyped-def]
    import pyarrow as pa

    return pa.schema(
        [(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type) for f in schema]
    )
