"""What rounds of every attack do: lies told on schedule, on every engine, and after a resume.

Most rounds are led by the real server and gateways with a detector that makes numbers of the
windows that it is given, so that a falsified flow is seen.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flow_factory import feature_names
from runs_factory import small_config

from fednids.config import Config, RunConfig
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError
from fednids.experiment import arms
from fednids.experiment.execution import check_settings, execute
from fednids.flows.windows import Windows
from fednids.messages.values import Task
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.folder import RunFolder
from fednids.runs.rounds import Round
from fednids.simulation.adversaries.attacks import ATTACKS
from fednids.simulation.adversaries.malicious import MaliciousClients
from fednids.simulation.adversaries.poisoning import with_trigger
from fednids.simulation.engines.base import take_identity
from fednids.training.jobs import Predictions, TrainingJob, TrainingResult
from fednids.training.local import LocalTrainer, _Training

SETTINGS: dict[str, object] = {
    "data__flows": 900, "partition__gateways": 6, "partition__alpha": 3.0,
    "model__channels": "4", "model__hidden": 4, "run__engine": "inprocess",
    "federation__rounds": 3,
}  # fmt: skip
KINDS = [name for name in ATTACKS if name != "none"]


def settings_of(kind: str, **changes: object) -> Config:
    """Two liars of six gateways, both strong enough for any strategy to notice."""
    strong = {"attack__strength": 1.5} if kind == "alie" else {}
    lies = {"attack__kind": kind, "attack__share": 0.34}
    return small_config(**{**SETTINGS, **lies, **strong, **changes})


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a detector's training and answers be numbers made of its windows."""

    def train(self: LocalTrainer, asked: Sequence[_Training]) -> list[tuple[TrainingResult, float]]:
        return [(_trained(each.job), 0.0) for each in asked]

    def score(
        self: LocalTrainer, asked: Sequence[tuple[Task, np.ndarray, Windows]]
    ) -> list[tuple[Predictions, float]]:
        answers = [(windows.order % 5).astype(np.int32) for *_, windows in asked]
        return [
            (Predictions(each, 1.0, np.eye(5, dtype=np.float32)[each]), 0.0) for each in answers
        ]

    take_identity()
    monkeypatch.setattr(LocalTrainer, "_train", train)
    monkeypatch.setattr(LocalTrainer, "_score", score)


def _trained(job: TrainingJob) -> TrainingResult:
    """Move to and fro by what the windows hold."""
    seen = zlib.crc32(job.windows.labels.tobytes(), zlib.crc32(job.windows.order.tobytes()))
    noise = np.random.default_rng(seen).standard_normal(len(job.start), np.float32)
    moved = job.start + np.float32(0.01) * noise - np.float32(0.1) * job.start
    return TrainingResult(moved, 0.5, 1, 0.0)


class Kept:
    """Keeps the rounds and the weights after each."""

    def __init__(self) -> None:
        self.rounds: list[Round] = []
        self.weights: list[bytes] = []

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        self.rounds.append(ended)
        self.weights.append(weights[0].tobytes())


def run(config: Config, *observers: object) -> Kept:
    kept = Kept()
    arms.federated(config, FederatedDataset.open(config), [kept, *observers], None)  # type: ignore[list-item]
    return kept


made_of_numbers = pytest.mark.usefixtures("numbers")


@cache
def clean() -> tuple[bytes, ...]:
    return tuple(run(small_config(**SETTINGS)).weights)


@cache
def attacked(kind: str) -> Kept:
    return run(settings_of(kind))


@made_of_numbers
@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_changes_the_weights_and_keeps_them_finite(self, kind: str) -> None:
        for lied, honest in zip(attacked(kind).weights, clean(), strict=True):
            assert lied != honest
            assert np.isfinite(np.frombuffer(lied, np.float32)).all()

    def test_without_a_share_has_the_bits_of_the_clean_run(self, kind: str) -> None:
        assert tuple(run(settings_of(kind, attack__share=0)).weights) == clean()

    def test_names_its_liars_and_its_success_in_every_round(self, kind: str) -> None:
        liars = MaliciousClients.of(settings_of(kind), 6).ids
        assert len(liars) == 2
        for ended in attacked(kind).rounds:
            found = ended.record(("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")).attack
            assert found
            assert found.malicious == list(liars)
            assert list(found.success) == ["DDoS", "DoS", "Reconnaissance", "Theft"]
            json.dumps(found.to_json(), allow_nan=False)

    def test_comes_late(self, kind: str) -> None:
        config = settings_of(kind, attack__schedule="late", attack__first_round=2)
        kept = run(config)
        assert kept.weights[0] == clean()[0]
        assert kept.weights[1] != clean()[1]
        liars = MaliciousClients.of(config, 6).ids
        assert [tuple(ended.malicious or ()) for ended in kept.rounds] == [(), liars, liars]

    def test_ends_with_the_same_bytes_after_a_resume(self, kind: str, tmp_path: Path) -> None:
        config = settings_of(kind)
        fleet = FederatedDataset.open(config)
        folder = RunFolder(tmp_path, fleet.classes)
        folder.create("federated", config)
        with pytest.raises(KeyboardInterrupt):
            arms.federated(config, fleet, [folder, _Stop()], None, tmp_path)
        kept, checkpoint = Kept(), read_checkpoint(tmp_path)
        arms.federated(config, fleet, [kept], checkpoint, tmp_path)  # type: ignore[list-item]
        assert kept.weights == attacked(kind).weights[1:]


class _Stop:
    """Presses Ctrl-C after the first round."""

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["backdoor", "label-flip", "noise", "alie"])
def test_engines_change_no_bit(kind: str) -> None:
    """With real detectors, that train and answer in stacks."""
    config = settings_of(kind, federation__rounds=2, train__stack=3)
    one = run(config)
    two = run(config.model_copy(update={"run": RunConfig(engine="processes", workers=2)}))
    assert two.weights == one.weights
    for ours, theirs in zip(one.rounds, two.rounds, strict=True):
        assert (ours.counts, ours.triggered) == (theirs.counts, theirs.triggered)


@made_of_numbers
def test_on_and_off_goes_back_to_honest_updates() -> None:
    changes: dict[str, object] = {"federation__rounds": 4, "attack__schedule": "on-off"}
    kept = run(settings_of("sign-flip", attack__period=2, **changes))
    liars = MaliciousClients.of(settings_of("sign-flip"), 6).ids
    assert [tuple(ended.malicious or ()) for ended in kept.rounds] == [liars, liars, (), ()]


@made_of_numbers
@pytest.mark.parametrize("kind", KINDS)
def test_liars_claim_the_windows_that_they_have(kind: str) -> None:
    sizes = FederatedDataset.open(settings_of(kind)).training_sizes
    for ended in attacked(kind).rounds:
        assert [update.examples for update in ended.updates] == list(sizes)


@made_of_numbers
class TestBackdoor:
    def test_is_scored_on_attacks_with_the_trigger_alone(self) -> None:
        for ended in attacked("backdoor").rounds:
            assert ended.triggered is not None
            support = ended.counts.support.copy()
            support[0] = 0
            np.testing.assert_array_equal(ended.triggered.support, support)

    def test_is_scored_in_the_clean_twin_too(self) -> None:
        kept = run(settings_of("backdoor", attack__share=0, federation__rounds=1))
        assert kept.rounds[0].triggered is not None
        assert list(kept.rounds[0].malicious or ()) == []

    def test_strength_replaces_the_model(self) -> None:
        boosted = run(settings_of("backdoor", attack__strength=3, federation__rounds=1))
        assert boosted.weights[0] != attacked("backdoor").weights[0]

    def test_has_the_trigger_of_the_settings(self) -> None:
        fleet = FederatedDataset.open(
            settings_of("backdoor", attack__trigger="IN_PKTS=9,TCP_FLAGS=3")
        )
        windows = with_trigger(fleet.testing(0), fleet.poison_context)
        rows = fleet.flows.raw[windows.order]
        names = feature_names("v1")
        attacks = windows.labels > 0
        assert (rows[attacks, names.index("IN_PKTS")] == 9).all()
        assert (rows[attacks, names.index("TCP_FLAGS")] == 3).all()
        own = fleet.flows.raw[fleet.testing(0).order]
        np.testing.assert_array_equal(rows[~attacks], own[~attacks])
        assert FederatedDataset.open(small_config(**SETTINGS)).marked == 0


@pytest.mark.slow
def test_a_backdoor_gets_attacks_through_that_a_clean_detector_finds() -> None:
    changes: dict[str, object] = {
        "data__flows": 6000, "federation__rounds": 6, "attack__strength": 3,
        "model__channels": "16", "model__hidden": 16,
    }  # fmt: skip
    found = []
    for share in (0.5, 0.0):
        triggered = (
            run(settings_of("backdoor", **changes, attack__share=share)).rounds[-1].triggered
        )
        assert triggered is not None
        found.append(triggered.matrix[1:, 0].sum() / triggered.total)
    assert found[0] > found[1] + 0.3


@made_of_numbers
def test_nothing_is_said_of_attacks_where_there_is_none() -> None:
    kept = run(small_config(**{**SETTINGS, "federation__rounds": 1}))
    assert kept.rounds[0].malicious is None
    assert "attack" not in kept.rounds[0].record(("Benign", "A", "B", "C", "D")).to_json()


@made_of_numbers
def test_results_tell_the_attack(tmp_path: Path) -> None:
    config = settings_of("label-flip-benign")
    result = execute("federated", config, tmp_path / "run").to_json()["attack"]
    named = ("kind", "share", "schedule", "strength", "poisoned")
    assert {name: result[name] for name in named} == {
        "kind": "label-flip-benign", "share": 0.34, "schedule": "always", "strength": None,
        "poisoned": 1.0,
    }  # fmt: skip
    assert result["malicious"] == list(MaliciousClients.of(config, 6).ids)
    last = attacked("label-flip-benign").rounds[-1].counts
    assert result["success"]["DoS"] == last.matrix[2, 0] / last.support[2]
    lines = (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["attack"]["success"] == result["success"]
    for arm in ("local", "centralised"):
        assert "attack" not in execute(arm, config, tmp_path / arm)


@pytest.mark.parametrize(
    "changes",
    [
        {"attack__kind": "lies"},
        {"attack__kind": "backdoor", "attack__trigger": "SPAM=1"},
        {"attack__kind": "scale", "attack__share": 0.01},
    ],
)
def test_bad_settings_are_found_before_any_flow_is_read(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"attack\.\w+") as caught:
        check_settings(small_config(**changes))
    assert len(str(caught.value).splitlines()) == 1
