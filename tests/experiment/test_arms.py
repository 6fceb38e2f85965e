"""Identities that pin the arms to one another, on real runs of a second each."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import oracles
import pyarrow.parquet as pq
import pytest
from runs_factory import small_config

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError, DataError, InterruptedRunError, PartitionError, RunError
from fednids.experiment import arms
from fednids.experiment.execution import execute, resume
from fednids.runs.folder import RunFolder
from fednids.runs.layout import KINDS
from fednids.training.initial import initial_task, initial_weights, run_architecture
from fednids.training.local import LocalTrainer

# Everyday the federation; CI all arms.
KINDS_IN_TURN = ["federated", *(pytest.param(k, marks=pytest.mark.slow) for k in KINDS[:2])]


def test_every_kind_has_an_arm() -> None:
    assert set(KINDS) == set(arms.ARMS)
    assert KINDS[2] == "federated"


def train(kind: str, config: Config) -> list[np.ndarray]:
    outcome = arms.ARMS[kind](config, FederatedDataset.open(config), [], None)
    return list(outcome.weights)


def written(folder: Path) -> list[Path]:
    """Detectors and memories; checkpoints tell seconds as well, by a hash of the rounds."""
    checkpoints = set((folder / "checkpoint").glob("*.safetensors"))
    return [path for path in folder.rglob("*.safetensors") if path not in checkpoints]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"federation__rounds": 1}, marks=pytest.mark.slow),
        {"federation__rounds": 3},
        {
            "federation__rounds": 3,
            "strategy__name": "classwise",
            "strategy__server_momentum": 0,
            "train__sampling": "square-root",
            "federation__recalibrate": "none",
        },
    ],
)
def test_one_gateway_with_all_flows_is_centralised(changes: dict[str, object]) -> None:
    config = small_config(partition__gateways=1, **changes)
    federated, centralised = train("federated", config)[0], train("centralised", config)[0]
    np.testing.assert_array_equal(federated, centralised)


def test_one_gateway_alone_is_centralised() -> None:
    config = small_config(partition__gateways=1)
    np.testing.assert_array_equal(train("local", config)[0], train("centralised", config)[0])


def test_a_round_is_the_weighted_mean_of_what_gateways_train() -> None:
    config = small_config(federation__rounds=1)
    workplace = LocalTrainer(config, FederatedDataset.open(config))
    gateways = range(config.partition.gateways)
    task = initial_task([workplace.statistics(k) for k in gateways], config)
    start = initial_weights(run_architecture(task, config), config)
    updates = [workplace.train(k, start, task).update for k in gateways]
    mean = oracles.weighted_mean([u.weights for u in updates], [u.examples for u in updates])
    np.testing.assert_allclose(train("federated", config)[0], mean, atol=1e-6)


@pytest.mark.slow
def test_one_full_batch_step_of_gateways_is_one_of_all_flows() -> None:
    """With plain SGD and one batch a gateway, averaging weights averages gradients.

    The window is one flow, since a gateway's windows hold only its own flows.
    """
    settings = {
        "train__optimiser": "sgd",
        "train__balance": 0,
        "data__window": 1,
        "model__pools": "1",
    }
    config = small_config(**settings, train__batch_size=2048, federation__rounds=1)
    federated, centralised = train("federated", config)[0], train("centralised", config)[0]
    np.testing.assert_allclose(federated, centralised, atol=1e-5)


@pytest.mark.slow
def test_fedprox_without_pull_is_fedavg() -> None:
    prox = small_config(strategy__name="fedprox", strategy__mu=0)
    np.testing.assert_array_equal(
        train("federated", prox)[0], train("federated", small_config())[0]
    )


@pytest.mark.slow
def test_fedprox_stays_nearer_to_the_start() -> None:
    config = small_config(federation__rounds=1, train__epochs=3)
    pulled = small_config(
        federation__rounds=1, train__epochs=3,
        strategy__name="fedprox", strategy__mu=10,
    )  # fmt: skip
    workplace = LocalTrainer(config, FederatedDataset.open(config))
    task = initial_task([workplace.statistics(0)], config)
    start = initial_weights(run_architecture(task, config), config)
    far, near = (np.linalg.norm(train("federated", c)[0] - start) for c in (config, pulled))
    assert near < 0.5 * far


@pytest.mark.parametrize("kind", KINDS_IN_TURN)
def test_the_same_seed_gives_the_same_bytes(kind: str, tmp_path: Path) -> None:
    config = small_config()
    for name in ("first", "second"):
        execute(kind, config, tmp_path / name)
    models = sorted(p.relative_to(tmp_path / "first") for p in written(tmp_path / "first"))
    assert models
    for model in models:
        assert digest(tmp_path / "first" / model) == digest(tmp_path / "second" / model)


@pytest.mark.slow
def test_a_gateway_without_training_flows_cannot_train_alone() -> None:
    config = small_config(data__flows=600, partition__gateways=300, partition__minimum=2)
    dataset = FederatedDataset.open(config)
    assert any(not len(dataset.training(k)) for k in range(dataset.gateways))
    with pytest.raises(PartitionError, match=r"partition\.minimum"):
        arms.local(config, dataset, [], None)
    assert arms.federated(config, dataset, [], None).last is not None


@pytest.mark.slow
def test_another_seed_gives_other_weights() -> None:
    assert not np.array_equal(
        train("federated", small_config())[0], train("federated", small_config(run__seed=2))[0]
    )


@pytest.mark.parametrize("kind", KINDS_IN_TURN)
def test_a_resumed_run_ends_with_the_bits_of_one_never_stopped(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(federation__rounds=3, federation__fraction=0.7)
    execute(kind, config, tmp_path / "whole")
    stop_after(1, monkeypatch)
    with pytest.raises(InterruptedRunError, match=r"after round 1.*fednids resume"):
        execute(kind, config, tmp_path / "stopped")
    monkeypatch.undo()
    resume(tmp_path / "stopped")
    for model in written(tmp_path / "whole"):
        assert digest(model) == digest(tmp_path / "stopped" / model.relative_to(tmp_path / "whole"))
    rounds = [read_rounds(tmp_path / name) for name in ("whole", "stopped")]
    assert rounds[0] == rounds[1]
    tables = [
        pq.read_table(tmp_path / n / "gateways.parquet").drop("seconds")
        for n in ("whole", "stopped")
    ]
    assert tables[0].equals(tables[1])


def stop_after(rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Press Ctrl-C as the given round has been written."""
    write = RunFolder.round_ended

    def write_and_stop(self: RunFolder, ended, weights) -> None:  # type: ignore[no-untyped-def]
        write(self, ended, weights)
        if ended.number == rounds:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "round_ended", write_and_stop)


def read_rounds(folder: Path) -> list[dict]:
    rounds = [json.loads(line) for line in (folder / "rounds.jsonl").read_text().splitlines()]
    return [{**entry, "seconds": 0} for entry in rounds]


@pytest.mark.parametrize("kind", KINDS)
def test_every_arm_leaves_the_same_kind_of_folder(kind: str, tmp_path: Path) -> None:
    config = small_config()
    result = execute(kind, config, tmp_path / "run").to_json()
    folder = tmp_path / "run"
    assert json.loads((folder / "result.json").read_text()) == result
    assert Config.resolve(file=folder / "config.toml") == config
    assert result["kind"] == kind
    assert result["judged"] == ("personal" if kind == "local" else "global")
    assert [r["round"] for r in result["rounds"]] == [1, 2]
    assert sum(map(sum, result["final"]["confusion"])) == result["data"]["test_flows"]
    assert sum(map(sum, result["final_novel"]["confusion"])) == result["data"]["novel_flows"]
    assert result["majority"]["macro_f1"] < 0.5
    for picture in ("curves.png", "confusion.png", "gateways.png"):
        assert (folder / picture).read_bytes().startswith(b"\x89PNG")
    rows = pq.read_table(folder / "gateways.parquet").to_pylist()
    gateways = 1 if kind == "centralised" else 3
    assert len(rows) == 2 * gateways
    last = [np.array(row["confusion"]) for row in rows if row["round"] == 2]
    np.testing.assert_array_equal(np.sum(last, axis=0).reshape(5, 5), result["final"]["confusion"])


@pytest.mark.slow
def test_running_the_written_config_again_gives_the_same_detector(tmp_path: Path) -> None:
    execute("federated", small_config(), tmp_path / "first")
    again = Config.resolve(file=tmp_path / "first" / "config.toml")
    execute("federated", again, tmp_path / "second")
    assert digest(tmp_path / "first" / "model.safetensors") == digest(
        tmp_path / "second" / "model.safetensors"
    )


@pytest.mark.slow
def test_two_classes_are_benign_and_attack(tmp_path: Path) -> None:
    result = execute("federated", small_config(model__classes="binary"), tmp_path / "run").to_json()
    assert result["final"]["classes"] == ["Benign", "Attack"]
    assert result["final"]["binary"]["f1"] == result["final"]["per_class"]["Attack"]["f1"]


@pytest.mark.slow
def test_boosting_stands_beside_the_detector(tmp_path: Path) -> None:
    result = execute("centralised", small_config(), tmp_path / "run", baselines=True).to_json()
    found = result["baselines"]["boosting"]
    assert sum(map(sum, found["final"]["confusion"])) == result["data"]["test_flows"]
    assert found["final"]["macro_f1"] > result["majority"]["macro_f1"]


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"strategy__name": "fedbest"}, ConfigError),
        ({"run__engine": "warp"}, ConfigError),
        ({"model__pools": "9"}, ConfigError),
        ({"partition__scheme": "fair"}, ConfigError),
        ({"partition__gateways": 1000}, PartitionError),
        ({"data__path": "/nowhere.csv"}, DataError),
        ({"data__features": "v2"}, DataError),
    ],
)
def test_bad_settings_stop_before_anything_is_written(
    settings: dict[str, object], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        execute("federated", small_config(**settings), tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_run_is_overwritten_only_by_force_and_other_folders_never(tmp_path: Path) -> None:
    config, out = small_config(federation__rounds=1), tmp_path / "run"
    execute("centralised", config, out)
    with pytest.raises(RunError, match="--force"):
        execute("centralised", config, out)
    execute("centralised", config, out, force=True)
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("years of work")
    with pytest.raises(RunError, match="something else"):
        execute("centralised", config, other, force=True)
    assert (other / "chapter.tex").exists()


@pytest.mark.slow
def test_a_finished_run_has_nothing_to_resume(tmp_path: Path) -> None:
    execute("centralised", small_config(federation__rounds=1), tmp_path / "run")
    with pytest.raises(RunError, match="all 1"):
        resume(tmp_path / "run")
    with pytest.raises(RunError):
        resume(tmp_path / "nowhere")


def test_learning_is_real(tmp_path: Path) -> None:
    config = small_config(data__flows=6000, federation__rounds=6, partition__scheme="iid")
    result = execute("federated", config, tmp_path / "run").to_json()
    losses = [entry["train"]["loss"] for entry in result["rounds"]]
    assert losses[-1] < 0.5 * losses[0]
    assert result["final"]["macro_f1"] > result["majority"]["macro_f1"] + 0.2


@pytest.mark.slow
def test_participants_are_a_function_of_seed_and_round() -> None:
    config = small_config(partition__gateways=6, federation__fraction=0.5, federation__rounds=4)
    chosen = []
    for seed in (1, 1, 2):
        seen = Watcher()
        changed = config.model_copy(update={"run": replace_seed(config, seed)})
        arms.federated(changed, FederatedDataset.open(changed), [seen], None)
        chosen.append(seen.participants)
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]
    assert all(len(participants) == 3 for participants in chosen[0])


class Watcher:
    def __init__(self) -> None:
        self.participants: list[list[int]] = []

    def round_ended(self, ended, weights) -> None:  # type: ignore[no-untyped-def]
        self.participants.append([update.partition_id for update in ended.updates])


def replace_seed(config: Config, seed: int):  # type: ignore[no-untyped-def]
    return config.run.model_copy(update={"seed": seed})
