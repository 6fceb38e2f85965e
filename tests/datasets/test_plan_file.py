"""Plans as files: they fit the flows that they were made of, and no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flow_factory import random_table
from runs_factory import small_config

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.datasets.plan_file import flows_digest, sign_plan
from fednids.errors import PartitionError
from fednids.flows.files.writing import write_flows
from fednids.flows.source import load_flows
from partitions import PartitionPlan


def digest(config: Config) -> str:
    return flows_digest(load_flows(config.data, config.run.seed))


def saved(config: Config, path: Path) -> Path:
    dataset = FederatedDataset.open(config)
    flows = load_flows(config.data, config.run.seed)
    sign_plan(dataset.plan, flows).save(path)
    return path


def table_file(path: Path, seed: int = 0, version: str = "v1") -> str:
    write_flows(random_table(np.random.default_rng(seed), 300, version), path)  # type: ignore[arg-type]
    return str(path)


def test_the_digest_is_of_the_flows_and_not_of_their_file(tmp_path: Path) -> None:
    paths = [table_file(tmp_path / name, version="v2") for name in ("a.csv", "b.parquet")]
    one, other = (digest(small_config(data__path=p, data__flows=0)) for p in paths)
    wide = digest(small_config(data__path=paths[0], data__flows=0, data__features="v2"))
    assert one == other == wide


def test_other_flows_have_another_digest(tmp_path: Path) -> None:
    first = table_file(tmp_path / "a.csv")
    found = [
        digest(small_config(data__path=first, data__flows=0)),
        digest(small_config(data__path=first, data__flows=100)),
        digest(small_config(data__path=first, data__flows=100, run__seed=2)),
        digest(small_config(data__path=table_file(tmp_path / "b.csv", 1), data__flows=0)),
        digest(small_config()),
        digest(small_config(run__seed=2)),
    ]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("column", ["attack", "source", "destination"])
def test_every_column_counts(column: str) -> None:
    from dataclasses import replace

    flows = load_flows(small_config().data, 1)
    changed = np.asarray(getattr(flows, column)).copy()
    changed[-1] ^= 1
    assert flows_digest(replace(flows, **{column: changed})) != flows_digest(flows)


def test_the_last_vector_counts() -> None:
    from dataclasses import replace

    flows = load_flows(small_config().data, 1)
    vector = np.asarray(flows.vector).copy()
    vector[-1] = (vector[-1] + 1) % len(flows.raw)
    assert flows_digest(replace(flows, vector=vector)) != flows_digest(flows)


@pytest.mark.parametrize("scheme", ["dirichlet", "noise", "quantity"])
def test_a_run_by_the_file_is_the_run_by_the_scheme(scheme: str, tmp_path: Path) -> None:
    config = small_config(partition__scheme=scheme)
    path = saved(config, tmp_path / "plan.npz")
    dealt, read = (
        FederatedDataset.open(config),
        FederatedDataset.open(small_config(partition__plan=str(path))),
    )
    assert read.plan.fingerprint == dealt.plan.fingerprint
    assert read.plan.scheme == scheme
    np.testing.assert_array_equal(read.flows.vectors, dealt.flows.vectors)
    np.testing.assert_array_equal(read.flows.vector, dealt.flows.vector)


def test_the_plan_stays_under_another_seed_of_the_run(tmp_path: Path) -> None:
    data = {"data__path": table_file(tmp_path / "a.csv"), "data__flows": 0}
    path = saved(small_config(**data), tmp_path / "plan.npz")
    first = FederatedDataset.open(small_config(**data))
    second = FederatedDataset.open(small_config(**data, run__seed=2, partition__plan=str(path)))
    np.testing.assert_array_equal(second.plan.assignment, first.plan.assignment)
    assert (second.split.test != first.split.test).any()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"partition__gateways": 4}, "--gateways 3"),
        ({"data__flows": 1300}, "1,300 flows"),
        ({"run__seed": 2}, "made of other flows"),
    ],
)
def test_a_plan_of_something_else_is_refused(
    settings: dict[str, object], words: str, tmp_path: Path
) -> None:
    path = saved(small_config(), tmp_path / "plan.npz")
    with pytest.raises(PartitionError) as caught:
        FederatedDataset.open(small_config(**settings, partition__plan=str(path)))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unsigned_plan_and_no_plan_are_refused(tmp_path: Path) -> None:
    dataset = FederatedDataset.open(small_config())
    bare = PartitionPlan("iid", dataset.plan.assignment, dataset.gateways)
    bare.save(tmp_path / "bare.npz")
    (tmp_path / "text.npz").write_text("no plan")
    for name in ("bare.npz", "text.npz", "missing.npz"):
        with pytest.raises(PartitionError):
            FederatedDataset.open(small_config(partition__plan=str(tmp_path / name)))
