"""All schemes side by side: those that cannot be met are named and stop nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from runs_factory import small_config

from fednids.errors import DataError, PartitionError
from fednids.experiment.partitioning import study_partition
from fednids.experiment.schemes import MEASURED, compare_schemes
from partitions import PARTITIONERS, PartitionPlan


def nothing(done: int, whole: int, name: str) -> None:
    del done, whole, name


def test_every_scheme_has_its_row_and_folder(tmp_path: Path) -> None:
    begun: list[str] = []
    config, out = small_config(partition__gateways=12), tmp_path / "all"
    found = compare_schemes(
        config.flat(), out, force=False, on_scheme=lambda *each: begun.append(each[2])
    )
    assert begun == [each.scheme for each in found.entries] == list(PARTITIONERS.names())
    refused = {each.scheme for each in found.entries if each.reason}
    assert "host" in refused
    assert "\n" not in "".join(each.reason for each in found.entries)
    folders = {path.name for path in out.iterdir() if path.is_dir()}
    assert folders == set(PARTITIONERS.names()) - refused
    assert {"comparison.png", "comparison.json", "comparison.parquet"} < {
        path.name for path in out.iterdir()
    }
    assert json.loads((out / "comparison.json").read_text()) == found.to_json()
    assert list(pd.read_parquet(out / "comparison.parquet").scheme) == list(PARTITIONERS.names())


def test_a_row_is_what_the_scheme_alone_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PARTITIONERS, "names", lambda: ("dirichlet", "iid", "pathological"))
    found = compare_schemes(small_config().flat(), tmp_path / "all", force=False, on_scheme=nothing)
    alone = study_partition(small_config(partition__scheme="pathological"))
    assert found.entries[2].values == tuple(each.of(alone.report)[0] for each in MEASURED)
    plan = PartitionPlan.load(tmp_path / "all" / "pathological" / "plan.npz")
    assert plan.fingerprint == alone.dataset.plan.fingerprint
    assert found.entries[1].values[0] < 0.1 * found.entries[2].values[0]


def test_what_is_wrong_for_all_is_an_error() -> None:
    with pytest.raises(PartitionError, match="fewer gateways"):
        compare_schemes(
            small_config(partition__gateways=5000).flat(), None, force=False, on_scheme=nothing
        )
    with pytest.raises(DataError):
        compare_schemes(
            small_config(data__path="/no.csv").flat(), None, force=False, on_scheme=nothing
        )
