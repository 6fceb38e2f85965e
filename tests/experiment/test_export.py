"""What is exported is the input, dealt by the plan: every row, every column, in order."""

from __future__ import annotations

import csv
import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from flow_factory import assert_same_flows, random_table, required_names
from pyarrow import parquet
from real_data import real_file
from runs_factory import small_config

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.plan_file import sign_plan
from fednids.errors import ConfigError, DataError, RunError
from fednids.experiment import export
from fednids.experiment.export import export_gateways
from fednids.flows.files.reading import read_flows
from fednids.flows.files.writing import write_flows
from fednids.flows.source import load_flows
from fednids.flows.synthetic.synthesis import synthesise
from fednids.flows.table import FlowTable
from fednids.seeding import Stream, generator
from partitions import PartitionPlan

FLOWS = 700
SUFFIXES = ("parquet", "csv", "csv.gz")


def with_dataset(path: Path) -> Path:
    """Give a v2 CSV one more column, and numbers written in unusual ways."""
    lines = path.read_text().splitlines()
    place = lines[0].split(",").index("IN_BYTES")
    rows = [line.split(",") for line in lines]
    rows[3][place] += ".0"
    rows[4][place] = f"{float(rows[4][place]):e}"
    odd = [",".join([*row, f"set {n % 3}" if n else "Dataset"]) for n, row in enumerate(rows)]
    path.write_text("\n".join(odd) + "\n")
    return path


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same v2 flows in every format."""
    folder = tmp_path_factory.mktemp("inputs")
    write_flows(random_table(np.random.default_rng(3), FLOWS, "v2"), folder / "flows.csv")
    write_flows(read_flows(folder / "flows.csv"), folder / "flows.parquet")
    text = with_dataset(folder / "flows.csv").read_bytes()
    with gzip.open(folder / "flows.csv.gz", "wb") as packed:
        packed.write(text)
    with zipfile.ZipFile(folder / "flows.zip", "w") as archive:
        archive.writestr("readme.txt", "flows")
        archive.writestr("data/flows.csv", text)
    return {path.name: path for path in folder.iterdir()}


def exported(
    config: Config, out: Path, suffix: str = "parquet"
) -> tuple[FederatedDataset, dict[str, object], list[FlowTable]]:
    dataset = FederatedDataset.open(config)
    manifest = export_gateways(config, dataset, out, suffix=suffix)
    assert json.loads((out / "export.json").read_text()) == manifest
    files = [out / f"gateway-{k:05d}.{suffix}" for k in range(dataset.gateways)]
    assert sorted(p.name for p in out.iterdir()) == ["export.json", *(p.name for p in files)]
    return dataset, manifest, [read_flows(path) for path in files]


def relisted(table: FlowTable) -> FlowTable:
    """List only hosts that occur, as a file does."""
    used = np.union1d(table.source, table.destination)
    place = np.full(len(table.hosts), -1, np.int32)
    place[used] = np.arange(len(used))
    return FlowTable(
        table.spec, table.version, table.numbers, tuple(np.array(table.hosts)[used].tolist()),
        place[table.source], place[table.destination], table.attack,
    )  # fmt: skip


def check_dealt(dataset: FederatedDataset, whole: FlowTable, tables: list[FlowTable]) -> None:
    for k, table in enumerate(tables):
        assert_same_flows(table, relisted(whole.take(dataset.plan.rows(k))))


@pytest.mark.parametrize("name", ["flows.csv", "flows.csv.gz", "flows.zip", "flows.parquet"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_file_holds_its_gateways_flows(
    name: str, suffix: str, inputs: dict[str, Path], tmp_path: Path
) -> None:
    config = small_config(data__path=str(inputs[name]), data__flows=0, partition__gateways=5)
    dataset, manifest, tables = exported(config, tmp_path / "out", suffix)
    check_dealt(dataset, read_flows(inputs[name]), tables)
    for k, entry in enumerate(manifest["gateways"]):  # type: ignore[attr-defined,arg-type,var-annotated]
        assert entry["flows"] == len(tables[k])
        assert (
            list(entry["classes"].values()) == np.bincount(tables[k].attack, minlength=5).tolist()
        )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_synthetic_flows_have_the_columns_that_synthesise_writes(
    suffix: str, tmp_path: Path
) -> None:
    config = small_config(run__seed=4)
    dataset, _, tables = exported(config, tmp_path / "out", suffix)
    check_dealt(dataset, synthesise(1200, generator(4, Stream.SYNTHETIC)), tables)


@pytest.mark.parametrize("name", ["flows.csv", "flows.parquet"])
def test_a_limited_run_exports_the_flows_it_takes(
    name: str, inputs: dict[str, Path], tmp_path: Path
) -> None:
    config = small_config(data__path=str(inputs[name]), data__flows=400)
    dataset, _, tables = exported(config, tmp_path / "out")
    assert sum(map(len, tables)) == len(dataset.flows) == 400
    whole = load_flows(config.data.model_copy(update={"flows": 0}), 1)
    for k, table in enumerate(tables):
        rows = dataset.plan.rows(k)
        raw = np.column_stack([table.numbers[n] for n in ("PROTOCOL", "L7_PROTO", "IN_BYTES")])
        np.testing.assert_array_equal(raw, whole.raw[np.asarray(dataset.flows.vector)[rows], :3])
        np.testing.assert_array_equal(table.attack, np.asarray(dataset.flows.attack)[rows])


def test_cells_of_a_csv_are_copied_as_written(inputs: dict[str, Path], tmp_path: Path) -> None:
    config = small_config(data__path=str(inputs["flows.csv"]), data__flows=0)
    dataset, _, _ = exported(config, tmp_path / "out", "csv")
    lines = inputs["flows.csv"].read_text().splitlines()
    for k in range(dataset.gateways):
        found = (tmp_path / "out" / f"gateway-{k:05d}.csv").read_text().splitlines()
        assert found == [lines[0], *(lines[row + 1] for row in dataset.plan.rows(k))]


def test_parquet_keeps_columns_and_whole_numbers(inputs: dict[str, Path], tmp_path: Path) -> None:
    config = small_config(data__path=str(inputs["flows.csv"]), data__flows=0)
    exported(config, tmp_path / "out")
    schema = parquet.read_schema(tmp_path / "out" / "gateway-00001.parquet")
    assert schema.names == [*required_names("v2"), "Dataset"]
    assert pa.types.is_integer(schema.field("IN_BYTES").type)
    assert pa.types.is_floating(schema.field("L7_PROTO").type)
    assert pa.types.is_string(schema.field("Dataset").type)
    original = tmp_path / "again"
    config = small_config(data__path=str(inputs["flows.parquet"]), data__flows=0)
    exported(config, original)
    assert parquet.read_schema(original / "gateway-00001.parquet").equals(
        parquet.read_schema(inputs["flows.parquet"])
    )


def test_a_quoted_csv_is_read_by_its_quotes(inputs: dict[str, Path], tmp_path: Path) -> None:
    with inputs["flows.csv"].open(newline="") as source, (tmp_path / "q.csv").open("w") as target:
        csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(csv.reader(source))
    config = small_config(data__path=str(tmp_path / "q.csv"), data__flows=0)
    dataset, _, tables = exported(config, tmp_path / "out", "csv")
    check_dealt(dataset, read_flows(inputs["flows.csv"]), tables)


@pytest.mark.parametrize("most", [1, 150, 300, 10**6])
@pytest.mark.parametrize("name", ["flows.csv", "flows.parquet"])
def test_memory_does_not_change_what_is_written(
    most: int, name: str, inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", most)
    config = small_config(
        data__path=str(inputs[name]), data__flows=0, partition__gateways=6, partition__alpha=0.2
    )
    dataset, _, tables = exported(config, tmp_path / "out")
    check_dealt(dataset, read_flows(inputs[name]), tables)


@pytest.mark.parametrize("sizes", [[5], [3, 3, 3], [9, 1, 1], [1, 9, 1], [0, 0, 4], [0, 9]])
def test_groups_cover_all_gateways_and_fit(
    sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MOST_ROWS", 6)
    groups = list(export._groups(np.array(sizes)))
    assert [k for group in groups for k in group] == list(range(len(sizes)))
    for group in groups:
        assert len(group) == 1 or sum(sizes[k] for k in group) <= 6


def test_a_gateway_without_flows_has_no_file(tmp_path: Path) -> None:
    dataset = FederatedDataset.open(small_config())
    held = PartitionPlan(
        "iid", np.where(dataset.plan.assignment == 1, 0, dataset.plan.assignment), 3
    )
    sign_plan(held, dataset.flows).save(tmp_path / "plan.npz")
    config = small_config(partition__plan=str(tmp_path / "plan.npz"))
    manifest = export_gateways(config, FederatedDataset.open(config), tmp_path / "out")
    assert [each["file"] is None for each in manifest["gateways"]] == [False, True, False]
    assert manifest["gateways"][1]["flows"] == 0
    assert not (tmp_path / "out" / "gateway-00001.parquet").exists()


def test_a_file_that_has_changed_is_refused_and_leaves_nothing(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "flows.csv"
    path.write_bytes(inputs["flows.csv"].read_bytes())
    config = small_config(data__path=str(path), data__flows=0)
    dataset = FederatedDataset.open(config)
    path.write_text(path.read_text() + path.read_text().splitlines()[-1] + "\n")
    with pytest.raises(DataError, match="as it was"):
        export_gateways(config, dataset, tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["flows.csv"]


def test_a_text_that_no_bare_csv_can_hold_is_refused(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    table = parquet.read_table(inputs["flows.parquet"])
    named = table.append_column("Dataset", pa.array(["a, b"] * len(table)))
    parquet.write_table(named, tmp_path / "flows.parquet")
    config = small_config(data__path=str(tmp_path / "flows.parquet"), data__flows=0)
    with pytest.raises(DataError, match="--format parquet") as caught:
        exported(config, tmp_path / "out", "csv")
    assert "\n" not in str(caught.value)
    exported(config, tmp_path / "out")


def test_other_formats_and_old_exports_are_refused(tmp_path: Path) -> None:
    config = small_config()
    dataset = FederatedDataset.open(config)
    with pytest.raises(ConfigError, match="parquet, csv"):
        export_gateways(config, dataset, tmp_path / "out", suffix="xlsx")
    export_gateways(config, dataset, tmp_path / "out")
    with pytest.raises(RunError, match="--force"):
        export_gateways(config, dataset, tmp_path / "out")


def test_an_exported_file_is_a_data_file_of_runs(tmp_path: Path) -> None:
    exported(small_config(), tmp_path / "out")
    flows = FederatedDataset.open(
        small_config(
            data__path=str(tmp_path / "out" / "gateway-00000.parquet"),
            data__flows=0,
            partition__gateways=1,
        )
    ).flows
    assert len(flows) == FederatedDataset.open(small_config()).plan.sizes()[0]


@pytest.mark.slow
def test_real_flows_go_to_a_thousand_gateways_and_come_back(tmp_path: Path) -> None:
    path = real_file("NF-BoT-IoT-v2-sample.csv.gz")
    config = Config.resolve({"data.path": str(path), "partition.gateways": 1000})
    dataset, _, tables = exported(config, tmp_path / "out", "csv")
    check_dealt(dataset, read_flows(path), tables)
