"""Evaluations that come with updates are those that would have been asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Message, MessageType
from runs_factory import small_config

from fednids.config import Config
from fednids.errors import FederationError
from fednids.experiment.execution import execute, resume
from fednids.runs.checkpoint import read_checkpoint
from fednids.simulation.engines import InProcessGrid
from fednids.training.local import LocalTrainer
from server.link import NetworkLink

SCORES = ("train", "test", "participants", "failures")


class Putting(NetworkLink):
    """Puts evaluations off on a local engine, as a network does."""

    def exchange(self, messages: Sequence[Message]) -> Iterator[Message]:
        return self._grid.stream(messages)  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have evaluations put off on a local engine."""
    monkeypatch.setattr("server.rounds.open_link", Putting)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Counter[str]]:
    """Count the messages of each exchange, by their type."""
    exchanges: list[Counter[str]] = []
    honest = InProcessGrid.stream

    def stream(self: InProcessGrid, messages: Iterable[Message], **rest: Any) -> Iterator[Message]:
        messages = list(messages)
        exchanges.append(Counter(message.metadata.message_type for message in messages))
        yield from honest(self, messages, **rest)

    monkeypatch.setattr(InProcessGrid, "stream", stream)
    return exchanges


def ran(out: Path, config: Config) -> tuple[list[Mapping[str, Any]], bytes]:
    """Give a run's rounds, but for times and bytes, and the weights after them."""
    result = execute("federated", config, out)
    rounds = [{key: each[key] for key in SCORES} for each in result.to_json()["rounds"]]
    return rounds, read_checkpoint(out).weights[0].tobytes()


@pytest.mark.parametrize(
    "settings",
    [
        {},
        pytest.param({"strategy__name": "fedper"}, marks=pytest.mark.slow),
        pytest.param({"federation__fraction": 0.67}, marks=pytest.mark.slow),
    ],
    ids=["fedavg", "personal heads", "some take part"],
)
def test_what_comes_early_is_what_would_have_been_asked_for(
    settings: dict[str, Any], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    config = small_config(run__engine="inprocess", federation__rounds=3, **settings)
    plain = ran(tmp_path / "plain", config)
    request.getfixturevalue("put_off")
    assert ran(tmp_path / "off", config) == plain


@pytest.mark.usefixtures("put_off")
def test_a_round_is_one_exchange(tmp_path: Path, asked: list[Counter[str]]) -> None:
    result = execute(
        "federated", small_config(run__engine="inprocess", federation__rounds=3), tmp_path / "run"
    )
    train, score = MessageType.TRAIN, MessageType.EVALUATE
    kinds = [set(each) for each in asked if MessageType.QUERY not in each]
    assert kinds == [{train}, {train}, {train}, {score}]
    assert [each.bytes_down > 0 for each in result.rounds] == [True] * 3


@pytest.mark.usefixtures("put_off")
def test_who_fails_to_answer_has_failed_in_both_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = LocalTrainer.train

    def train(self: LocalTrainer, partition_id: int, weights: Any, task: Any, *rest: Any) -> Any:
        if (partition_id, task.server_round) == (1, 2):
            raise RuntimeError("out of memory")
        return honest(self, partition_id, weights, task, *rest)

    monkeypatch.setattr(LocalTrainer, "train", train)
    config = small_config(run__engine="inprocess", federation__rounds=3)
    rounds, _ = ran(tmp_path / "run", config)
    failed = [[(f["partition"], f["stage"]) for f in each["failures"]] for each in rounds]
    assert failed == [[(1, "evaluate")], [(1, "train")], []]


@pytest.mark.slow
@pytest.mark.usefixtures("put_off")
def test_a_round_that_fails_does_not_take_the_one_before_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = LocalTrainer.train
    broken = [True]

    def train(self: LocalTrainer, partition_id: int, weights: Any, task: Any, *rest: Any) -> Any:
        found = honest(self, partition_id, weights, task, *rest)
        if task.server_round == 3 and partition_id < 2 and broken[0]:
            raise RuntimeError("out of memory")
        return found

    config = small_config(run__engine="inprocess", federation__rounds=3)
    whole = ran(tmp_path / "whole", config)
    monkeypatch.setattr(LocalTrainer, "train", train)
    with pytest.raises(FederationError, match="round 3"):
        execute("federated", config, tmp_path / "run")
    done = read_checkpoint(tmp_path / "run").server_round
    assert done < 3
    broken[0] = False
    result = resume(tmp_path / "run")
    assert [{key: each[key] for key in SCORES} for each in result.to_json()["rounds"]] == whole[0]
    assert read_checkpoint(tmp_path / "run").weights[0].tobytes() == whole[1]
