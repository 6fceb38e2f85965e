"""Rounds in which gateways fail, on the real apps."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Message, MessageType, RecordDict
from runs_factory import small_config

from fednids.algorithms import Aggregate, Aggregation, Algorithm, RoundStart
from fednids.algorithms.interface import Average
from fednids.datasets.federated import FederatedDataset
from fednids.errors import FederationError
from fednids.experiment import arms
from fednids.experiment.execution import execute
from fednids.extensions import ALGORITHMS
from fednids.messages.records import read_update
from fednids.messages.values import Statistics, Update
from fednids.runs.checkpoint import Checkpoint
from fednids.runs.rounds import Round
from fednids.simulation.engines import Clients, InProcessGrid
from fednids.training.local import LocalTrainer
from partitions.arrival import Arrival
from server import replies
from server.link import LocalLink
from server.participants import ClientList

Change = Callable[[Update], Update]


def sabotage(monkeypatch: pytest.MonkeyPatch, partitions: set[int], change: Change) -> None:
    """Let some gateways answer with something else."""
    honest = LocalTrainer.train

    def train(self: LocalTrainer, partition_id: int, *rest):  # type: ignore[no-untyped-def]
        fitted = honest(self, partition_id, *rest)
        return (
            replace(fitted, update=change(fitted.update)) if partition_id in partitions else fitted
        )

    monkeypatch.setattr(LocalTrainer, "train", train)


def crash(update: Update) -> Update:
    raise RuntimeError("out of memory")


SABOTAGE: dict[str, Change] = {
    "out of memory": crash,
    "finite weights": lambda u: replace(u, weights=np.full_like(u.weights, np.nan)),
    "float32 values": lambda u: replace(u, weights=u.weights[:1]),
    "answer of 1": lambda u: replace(u, partition_id=0),
}


@pytest.mark.parametrize("reason", SABOTAGE)
def test_one_failing_gateway_is_recorded_and_survived(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, {1}, SABOTAGE[reason])
    result = execute("federated", small_config(run__engine="inprocess"), tmp_path / "run").to_json()
    for entry in result["rounds"]:
        assert entry["participants"] == [0, 2]
        assert [failure["partition"] for failure in entry["failures"]] == [1]
        assert reason in entry["failures"][0]["reason"]
    assert np.isfinite(result["rounds"][-1]["test"]["loss"])


def test_a_change_beyond_the_bound_is_refused_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, {1}, lambda u: replace(u, weights=100 * u.weights))
    config = small_config(run__engine="inprocess", federation__norm_bound=50.0)
    result = execute("federated", config, tmp_path / "run").to_json()
    for entry in result["rounds"]:
        assert entry["participants"] == [0, 2]
        (failure,) = entry["failures"]
        assert (failure["partition"], failure["stage"]) == (1, "train")
        assert "at most 50 (federation.norm_bound), got" in failure["reason"]


def test_the_bound_holds_for_malicious_clients_of_the_simulation(tmp_path: Path) -> None:
    lies = {"attack__kind": "scale", "attack__share": 0.34, "attack__strength": 1000.0}
    config = small_config(run__engine="inprocess", federation__norm_bound=5.0, **lies)
    result = execute("federated", config, tmp_path / "run").to_json()
    for entry in result["rounds"]:
        assert len(entry["participants"]) == 2
        assert len(entry["failures"]) == 1


@pytest.mark.parametrize("reason", ["out of memory", "finite weights", "float32 values"])
def test_too_many_failing_gateways_end_the_run_and_keep_its_rounds(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(run__engine="inprocess", federation__rounds=3)
    honest = LocalTrainer.train

    def train(self: LocalTrainer, partition_id: int, weights, task, *rest):  # type: ignore[no-untyped-def]
        fitted = honest(self, partition_id, weights, task, *rest)
        if task.server_round > 1 and partition_id:
            return replace(fitted, update=SABOTAGE[reason](fitted.update))
        return fitted

    monkeypatch.setattr(LocalTrainer, "train", train)
    with pytest.raises(FederationError, match=rf"round 2: .*{reason}"):
        execute("federated", config, tmp_path / "run")
    lines = (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()
    assert [json.loads(line)["round"] for line in lines] == [1]
    assert not (tmp_path / "run" / "result.json").exists()
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_a_gateway_without_training_flows_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = {"examples": 0, "steps": 0, "loss": float("nan")}
    sabotage(monkeypatch, {2}, lambda u: replace(u, **empty))  # type: ignore[arg-type]
    result = execute("federated", small_config(run__engine="inprocess"), tmp_path / "run").to_json()
    assert result["rounds"][-1]["participants"] == [0, 1, 2]
    assert result["rounds"][-1]["failures"] == []
    assert np.isfinite(result["rounds"][-1]["train"]["loss"])


def test_nobody_with_training_flows_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = {"examples": 0, "steps": 0, "loss": float("nan")}
    sabotage(monkeypatch, {0, 1, 2}, lambda u: replace(u, **empty))  # type: ignore[arg-type]
    with pytest.raises(FederationError, match="training windows"):
        execute("federated", small_config(run__engine="inprocess"), tmp_path / "run")


def test_a_client_without_statistics_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = LocalTrainer.statistics

    def statistics(self: LocalTrainer, partition_id: int) -> Statistics:
        if partition_id == 1:
            raise RuntimeError("disk full")
        return honest(self, partition_id)

    monkeypatch.setattr(LocalTrainer, "statistics", statistics)
    with pytest.raises(FederationError, match=r"none from \[1\].*disk full"):
        execute("federated", small_config(run__engine="inprocess"), tmp_path / "run")


@pytest.mark.parametrize(("arrival", "third"), [("at-once", 9), ("growing", 27), ("passing", 9)])
def test_as_many_windows_are_expected_as_came_in_round_1(arrival: Arrival, third: int) -> None:
    clients = ClientList((7, 8), (9, 0))
    assert clients.windows(1, arrival).tolist() == [9, 0]
    assert clients.windows(3, arrival).tolist() == [third, 0]


def test_the_longest_come_first_and_of_equals_the_first() -> None:
    clients = ClientList(tuple(range(6)), (5, 9, 9, 1, 0, 9))
    assert clients.longest_first(range(6)) == [1, 2, 5, 0, 3, 4]
    assert clients.longest_first([4, 5, 2]) == [2, 5, 4]


class TestJoining:
    def test_is_in_the_order_of_partitions_and_knows_the_windows(self) -> None:
        config = small_config(partition__gateways=5)
        dataset = FederatedDataset.open(config)
        grid = Shuffled(Clients(arms.CLIENT_APP, 5, config.flat()))
        clients, statistics = LocalLink(grid).join(config)
        assert [each.partition_id for each in statistics] == list(range(5))
        assert clients.nodes == tuple(grid._clients.nodes())
        assert clients.examples == dataset.training_sizes

    def test_names_who_is_missing(self) -> None:
        config = small_config(partition__gateways=4)
        grid = Shuffled(Clients(arms.CLIENT_APP, 4, config.flat()), lost={2})
        with pytest.raises(FederationError, match=r"none from \[2\]"):
            LocalLink(grid).join(config)


class Shuffled(InProcessGrid):
    """Lists its nodes in any order, and loses some replies."""

    def __init__(self, clients: Clients, lost: set[int] = frozenset()):  # type: ignore[assignment]
        super().__init__(clients)
        self._lost = lost

    def get_node_ids(self) -> list[int]:
        return self._clients.nodes()[::-1]

    def stream(self, messages, *, timeout=None):  # type: ignore[no-untyped-def]
        replies = list(super().stream(messages, timeout=timeout))
        yield from (
            r for k, r in enumerate(replies[::-1]) if len(replies) - 1 - k not in self._lost
        )


class TestLocalLinks:
    def test_replies_are_in_the_order_of_the_messages(self) -> None:
        grid = InProcessGrid(Clients("nobody:app", 4, {}))
        nodes = list(grid.get_node_ids())
        sent = [Message(RecordDict(), nodes[k], MessageType.TRAIN) for k in (2, 0, 3, 1)]
        answered = [r.metadata.reply_to_message_id for r in LocalLink(grid).exchange(sent)]
        assert answered == [message.metadata.message_id for message in sent]

    def test_nothing_is_sent_before_a_reply_is_wanted_and_none_is_waited_for(self) -> None:
        grid = InProcessGrid(Clients("nobody:app", 4, {}))
        sent = {k: Message(RecordDict(), 1000 + k, MessageType.TRAIN) for k in (2, 0, 3, 1)}
        next(LocalLink(grid).train(sent))
        assert grid._stamp(Message(RecordDict(), 1, "train")).metadata.message_id == "6"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_go_nowhere(value: float, tmp_path: Path) -> None:
    @ALGORITHMS.register("overflowing")
    class Overflowing(Algorithm):
        def begin(self, start: RoundStart) -> Aggregation:
            return Broken(start)

    class Broken(Average):
        def finish(self) -> Aggregate:
            return Aggregate(super().finish().weights * np.float32(value))

    config = small_config(run__engine="inprocess", strategy__name="overflowing")
    with pytest.raises(FederationError, match="round 1: expected finite weights"):
        execute("federated", config, tmp_path / "run")


def test_a_round_of_many_updates_keeps_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[weakref.ref[object]] = []
    alive: list[int] = []

    def noting(content: RecordDict) -> tuple[Update, dict[str, np.ndarray]]:
        update, sent = read_update(content)
        seen.extend([weakref.ref(update.weights), weakref.ref(content)])
        alive.append(sum(ref() is not None for ref in seen))
        return update, sent

    monkeypatch.setattr(replies, "read_update", noting)
    config = small_config(partition__gateways=10, federation__rounds=1, data__flows=900)
    ended = arms.federated(config, FederatedDataset.open(config), [], None).last
    assert ended is not None
    assert len(ended.updates) == 10
    assert len(seen) == 20
    assert max(alive) <= 4  # this one, and the one before until this one is there
    gc.collect()
    assert not [ref for ref in seen if ref() is not None]


STACKED = {
    "partition__gateways": 9, "partition__alpha": 2.0, "federation__fraction": 0.8,
    "data__flows": 900, "model__channels": "4", "model__hidden": 4, "run__engine": "inprocess",
}  # fmt: skip


class Kept:
    def __init__(self) -> None:
        self.rounds: list[Round] = []

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        self.rounds.append(ended)


@cache
def federated(**settings: object) -> tuple[np.ndarray, tuple[Round, ...]]:
    config, kept = small_config(**{**STACKED, **settings}), Kept()
    outcome = arms.federated(config, FederatedDataset.open(config), [kept], None)
    return outcome.weights[0], tuple(kept.rounds)


class TestStacks:
    @pytest.mark.parametrize("shuffle", [True, pytest.param(False, marks=pytest.mark.slow)])
    def test_train_what_gateways_train_alone(self, shuffle: bool) -> None:
        (stacked, rounds), (alone, theirs) = (
            federated(train__stack=stack, train__shuffle=shuffle) for stack in (4, 1)
        )
        np.testing.assert_allclose(stacked, alone, atol=1e-4)
        for ours, others in zip(rounds, theirs, strict=True):
            np.testing.assert_allclose(ours.train_loss, others.train_loss, atol=1e-5)
            np.testing.assert_allclose(ours.test_loss, others.test_loss, atol=1e-5)
            assert ours.counts.total == others.counts.total
            assert (ours.bytes_down, ours.bytes_up) == (others.bytes_down, others.bytes_up)
            for one, other in zip(ours.updates, others.updates, strict=True):
                assert (one.partition_id, one.examples, one.steps) == (
                    other.partition_id, other.examples, other.steps
                )  # fmt: skip
                np.testing.assert_allclose(one.loss, other.loss, atol=1e-5)

    def test_are_of_the_share_of_the_gateways_that_trains(self) -> None:
        _, rounds = federated(train__stack=4, train__shuffle=True)
        assert [len(ended.updates) for ended in rounds] == [7, 7]
        assert [len(ended.evaluations) for ended in rounds] == [9, 9]
        for ended in rounds:
            ids = [update.partition_id for update in ended.updates]
            assert ids == sorted(ids)
            assert ended.failures == []

    def test_shuffling_is_another_training(self) -> None:
        shuffled, _ = federated(train__stack=4, train__shuffle=True)
        unshuffled, _ = federated(train__stack=4, train__shuffle=False)
        assert np.abs(shuffled - unshuffled).max() > 1e-4

    def test_of_a_resumed_run_end_with_the_same_bits(self) -> None:
        config = small_config(**{**STACKED, "train__stack": 4})
        folder, whole = Stopping(), federated(train__stack=4, train__shuffle=True)[0]
        with pytest.raises(KeyboardInterrupt):
            arms.federated(config, FederatedDataset.open(config), [folder], None)
        done = Checkpoint("federated", config, 1, tuple(folder.weights), [])
        resumed = arms.federated(config, FederatedDataset.open(config), [], done)
        np.testing.assert_array_equal(resumed.weights[0], whole)


class Stopping:
    """Keeps the weights of the first round, and then stops."""

    def __init__(self) -> None:
        self.weights: list[np.ndarray] = []

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        self.weights = [each.copy() for each in weights]
        raise KeyboardInterrupt
