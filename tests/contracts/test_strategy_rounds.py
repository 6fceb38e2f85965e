"""What rounds of every registered strategy do: failures survived, order of no matter, resume.

Rounds are led by the real server and gateways on a Grid, with a workplace that adds numbers
where a detector would train.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from runs_factory import small_config

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import FederationError, RunError
from fednids.experiment import arms
from fednids.extensions import ALGORITHMS
from fednids.files import seal, unseal
from fednids.messages.values import Evaluation, Fitted, Task, Update
from fednids.metrics import ConfusionCounts
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.folder import RunFolder
from fednids.runs.rounds import Round
from fednids.simulation.engines.base import take_identity
from fednids.training.local import LocalTrainer
from fednids.training.objective import Objective, Shift

NAMES = ALGORITHMS.builtin
every = pytest.mark.parametrize("name", NAMES)
REMEMBERING = ("fedavgm", "fedadam", "fedyogi", "fedadagrad", "feddyn", "scaffold", "classwise")
"""Strategies with a state on the server."""
FORGETFUL = tuple(name for name in NAMES if name not in REMEMBERING)
LEAST = {"krum": 5, "multikrum": 5, "bulyan": 7}
"""Fewest participants with one liar; 1 for the others."""
Change = Callable[[Update], Update]


@pytest.fixture(autouse=True, scope="module")
def _identity() -> None:
    take_identity()


@pytest.fixture(autouse=True)
def _numbers_for_detectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let gateways add seeded numbers, a shift and a pull to 0.1 instead of training."""

    def train(
        self: LocalTrainer,
        k: int,
        weights: np.ndarray,
        task: Task,
        objective: Objective,
        most_steps: int | None,
        sampling: str,
    ) -> Fitted:
        rng = np.random.default_rng((7, k, task.server_round))
        noise = rng.standard_normal(len(weights)).astype(np.float32)
        moved = weights + np.float32(0.01) * noise + np.float32(0.1) * (np.float32(0.1) - weights)
        for term in objective.terms:
            if isinstance(term, Shift):
                moved += np.float32(0.1) * term.vector
        assert moved.dtype == np.float32
        return Fitted(Update(k, moved, 10 + 3 * k, 1, 0.5, 0.0, 0.0), noise)

    def evaluate(self: LocalTrainer, k: int, weights: np.ndarray, task: Task) -> Evaluation:
        counts = ConfusionCounts(np.eye(5, dtype=np.int64))
        return Evaluation(k, counts, counts, 1.0, 0.0)

    def training_loss(self: LocalTrainer, k: int, weights: np.ndarray, task: Task) -> float:
        return 0.1 + k + abs(float(weights[0]) - 0.2 * (k % 2))

    def train_on(
        self: LocalTrainer, windows: object, weights: np.ndarray, *rest: object
    ) -> np.ndarray:
        return weights + np.float32(0.1) * (np.float32(0.1) - weights)

    monkeypatch.setattr(LocalTrainer, "train", train)
    monkeypatch.setattr(LocalTrainer, "training_loss", training_loss)
    monkeypatch.setattr(LocalTrainer, "train_on", train_on)
    monkeypatch.setattr(LocalTrainer, "evaluate", evaluate)


def tiny(name: str, **changes: object) -> Config:
    """Settings of nine gateways with a small network."""
    base = {
        "partition__gateways": 9, "partition__alpha": 3.0, "federation__rounds": 4,
        "strategy__name": name, "run__engine": "inprocess", "model__channels": "4",
        "model__hidden": 4,
    }  # fmt: skip
    return small_config(**{**base, **changes})


def tamper(partitions: set[int], change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = LocalTrainer.train

    def train(self: LocalTrainer, k: int, weights: np.ndarray, task: Task, *rest: object) -> Fitted:
        fitted = honest(self, k, weights, task, *rest)
        return replace(fitted, update=change(fitted.update)) if k in partitions else fitted

    monkeypatch.setattr(LocalTrainer, "train", train)


class Kept:
    """Keeps the rounds and the weights after each."""

    def __init__(self) -> None:
        self.rounds: list[Round] = []
        self.weights: list[np.ndarray] = []
        self.ends: list[bytes] = []

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        self.rounds.append(ended)
        self.weights.append(weights[0])


def run(name: str, observers: list[object], *, change: Change | None = None, **changes: object):  # type: ignore[no-untyped-def]
    """Lead a tiny federation; `change` is done to all updates."""
    config, kept = tiny(name, **changes), Kept()
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as out:
        if change:
            tamper(set(range(9)), change, patch)
        told = [kept, *observers]
        ended = arms.federated(config, FederatedDataset.open(config), told, None, Path(out))  # type: ignore[arg-type]
        kept.ends = [weights.tobytes() for weights in ended.weights]
    return kept


def crash(update: Update) -> Update:
    raise RuntimeError("out of memory")


BAD: dict[str, Change] = {
    "out of memory": crash,
    "NaN or infinity": lambda u: replace(u, weights=np.full_like(u.weights, np.nan)),
    "got NaN or inf": lambda u: replace(u, weights=np.full_like(u.weights, -np.inf)),
    "float32 values": lambda u: replace(u, weights=u.weights[:1]),
    "on some windows": lambda u: replace(u, loss=float("nan")),
}


@every
class TestRounds:
    def test_weights_move_and_stay_finite(self, name: str) -> None:
        kept = run(name, [])
        assert all(np.isfinite(weights).all() for weights in kept.weights)
        assert len({weights.tobytes() for weights in kept.weights}) == 4
        assert {weights.dtype for weights in kept.weights} == {np.dtype(np.float32)}

    @pytest.mark.parametrize("reason", BAD)
    def test_a_bad_update_is_refused_recorded_and_survived(
        self, name: str, reason: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tamper({4}, BAD[reason], monkeypatch)
        kept = run(name, [], federation__rounds=2)
        for ended in kept.rounds:
            assert [update.partition_id for update in ended.updates] == [0, 1, 2, 3, 5, 6, 7, 8]
            assert [failure.partition for failure in ended.failures] == [4]
            assert reason in ended.failures[0].reason
        assert np.isfinite(kept.weights[-1]).all()

    def test_a_gateway_without_windows_counts_as_absent(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def empty(update: Update) -> Update:
            far = np.full_like(update.weights, 1e30)
            return replace(update, weights=far, examples=0, steps=0, loss=float("nan"))

        with monkeypatch.context() as patch:
            tamper({4}, empty, patch)
            kept = run(name, [], federation__rounds=2)
        assert [len(ended.updates) for ended in kept.rounds] == [9, 9]
        assert not any(ended.failures for ended in kept.rounds)
        tamper({4}, crash, monkeypatch)
        without = run(name, [], federation__rounds=2)
        assert kept.weights[-1].tobytes() == without.weights[-1].tobytes()

    def test_all_failing_is_an_error_and_never_a_round(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = Kept()
        tamper(set(range(9)), crash, monkeypatch)
        with pytest.raises(FederationError, match=r"round 1: .*out of memory"):
            run(name, [kept])
        assert kept.rounds == []

    def test_nobody_with_windows_is_an_error_and_never_a_round(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept = Kept()
        tamper(set(range(9)), lambda u: replace(u, examples=0, loss=float("nan")), monkeypatch)
        with pytest.raises(FederationError, match=r"round 1: .*training windows"):
            run(name, [kept])
        assert kept.rounds == []

    @pytest.mark.parametrize("stop", [1, 3])
    def test_a_resumed_run_ends_with_the_bytes_of_one_never_stopped(
        self, name: str, stop: int, tmp_path: Path
    ) -> None:
        whole = run(name, [], federation__fraction=0.8)
        config = tiny(name, federation__fraction=0.8)
        stopped(config, tmp_path, stop)
        checkpoint, kept = read_checkpoint(tmp_path), Kept()
        assert checkpoint.server_round == stop
        found = arms.federated(config, FederatedDataset.open(config), [kept], checkpoint, tmp_path)  # type: ignore[list-item]
        assert [weights.tobytes() for weights in found.weights] == whole.ends
        assert [ended.number for ended in kept.rounds] == list(range(stop + 1, 5))
        for ours, theirs in zip(kept.weights, whole.weights[stop:], strict=True):
            assert ours.tobytes() == theirs.tobytes()


@pytest.mark.parametrize("name", LEAST)
def test_too_few_for_its_rule_is_an_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tamper(set(range(5)), crash, monkeypatch)
    with pytest.raises(FederationError, match=r"round 1: expected .*malicious from 0 to 0"):
        run(name, [], federation__max_failures=0.9)


class Stop:
    """Presses Ctrl-C when a round has been written."""

    def __init__(self, number: int):
        self._number = number

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        if ended.number == self._number:
            raise KeyboardInterrupt


def stopped(config: Config, path: Path, number: int) -> None:
    """Leave the folder of a run that was stopped after a round."""
    fleet = FederatedDataset.open(config)
    folder = RunFolder(path, fleet.classes)
    folder.create("federated", config)
    with pytest.raises(KeyboardInterrupt):
        arms.federated(config, fleet, [folder, Stop(number)], None, path)  # type: ignore[list-item]


class TestState:
    @pytest.mark.parametrize("name", REMEMBERING)
    def test_is_needed_to_go_on(self, name: str, tmp_path: Path) -> None:
        """Momentum forgotten gives other bytes, so the test of resuming tests something."""
        whole, config = run(name, []), tiny(name)
        stopped(config, tmp_path, 2)
        checkpoint = read_checkpoint(tmp_path)
        zeros = {key: np.zeros_like(array) for key, array in checkpoint.state.items()}
        zeroed = replace(checkpoint, state=zeros)
        found = arms.federated(config, FederatedDataset.open(config), [], zeroed, tmp_path)
        assert found.weights[0].tobytes() != whole.weights[-1].tobytes()

    @pytest.mark.parametrize("name", FORGETFUL)
    def test_others_remember_nothing(self, name: str, tmp_path: Path) -> None:
        stopped(tiny(name), tmp_path, 1)
        assert read_checkpoint(tmp_path).state == {}

    @pytest.mark.parametrize("name", REMEMBERING)
    @pytest.mark.parametrize("damage", ["missing", "short", "other", "single", "nan"])
    def test_damaged_is_one_clear_error(self, name: str, damage: str, tmp_path: Path) -> None:
        config = tiny(name)
        stopped(config, tmp_path, 1)
        file = tmp_path / "checkpoint" / "round-000001.safetensors"
        arrays, facts = unseal(file.read_bytes())
        key = next(key for key in sorted(arrays) if key.startswith("state/"))
        array = arrays.pop(key)
        changed = {
            "missing": {},
            "short": {key: array[:-1]},
            "other": {key + "s": array},
            "single": {key: array.astype(np.float32)},
            "nan": {key: np.full_like(array, np.nan)},
        }[damage]
        file.write_bytes(seal({**arrays, **changed}, facts))
        with pytest.raises(RunError, match="state") as caught:
            arms.federated(
                config, FederatedDataset.open(config), [], read_checkpoint(tmp_path), tmp_path
            )
        assert len(str(caught.value).splitlines()) == 1


def huge(update: Update) -> Update:
    return replace(update, weights=np.full_like(update.weights, 1e36))


def test_weights_that_overflow_end_the_run() -> None:
    with pytest.raises(FederationError, match=r"round 2: .*finite weights.*learning rate"):
        run("fedavgm", [], change=huge, strategy__server_learning_rate=99)
