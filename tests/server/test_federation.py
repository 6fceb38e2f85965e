"""Rounds in which gateways fail, on the real apps."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs_factory import small_config

from fednids.errors import FederationError
from fednids.exchange import Statistics, Update
from fednids.experiment.execution import execute
from fednids.workplace import Workplace
from server.roster import Roster

Change = Callable[[Update], Update]


def sabotage(monkeypatch: pytest.MonkeyPatch, partitions: set[int], change: Change) -> None:
    """Let some gateways answer with something else."""
    honest = Workplace.train

    def train(self: Workplace, partition_id: int, weights, task):  # type: ignore[no-untyped-def]
        update = honest(self, partition_id, weights, task)
        return change(update) if partition_id in partitions else update

    monkeypatch.setattr(Workplace, "train", train)


def crash(update: Update) -> Update:
    raise RuntimeError("out of memory")


SABOTAGE: dict[str, Change] = {
    "out of memory": crash,
    "finite weights": lambda u: replace(u, weights=np.full_like(u.weights, np.nan)),
    "float32 weights": lambda u: replace(u, weights=u.weights[:1]),
    "answer of 1": lambda u: replace(u, partition_id=0),
}


@pytest.mark.parametrize("reason", SABOTAGE)
def test_one_failing_gateway_is_recorded_and_survived(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, {1}, SABOTAGE[reason])
    result = execute("federated", small_config(run__engine="inprocess"), tmp_path / "run")
    for entry in result["rounds"]:
        assert entry["participants"] == [0, 2]
        assert [failure["partition"] for failure in entry["failures"]] == [1]
        assert reason in entry["failures"][0]["reason"]
    assert np.isfinite(result["rounds"][-1]["test"]["loss"])


@pytest.mark.parametrize("reason", ["out of memory", "finite weights", "float32 weights"])
def test_too_many_failing_gateways_end_the_run_and_keep_its_rounds(
    reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_config(run__engine="inprocess", federation__rounds=3)
    honest = Workplace.train

    def train(self: Workplace, partition_id: int, weights, task):  # type: ignore[no-untyped-def]
        update = honest(self, partition_id, weights, task)
        return SABOTAGE[reason](update) if task.server_round > 1 and partition_id else update

    monkeypatch.setattr(Workplace, "train", train)
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
    result = execute("federated", small_config(run__engine="inprocess"), tmp_path / "run")
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


def test_a_gateway_that_answers_no_roll_call_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = Workplace.statistics

    def statistics(self: Workplace, partition_id: int) -> Statistics:
        if partition_id == 1:
            raise RuntimeError("disk full")
        return honest(self, partition_id)

    monkeypatch.setattr(Workplace, "statistics", statistics)
    with pytest.raises(FederationError, match=r"none from \[1\].*disk full"):
        execute("federated", small_config(run__engine="inprocess"), tmp_path / "run")


@pytest.mark.parametrize(
    ("gateways", "fraction", "expected"), [(10, 0.3, 3), (10, 0.01, 1), (7, 1.0, 7)]
)
def test_participants_are_a_share_and_never_none(
    gateways: int, fraction: float, expected: int
) -> None:
    roster = Roster(tuple(range(gateways)), ())
    rounds = [roster.participants(fraction, 1, number) for number in range(1, 200)]
    assert all(len(set(chosen)) == expected == len(chosen) for chosen in rounds)
    assert all(chosen == sorted(chosen) for chosen in rounds)
    if expected < gateways:
        assert len({tuple(chosen) for chosen in rounds}) > 3
        assert {k for chosen in rounds for k in chosen} == set(range(gateways))
