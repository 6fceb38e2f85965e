"""A studied plan is the plan of the runs, and its folder says how to get it again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flow_factory import random_table
from runs_factory import small_config

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError, RunError
from fednids.experiment.execution import execute
from fednids.experiment.partitioning import (
    most_shifted,
    quantities,
    read_quantity,
    study_partition,
    write_partition,
)
from fednids.flows.files.writing import write_flows
from partitions import PartitionPlan
from partitions.skew import feature_distances

PICTURES = {"labels.png", "heatmap.png", "sizes.png", "distances.png"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plan") / "plan"
    write_partition(study_partition(small_config(partition__alpha=0.1)), out, force=False)
    return out


@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("centralised", "scheme"),
        pytest.param("centralised", "file", marks=pytest.mark.slow),
        pytest.param("local", "file", marks=pytest.mark.slow),
        pytest.param("federated", "scheme", marks=pytest.mark.slow),
    ],
)
def test_a_run_by_its_settings_or_by_its_file_has_its_plan(
    folder: Path, kind: str, how: str, tmp_path: Path
) -> None:
    fingerprint = json.loads((folder / "skew.json").read_text())["fingerprint"]
    config = Config.resolve({"federation.rounds": 1}, file=folder / "config.toml")
    if how == "file":
        config = small_config(federation__rounds=1, partition__plan=str(folder / "plan.npz"))
    result = execute(kind, config, tmp_path / "run").to_json()
    assert result["partition"]["fingerprint"] == fingerprint
    assert result["partition"]["scheme"] == "dirichlet"


def test_the_folder_holds_plan_measures_and_pictures(folder: Path) -> None:
    skew = json.loads((folder / "skew.json").read_text())
    plan, dataset = PartitionPlan.load(folder / "plan.npz"), FederatedDataset.open(small_config())
    assert plan.fingerprint == skew["fingerprint"]
    assert plan.flows
    shifts = {path.name for path in folder.glob("shift-*.png")}
    assert len(shifts) == 3
    assert {path.name for path in folder.glob("*.png")} == PICTURES | shifts
    summary, gateways = (
        pd.read_parquet(folder / name) for name in ("summary.parquet", "gateways.parquet")
    )
    assert list(summary.measure) == [row["measure"] for row in skew["summary"]]
    np.testing.assert_array_equal(gateways.flows, plan.sizes())
    assert gateways.flows.sum() == len(dataset.flows) == skew["data"]["flows"]


def test_measures_are_those_of_the_run(folder: Path) -> None:
    skew = json.loads((folder / "skew.json").read_text())
    rows = {row["measure"]: row for row in skew["summary"]}
    counts = np.array(
        [[row[f"flows.{name}"] for name in ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")]
         for row in skew["gateways"]]
    )  # fmt: skip
    shares = counts / counts.sum(axis=1, keepdims=True)
    apart = np.abs(shares - counts.sum(axis=0) / counts.sum()).sum(axis=1) / 2
    wanted = np.average(apart, weights=counts.sum(axis=1))
    assert rows["total_variation"]["weighted"] == pytest.approx(wanted)
    assert rows["total_variation"]["iid_weighted_high"] < wanted


def test_the_same_settings_give_the_same_measures() -> None:
    one, other = (study_partition(small_config()).to_json() for _ in range(2))
    assert one == other
    assert study_partition(small_config(run__seed=2)).to_json() != one


def test_an_unknown_scheme_is_found_before_flows_are_read() -> None:
    with pytest.raises(ConfigError, match="dirichlet"):
        study_partition(small_config(partition__scheme="fair", data__path="/nowhere.csv"))


def test_a_plan_is_overwritten_only_by_force(folder: Path) -> None:
    study = study_partition(small_config())
    with pytest.raises(RunError, match="--force"):
        write_partition(study, folder, force=False)


def test_codes_are_left_out_and_durations_unwrapped(tmp_path: Path) -> None:
    write_flows(random_table(np.random.default_rng(0), 200, "v2"), tmp_path / "a.parquet")
    path = {"data__path": str(tmp_path / "a.parquet"), "data__flows": 0}
    narrow = quantities(FederatedDataset.open(small_config(**path)))
    wide = FederatedDataset.open(small_config(**path, data__features="v2"))
    names = quantities(wide).names
    codes = {"PROTOCOL", "L7_PROTO", "TCP_FLAGS", "CLIENT_TCP_FLAGS", "ICMP_TYPE", "DNS_QUERY_ID"}
    assert not codes & set(names)
    assert set(narrow.names) < set(names)
    assert {"IN_BYTES", "OUT_PKTS", "FLOW_DURATION_MILLISECONDS"} <= set(narrow.names)
    place = names.index("MAX_TTL")
    found = quantities(wide).values[np.asarray(wide.flows.vector), place]
    np.testing.assert_array_equal(found, read_quantity(wide, "MAX_TTL"))
    duration = read_quantity(wide, "FLOW_DURATION_MILLISECONDS")
    place = names.index("FLOW_DURATION_MILLISECONDS")
    found = quantities(wide).values[np.asarray(wide.flows.vector), place]
    np.testing.assert_allclose(found, np.log1p(duration))
    synthetic = FederatedDataset.open(small_config())
    raw = synthetic.flows.raw[np.asarray(synthetic.flows.vector), 7]
    assert read_quantity(synthetic, "FLOW_DURATION_MILLISECONDS").max() < raw.max()


def test_noise_is_measured_where_it_is() -> None:
    noisy = study_partition(small_config(partition__scheme="noise", partition__noise=5))
    plain = study_partition(small_config(partition__scheme="noise", partition__noise=0))
    loud, quiet = (each.report.find("wasserstein") for each in (noisy, plain))
    assert loud.weighted > 3 * quiet.weighted
    name = most_shifted(noisy)[0]
    drawn = read_quantity(noisy.dataset, name)
    deviation = [drawn[noisy.dataset.plan.rows(k)].std() for k in range(3)]
    assert deviation == sorted(deviation)


def test_the_features_drawn_are_those_that_shift_most() -> None:
    study = study_partition(
        small_config(partition__scheme="feature", partition__feature="OUT_PKTS")
    )
    features = quantities(study.dataset)
    apart = feature_distances(features, [study.dataset.plan.assignment], 3)[0]
    means = np.average(apart, axis=0, weights=study.dataset.plan.sizes())
    wanted = [features.names[place] for place in np.argsort(-means)[:3]]
    assert list(most_shifted(study)) == wanted
