"""The cross-gateway matrix agrees with what each run found out about itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from runs_factory import small_config

from fednids.datasets.federated import FederatedDataset
from fednids.errors import RunError
from fednids.experiment.execution import execute
from fednids.metrics import ConfusionCounts, scores
from fednids.studies.compare import open_finished
from fednids.studies.cross import CrossFindings, CrossMatrix, cross_runs, write_cross
from fednids.studies.statistics import macro_f1_of

SETTINGS: dict[str, object] = {
    "partition__scheme": "pathological",
    "partition__gateways": 4,
    "data__flows": 1600,
}
GATEWAYS = 4


def run_all(folder: Path, *kinds: str) -> dict[str, Path]:
    config = small_config(**SETTINGS, run__engine="inprocess", federation__rounds=1)
    for kind in kinds:
        execute(kind, config, folder / kind)
    return {kind: folder / kind for kind in kinds}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return run_all(tmp_path_factory.mktemp("runs"), "federated", "local")


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_all(tmp_path_factory.mktemp("pooled"), "centralised")["centralised"]


@pytest.fixture(scope="module")
def matrix(runs: Mapping[str, Path]) -> CrossMatrix:
    return cross_runs([runs["local"], runs["federated"]])


def last_counts(run: Path) -> NDArray[np.int64]:
    """Confusion counts of each gateway in the last round, as the run recorded them."""
    rows = pd.read_parquet(run / "gateways.parquet")
    last = rows[rows["round"] == rows["round"].max()].sort_values("partition_id")
    return np.stack(last.confusion.to_list()).reshape(len(last), 5, 5)


def test_the_diagonal_is_what_each_run_ended_with(
    matrix: CrossMatrix, runs: Mapping[str, Path]
) -> None:
    places = np.arange(GATEWAYS)
    np.testing.assert_array_equal(matrix.local[places, places], last_counts(runs["local"]))
    assert matrix.names == ("federated",)
    np.testing.assert_array_equal(matrix.overall[0], last_counts(runs["federated"]))
    assert (matrix.local[places, (places + 1) % 4] != matrix.local[places, places]).any()


def test_every_detector_answers_for_every_test_flow_once(matrix: CrossMatrix) -> None:
    for k in range(GATEWAYS):
        support = matrix.dataset.support(matrix.dataset.testing(k))
        for counts in matrix.counts:
            np.testing.assert_array_equal(counts[k].sum(axis=1), support)


def test_graphs_are_compiled_once_for_all_detectors(
    runs: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fednids.studies import cross

    made: list[object] = []
    plain = cross.Trainer

    def counted(*arguments: Any, **named: Any) -> Any:
        made.append(arguments[0])
        return plain(*arguments, **named)

    monkeypatch.setattr(cross, "Trainer", counted)
    calls: list[tuple[int, int]] = []
    cross_runs([runs["federated"], runs["local"]], lambda *each: calls.append(each))
    assert len(made) == 1
    assert calls == [(n, GATEWAYS + 1) for n in range(1, GATEWAYS + 2)]


def test_rates_are_those_of_the_metrics(matrix: CrossMatrix) -> None:
    findings = CrossFindings.of(matrix)
    classes = matrix.dataset.classes
    for row, detector in zip(findings.macro_f1, matrix.counts, strict=True):
        wanted = [scores(ConfusionCounts(counts), classes).macro_f1 for counts in detector]
        np.testing.assert_allclose(row, wanted)
    own = [findings.local[k, k] for k in range(GATEWAYS)]
    others = [findings.local[i, k] for i in range(4) for k in range(4) if i != k]
    assert findings.own == pytest.approx(np.mean(own))
    assert findings.others == pytest.approx(np.mean(others))


def test_a_gateway_without_test_flows_is_undefined() -> None:
    counts = np.zeros((2, 3, 3), np.int32)
    counts[1, 0, 0], counts[1, 1, 0] = 3, 1
    found = macro_f1_of(counts)
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(scores(ConfusionCounts(counts[1]), "abc").macro_f1)


def test_unseen_classes_by_their_literal_definition(matrix: CrossMatrix) -> None:
    dataset, findings = matrix.dataset, CrossFindings.of(matrix)
    found = {each.name: each for each in findings.unseen}
    pairs: list[tuple[float, float]] = []
    for code, name in enumerate(dataset.classes):
        never = [k for k in range(GATEWAYS) if code not in dataset.training(k).labels]
        assert (name in found) == bool(never)
        if not never:
            continue
        own = [share(matrix.local[k].sum(axis=0), code) for k in never]
        overall = share(matrix.overall[0].sum(axis=0), code)
        assert found[name].gateways == len(never)
        assert found[name].local == pytest.approx(np.mean(own))
        assert found[name].overall == pytest.approx(overall)
        pairs += [(each, overall) for each in own]
    assert len(pairs) > GATEWAYS
    for place, name in enumerate(("local", "overall")):
        assert findings.unseen_mean(name) == pytest.approx(np.mean([p[place] for p in pairs]))


def share(counts: NDArray[np.int64], code: int) -> float:
    return float(counts[code, code] / counts[code].sum())


def test_an_alarm_counts_whichever_attack_it_names() -> None:
    """One gateway saw no class 2 and takes it for 1; benign flows raise no alarm by definition."""
    counts = np.zeros((2, 1, 3, 3), np.int32)
    counts[:, 0, 0, 0] = 4
    counts[0, 0, 2, 2], counts[0, 0, 2, 0] = 3, 1  # the global detector
    counts[1, 0, 2, 1], counts[1, 0, 2, 0] = 2, 2  # the gateway's own
    dataset = SimpleNamespace(
        classes=("Benign", "A", "B"), gateways=1, labels=np.array([0, 1, 2]),
        split=SimpleNamespace(training=np.array([True, True, False])),
        plan=SimpleNamespace(assignment=np.zeros(3, np.int32)),
    )  # fmt: skip
    kinds = [
        SimpleNamespace(kind=kind, personal=kind == "local") for kind in ("federated", "local")
    ]
    findings = CrossFindings.of(CrossMatrix(kinds, dataset, ("federated",), counts))  # type: ignore[arg-type]
    (only,) = findings.unseen
    assert (only.name, only.gateways) == ("B", 1)
    assert (only.local, only.overall) == (0.0, 0.75)
    assert (only.local_alarm, only.overall_alarm) == (0.5, 0.75)


def test_json_and_arrays_hold_the_matrix(matrix: CrossMatrix, tmp_path: Path) -> None:
    findings = CrossFindings.of(matrix)
    write_cross(findings, tmp_path / "out", force=False)
    written = json.loads((tmp_path / "out" / "cross.json").read_text())
    assert written == findings.to_json()
    arrays = np.load(tmp_path / "out" / "cross.npz")
    np.testing.assert_array_equal(arrays["counts"], matrix.counts)
    assert arrays["detectors"].tolist() == written["detectors"]
    assert written["detectors"][:3] == ["federated", "gateway-00000", "gateway-00001"]
    np.testing.assert_allclose(np.array(written["macro_f1"], float), findings.macro_f1, atol=1e-6)
    np.testing.assert_allclose(written["global"]["gateways"], findings.overall[0], atol=1e-6)
    assert written["global"]["detector"] == "federated"
    assert set(written["unseen"]) >= {"local", "global", "classes"}
    for each in written["unseen"]["classes"].values():
        assert set(each) >= {"gateways", "local", "global"}
    assert (tmp_path / "out" / "cross.png").stat().st_size > 10_000
    with pytest.raises(RunError, match="--force"):
        write_cross(findings, tmp_path / "out", force=False)


@pytest.mark.parametrize("kind", ["local", "federated"])
def test_one_run_alone_will_do(kind: str, runs: Mapping[str, Path], tmp_path: Path) -> None:
    findings = CrossFindings.of(cross_runs([runs[kind]]))
    write_cross(findings, tmp_path / "out", force=False)
    written = json.loads((tmp_path / "out" / "cross.json").read_text())
    absent = "global" if kind == "local" else "local"
    present = {"global", "local"} - {absent}
    assert written["unseen"][absent] is None
    assert written["unseen"][present.pop()] is not None
    assert (written["own"] is None) == (absent == "local")


@pytest.mark.slow
def test_two_of_one_arm_are_told_apart(
    runs: Mapping[str, Path], pooled: Path, tmp_path: Path
) -> None:
    shutil.copytree(runs["federated"], tmp_path / "again")
    found = cross_runs([pooled, runs["federated"], tmp_path / "again"])
    assert found.names == ("centralised", "federated federated", "federated again")
    assert found.chosen == 1
    np.testing.assert_array_equal(found.counts[1], found.counts[2])


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("partition", "fingerprint"), "f" * 64, "fingerprint"),
        (("data", "sha256"), "f" * 64, "sha256"),
        (("seed",), 9, "seed"),
    ],
)
def test_runs_that_differ_are_refused(
    path: tuple[str, ...],
    value: object,
    words: str,
    runs: Mapping[str, Path],
    tmp_path: Path,
) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(runs["federated"], changed)
    result = json.loads((changed / "result.json").read_text())
    place = result
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    (changed / "result.json").write_text(json.dumps(result))
    (changed / "SHA256SUMS").unlink()
    for paths in ([runs["local"], changed], [changed]):
        if path == ("seed",) and len(paths) == 1:
            continue
        with pytest.raises(RunError) as caught:
            cross_runs(paths)
        assert "\n" not in str(caught.value)
    with pytest.raises(RunError, match=words):
        cross_runs([runs["local"], changed])


@pytest.mark.parametrize(
    "setting", ["test_share = 0.2", 'split = "stratified"', "window = 4", 'classes = "all"']
)
def test_another_split_is_refused(setting: str, runs: Mapping[str, Path], tmp_path: Path) -> None:
    other = {
        "test_share = 0.2": "test_share = 0.3", 'split = "stratified"': 'split = "hosts"',
        "window = 4": "window = 5", 'classes = "all"': 'classes = "binary"',
    }[setting]  # fmt: skip
    changed = tmp_path / "changed"
    shutil.copytree(runs["federated"], changed)
    text = (changed / "config.toml").read_text()
    assert setting in text
    (changed / "config.toml").write_text(text.replace(setting, other))
    (changed / "SHA256SUMS").unlink()
    with pytest.raises(RunError, match=setting.partition(" ")[0]):
        cross_runs([runs["local"], changed])


def test_what_is_no_finished_run_is_refused(runs: Mapping[str, Path], tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(runs["local"], half)
    with pytest.raises(RunError, match="one local run"):
        cross_runs([runs["local"], half])
    (half / "models" / "gateway-00002.safetensors").unlink()
    with pytest.raises(RunError, match="gateway-00002"):
        cross_runs([half])
    (half / "result.json").unlink()
    for path in (half, tmp_path / "nowhere"):
        with pytest.raises(RunError, match="finished run"):
            open_finished(path)


@pytest.mark.slow
def test_a_run_by_a_plan_file_is_scored_by_its_plan(tmp_path: Path) -> None:
    from fednids.experiment.partitioning import PLAN, study_partition, write_plan

    study = study_partition(small_config(**SETTINGS))
    write_plan(study, tmp_path)
    config = small_config(
        partition__plan=str(tmp_path / PLAN), partition__gateways=4, data__flows=1600,
        federation__rounds=1,
    )  # fmt: skip
    execute("centralised", config, tmp_path / "run")
    found = cross_runs([tmp_path / "run"])
    assert (
        found.dataset.plan
        == study.dataset.plan
        == FederatedDataset.open(small_config(**SETTINGS)).plan
    )
