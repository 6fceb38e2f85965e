"""Rounds with every encoding: what is lost, what is counted, what a resume finds again.

Gateways add seeded numbers where a detector would train, but in the runs on worker processes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runs_factory import small_config

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError
from fednids.experiment import arms
from fednids.experiment.execution import check_settings, execute
from fednids.messages.encodings import DOWN, ENCODINGS, find_encoding, sent_bytes
from fednids.messages.values import Evaluation, Fitted, Task, Update
from fednids.metrics import ConfusionCounts
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.folder import RunFolder
from fednids.runs.rounds import Round
from fednids.simulation.engines.base import take_identity
from fednids.training.local import LocalTrainer

GATEWAYS, ROUNDS = 5, 4


@pytest.fixture(autouse=True, scope="module")
def _identity() -> None:
    take_identity()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Let gateways add numbers; keep the weights that each started from."""
    starts: list[np.ndarray] = []

    def train(self: LocalTrainer, k: int, weights: np.ndarray, task: Task, *rest) -> Fitted:  # type: ignore[no-untyped-def]
        starts.append(weights)
        rng = np.random.default_rng((7, k, task.server_round))
        moved = weights + 0.01 * rng.standard_normal(len(weights)).astype(np.float32)
        return Fitted(Update(k, moved.astype(np.float32), 10 + k, 1, 0.5, 0.0, 0.0), None)

    def evaluate(self: LocalTrainer, k: int, weights: np.ndarray, task: Task) -> Evaluation:
        counts = ConfusionCounts(np.eye(5, dtype=np.int64))
        return Evaluation(k, counts, counts, float(weights.sum()), 0.0)

    monkeypatch.setattr(LocalTrainer, "train", train)
    monkeypatch.setattr(LocalTrainer, "evaluate", evaluate)
    return starts


def tiny(**changes: object) -> Config:
    base = {
        "partition__gateways": GATEWAYS, "partition__alpha": 3.0, "federation__rounds": ROUNDS,
        "run__engine": "inprocess", "model__channels": "4", "model__hidden": 4,
    }  # fmt: skip
    return small_config(**{**base, **changes})


class Kept:
    def __init__(self, stop: int = 0) -> None:
        self.rounds: list[Round] = []
        self.weights: list[np.ndarray] = []
        self._stop = stop

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        self.rounds.append(ended)
        self.weights.append(weights[0])
        if ended.number == self._stop:
            raise KeyboardInterrupt


def run(out: Path, **changes: object) -> Kept:
    config, kept = tiny(**changes), Kept()
    arms.federated(config, FederatedDataset.open(config), [kept], None, out)
    return kept


every_up = pytest.mark.parametrize("up", ENCODINGS)


@every_up
def test_lossy_updates_stay_near_and_exact_ones_equal(
    up: str, started: list[np.ndarray], tmp_path: Path
) -> None:
    plain, found = run(tmp_path / "plain"), run(tmp_path / "found", wire__up=up, wire__keep=0.3)
    for ours, theirs in zip(found.weights, plain.weights, strict=True):
        lost = np.abs(ours - theirs).max()
        assert lost == 0 if up == "full" else 0 < lost < 0.05


@pytest.mark.parametrize("down", DOWN)
def test_gateways_start_from_what_was_sent_and_the_server_keeps_the_rest(
    down: str, started: list[np.ndarray], tmp_path: Path
) -> None:
    kept = run(tmp_path, wire__down=down)
    last, before = started[-1], kept.weights[-2]
    assert all(start.tobytes() == last.tobytes() for start in started[-GATEWAYS:])
    if down == "full":
        assert last.tobytes() == before.tobytes()
        return
    assert 0 < np.abs(last - before).max() < 0.02
    losses = [evaluation.loss for evaluation in kept.rounds[-2].evaluations]
    assert losses == [float(last.sum())] * GATEWAYS


@every_up
def test_bytes_are_those_of_what_is_sent(
    up: str, started: list[np.ndarray], tmp_path: Path
) -> None:
    config = tiny(wire__up=up)
    encoding, size = find_encoding(up, config.wire), len(run(tmp_path / "1").weights[0])
    sent = run(tmp_path / "2", wire__up=up).rounds[-1].bytes_up
    full = run(tmp_path / "3").rounds[-1].bytes_up
    saved = GATEWAYS * (4 * size - sent_bytes(encoding, size))
    arrays = len(encoding.parts(size)) - 1
    assert abs(full - saved - sent) <= GATEWAYS * arrays * 400


@pytest.mark.parametrize("up", ["topk", "int8"])
@pytest.mark.parametrize("stop", [1, 3])
def test_a_resumed_run_ends_with_the_bytes_of_one_never_stopped(
    up: str, stop: int, started: list[np.ndarray], tmp_path: Path
) -> None:
    changes = {"wire__up": up, "wire__down": "int8", "federation__fraction": 0.6}
    whole, config, path = run(tmp_path / "whole", **changes), tiny(**changes), tmp_path / "stopped"
    fleet = FederatedDataset.open(config)
    folder = RunFolder(path, fleet.classes)
    folder.create("federated", config)
    with pytest.raises(KeyboardInterrupt):
        arms.federated(config, fleet, [folder, Kept(stop)], None, path)
    kept = Kept()
    arms.federated(config, fleet, [kept], read_checkpoint(path), path)
    for ours, theirs in zip(kept.weights, whole.weights[stop:], strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_what_topk_left_out_is_sent_later(started: list[np.ndarray], tmp_path: Path) -> None:
    """With its memory taken away after each round, a gateway sends something else."""
    whole = run(tmp_path / "whole", wire__up="topk")
    without = tmp_path / "without"

    class Forgetting(Kept):
        def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
            super().round_ended(ended, weights)
            for file in without.rglob("round-*.safetensors"):
                file.unlink()

    config, kept = tiny(wire__up="topk"), Forgetting()
    arms.federated(config, FederatedDataset.open(config), [kept], None, without)
    assert kept.weights[0].tobytes() == whole.weights[0].tobytes()
    assert kept.weights[1].tobytes() != whole.weights[1].tobytes()


@pytest.mark.parametrize(
    ("change", "told"),
    [({"wire__up": "zip"}, "wire.up"), ({"wire__down": "topk"}, "wire.down")],
)
def test_unknown_encodings_stop_before_round_1(
    change: dict[str, object], told: str, tmp_path: Path
) -> None:
    config = tiny(**change)
    for refuse in (check_settings, lambda c: execute("federated", c, tmp_path / "run")):
        with pytest.raises(ConfigError, match=f"expected {told} to be one of full") as caught:
            refuse(config)
        assert len(str(caught.value).splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@every_up
def test_workers_change_no_bit(up: str, tmp_path: Path) -> None:
    config = tiny(wire__up=up, wire__down="int8", federation__rounds=2)
    found = []
    for engine, workers in (("inprocess", 0), ("processes", 1), ("processes", 2)):
        settings = replace_engine(config, engine, workers)
        out = tmp_path / f"{engine}{workers}"
        found.append(
            arms.federated(settings, FederatedDataset.open(settings), [], None, out).weights[0]
        )
    assert len({weights.tobytes() for weights in found}) == 1


def replace_engine(config: Config, engine: str, workers: int) -> Config:
    run_settings = config.run.model_copy(update={"engine": engine, "workers": workers})
    return config.model_copy(update={"run": run_settings})
