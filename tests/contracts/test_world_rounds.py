"""Rounds in a world where gateways come and go: who trains, what counts, what is written.

Most rounds here are led by the real server and gateways on a Grid, with a workplace that
adds numbers where a detector would train; engines and time limits are tried with real ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from runs_factory import SMALL, small_config

from fednids.cli.main import run as command
from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.errors import ConfigError, FederationError
from fednids.experiment import arms, execution
from fednids.extensions import ALGORITHMS
from fednids.messages.values import Evaluation, Fitted, Task, Update
from fednids.metrics import ConfusionCounts
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.folder import RunFolder
from fednids.runs.rounds import Round
from fednids.simulation import ClientOutcome
from fednids.simulation.engines.base import take_identity
from fednids.training.local import LocalTrainer
from fednids.training.objective import Objective

RESTLESS: dict[str, object] = {
    "availability__pattern": "sessions", "availability__share": 0.7, "availability__late": 0.2,
    "availability__leaving": 0.2, "availability__dropout_before": 0.1,
    "availability__dropout_after": 0.1, "clock__speed": 300.0, "clock__speed_spread": 1.0,
    "clock__link_spread": 0.5, "clock__deadline": 1.0, "clock__oversample": 0.3,
    "federation__fraction": 0.6,
}  # fmt: skip

NAMES = ALGORITHMS.builtin


QUIETER = {
    **RESTLESS, "availability__share": 0.9, "availability__stay": 9.0, "availability__late": 0.0,
    "availability__leaving": 0.0, "clock__deadline": 3.0, "federation__fraction": 0.9,
}  # fmt: skip
"""Here enough are there for any strategy in some rounds."""


@pytest.fixture(autouse=True, scope="module")
def _identity() -> None:
    take_identity()


@contextmanager
def numbers_for_detectors(trained: list[tuple[int, int]]) -> Iterator[None]:
    """Let gateways add seeded numbers instead of training; tell who did in which round."""

    def train(
        self: LocalTrainer,
        k: int,
        weights: np.ndarray,
        task: Task,
        objective: Objective,
        most_steps: int | None,
        sampling: str,
    ) -> Fitted:
        trained.append((task.server_round, k))
        rng = np.random.default_rng((7, k, task.server_round))
        noise = rng.standard_normal(len(weights)).astype(np.float32)
        moved = weights + np.float32(0.01) * noise
        return Fitted(Update(k, moved, 10 + 3 * k, 1, 0.5, 0.0, 0.0), noise)

    def evaluate(self: LocalTrainer, k: int, weights: np.ndarray, task: Task) -> Evaluation:
        counts = ConfusionCounts(np.eye(5, dtype=np.int64))
        return Evaluation(k, counts, counts, 1.0, 0.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalTrainer, "train", train)
        patch.setattr(LocalTrainer, "training_loss", lambda self, k, weights, task: 0.1 + k)
        patch.setattr(LocalTrainer, "evaluate", evaluate)
        yield


class Kept:
    """Keeps the rounds, the weights after each, and who trained."""

    def __init__(self) -> None:
        self.rounds: list[Round] = []
        self.weights: list[bytes] = []
        self.trained: list[tuple[int, int]] = []

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        self.rounds.append(ended)
        self.weights.append(weights[0].tobytes())

    def participants(self) -> list[list[int]]:
        return [[update.partition_id for update in ended.updates] for ended in self.rounds]


def tiny(**changes: object) -> Config:
    """Settings of nine gateways with a small network and links that take no time."""
    base = {
        "partition__gateways": 9, "partition__alpha": 3.0, "federation__rounds": 4,
        "run__engine": "inprocess", "model__channels": "4", "model__hidden": 4,
        "clock__up": 1e6, "clock__down": 1e6, "clock__latency": 0.0,
    }  # fmt: skip
    return small_config(**{**base, **changes})


def led(config: Config, out: Path | None = None, resumed: object = None, *more: object) -> Kept:
    kept = Kept()
    with numbers_for_detectors(kept.trained):
        fleet = FederatedDataset.open(config)
        arms.federated(config, fleet, [kept, *more], resumed, out)  # type: ignore[arg-type,list-item]
    return kept


def trace(path: Path, *stays: str) -> str:
    file = path / "trace.csv"
    file.write_text("\n".join(["gateway,from_round,to_round", *stays]), encoding="utf-8")
    return str(file)


def fates(ended: Round) -> dict[int, ClientOutcome]:
    assert ended.outcomes is not None
    return {k: fate for k, (fate, _) in ended.outcomes.by_partition().items()}


def test_in_a_calm_world_all_count_and_the_slowest_ends_the_round() -> None:
    config = tiny(clock__speed=100.0)
    kept, sizes = led(config), FederatedDataset.open(config).training_sizes
    for ended in kept.rounds:
        assert set(fates(ended).values()) == {ClientOutcome.AGGREGATED}
        assert ended.record(list("abcde")).to_json()["virtual_seconds"] == pytest.approx(
            max(sizes) / 100, abs=0.01
        )


class TestLost:
    def test_an_update_that_is_lost_is_as_if_the_gateway_had_not_been_asked(
        self, tmp_path: Path
    ) -> None:
        lossy = led(tiny(availability__dropout_after=0.4, federation__rounds=1))
        lost = [
            k for k, fate in fates(lossy.rounds[0]).items() if fate is ClientOutcome.DROPPED_AFTER
        ]
        assert lost
        there = [f"{k},1," for k in range(9) if k not in lost]
        without = led(tiny(availability__trace=trace(tmp_path, *there), federation__rounds=1))
        assert lossy.weights == without.weights
        assert lossy.participants() == without.participants()
        assert lossy.rounds[0].bytes_down > without.rounds[0].bytes_down
        assert lossy.rounds[0].bytes_up == without.rounds[0].bytes_up

    def test_who_remembers_nothing_of_it_does_not_train_in_vain(self) -> None:
        kept = led(tiny(availability__dropout_after=0.4, clock__deadline=1.0, clock__speed=100.0))
        counted = [(n, k) for n, ids in enumerate(kept.participants(), 1) for k in ids]
        assert sorted(kept.trained) == counted
        assert any(ClientOutcome.LATE in fates(ended).values() for ended in kept.rounds)

    def test_who_remembers_does(self, tmp_path: Path) -> None:
        config = tiny(strategy__name="scaffold", availability__dropout_after=0.4,
                      availability__dropout_before=0.2)  # fmt: skip
        kept = led(config, tmp_path)
        trained = {
            (ended.number, k)
            for ended in kept.rounds
            for k, fate in fates(ended).items()
            if fate in (ClientOutcome.AGGREGATED, ClientOutcome.DROPPED_AFTER)
        }
        assert set(kept.trained) == trained
        assert kept.participants() == [
            [k for k, fate in fates(ended).items() if fate is ClientOutcome.AGGREGATED]
            for ended in kept.rounds
        ]

    def test_simulated_losses_are_no_failures(self) -> None:
        kept = led(tiny(availability__dropout_before=0.8, federation__max_failures=0.0))
        assert not any(ended.failures for ended in kept.rounds)


class TestDeadline:
    def test_late_updates_do_not_count_and_the_round_lasts_to_the_deadline(self) -> None:
        config = tiny(clock__speed=100.0, clock__deadline=1.0)
        sizes = FederatedDataset.open(config).training_sizes
        kept, late = led(config), [k for k in range(9) if sizes[k] > 100]
        assert 0 < len(late) < 9
        for ended in kept.rounds:
            written = ended.record(list("abcde")).to_json()
            assert written["outcomes"] == {"late": late}
            assert written["virtual_seconds"] == 1.0
            assert written["participants"] == [k for k in range(9) if k not in late]

    def test_late_bytes_reach_the_server(self) -> None:
        lossy = led(tiny(clock__speed=100.0, clock__deadline=1.0, federation__rounds=1)).rounds[0]
        calm = led(tiny(federation__rounds=1)).rounds[0]
        assert lossy.bytes_down == calm.bytes_down
        assert lossy.bytes_up == pytest.approx(calm.bytes_up, rel=0.01)

    def test_with_oversampling_the_first_count(self) -> None:
        kept = led(tiny(federation__fraction=0.45, clock__oversample=0.5))
        for ended in kept.rounds:
            assert len(fates(ended)) == 6
            assert ended.outcomes is not None
            fast = sorted(ended.outcomes.by_partition().items(), key=lambda item: item[1][1])[:4]
            assert [u.partition_id for u in ended.updates] == sorted(k for k, _ in fast)


class TestNobody:
    @pytest.mark.parametrize("strategy", ["fedavg", "fedadam"])
    def test_a_round_without_anybody_keeps_weights_and_state(
        self, strategy: str, tmp_path: Path
    ) -> None:
        told = trace(tmp_path, *(f"{k},1,1\n{k},3," for k in range(9)))
        kept = led(tiny(strategy__name=strategy, availability__trace=told))
        assert [len(ids) for ids in kept.participants()] == [9, 0, 9, 9]
        assert kept.weights[0] == kept.weights[1] != kept.weights[2]
        first, second = kept.rounds[0].state, kept.rounds[1].state
        assert {n: a.tobytes() for n, a in first.items()} == {
            n: a.tobytes() for n, a in second.items()
        }
        written = kept.rounds[1].record(list("abcde")).to_json()
        assert (written["present"], written["sampled"], written["participants"]) == (0, 0, [])
        assert json.dumps(written, allow_nan=False)

    def test_a_run_without_anybody_ends_with_an_error(self) -> None:
        with pytest.raises(
            FederationError, match=r"at least one of 4 rounds, got none; .*deadline"
        ):
            led(tiny(clock__speed=1e-6, clock__deadline=1.0))

    def test_a_resumed_run_knows_who_came_before(self, tmp_path: Path) -> None:
        config = tiny(availability__trace=trace(tmp_path, "3,1,2"))
        stopped(config, tmp_path / "run", 2)
        kept = led(config, tmp_path / "run", read_checkpoint(tmp_path / "run"))
        assert kept.participants() == [[], []]

    @pytest.mark.parametrize("strategy", ["krum", "bulyan"])
    def test_too_few_for_the_strategy_is_a_round_without_anybody(
        self, strategy: str, tmp_path: Path
    ) -> None:
        told = trace(tmp_path, *(f"{k},1," for k in range(4)), *(f"{k},2,3" for k in range(4, 9)))
        kept = led(tiny(strategy__name=strategy, availability__trace=told))
        assert [len(ids) for ids in kept.participants()] == [0, 9, 9, 0]
        assert kept.weights[2] == kept.weights[3]

    def test_all_failing_for_real_is_still_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def crash(*_: object) -> Fitted:
            raise RuntimeError("out of memory")

        config, kept = tiny(availability__pattern="random"), Kept()
        with numbers_for_detectors(kept.trained), pytest.MonkeyPatch.context() as patch:
            patch.setattr(LocalTrainer, "train", crash)
            with pytest.raises(FederationError, match=r"round 1: .*out of memory"):
                arms.federated(config, FederatedDataset.open(config), [kept], None)
        assert kept.rounds == []


class Stop:
    """Presses Ctrl-C when a round has been written."""

    def __init__(self, number: int):
        self._number = number

    def round_ended(self, ended: Round, weights: list[np.ndarray]) -> None:
        if ended.number == self._number:
            raise KeyboardInterrupt


def stopped(config: Config, path: Path, number: int) -> None:
    """Leave the folder of a run that was stopped after a round."""
    folder = RunFolder(path, FederatedDataset.open(config).classes)
    folder.create("federated", config)
    with pytest.raises(KeyboardInterrupt):
        led(config, path, None, folder, Stop(number))


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_sees_the_same_world_and_ends_with_the_same_bytes(
    name: str, tmp_path: Path
) -> None:
    config = tiny(strategy__name=name, **QUIETER)
    whole = led(config, tmp_path / "whole")
    stopped(config, tmp_path / "run", 1)
    kept = led(config, tmp_path / "run", read_checkpoint(tmp_path / "run"))
    assert kept.weights == whole.weights[1:]
    assert kept.participants() == whole.participants()[1:]
    assert any(whole.participants()[:1])
    assert any(kept.participants())
    for ours, theirs in zip(kept.rounds, whole.rounds[1:], strict=True):
        assert fates(ours) == fates(theirs)


def real(**changes: object) -> Config:
    base = {
        "partition__gateways": 9, "partition__alpha": 2.0, "data__flows": 900, "train__stack": 4,
        "model__channels": "4", "model__hidden": 4, "clock__stragglers": "partial",
        "federation__rounds": 2,
    }  # fmt: skip
    return small_config(**{**base, **RESTLESS, "clock__speed": 60.0, **changes})


@cache
def in_one_process() -> Kept:
    kept, config = Kept(), real(run__engine="inprocess")
    arms.federated(config, FederatedDataset.open(config), [kept], None)  # type: ignore[list-item]
    return kept


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_engines_change_no_bit_of_it(workers: int) -> None:
    kept, config = Kept(), real(run__engine="processes", run__workers=workers)
    arms.federated(config, FederatedDataset.open(config), [kept], None)  # type: ignore[list-item]
    assert kept.weights == in_one_process().weights
    assert kept.participants() == in_one_process().participants()


def test_who_is_slow_makes_as_many_steps_as_fit() -> None:
    """Its speed and the bytes of its messages are all that a gateway needs to know them."""
    config = real(run__engine="inprocess")
    sizes, capped = FederatedDataset.open(config).training_sizes, 0
    for ended in in_one_process().rounds:
        assert ended.outcomes is not None
        for update in ended.updates:
            _, seconds = ended.outcomes.by_partition()[update.partition_id]
            everything = -(-sizes[update.partition_id] // config.train.batch_size)
            assert seconds <= 1.0
            assert 1 <= update.steps <= everything
            capped += update.steps < everything
    assert capped


def test_files_tell_who_was_there_and_what_became_of_each(tmp_path: Path) -> None:
    config = tiny(**RESTLESS)
    kept = Kept()
    with numbers_for_detectors(kept.trained):
        execution.execute("federated", config, tmp_path / "run", observers=[kept])  # type: ignore[list-item]
    lines = (tmp_path / "run" / "rounds.jsonl").read_text().splitlines()
    table = pq.read_table(tmp_path / "run" / "gateways.parquet").to_pylist()
    for ended, line in zip(kept.rounds, lines, strict=True):
        assert ended.outcomes is not None
        written, told = json.loads(line), ended.outcomes.by_partition()
        assert written["virtual_seconds"] == ended.outcomes.duration
        assert written["sampled"] == len(told)
        rows = {row["partition_id"]: row for row in table if row["round"] == ended.number}
        assert sorted(rows) == list(range(9))
        for k, row in rows.items():
            assert row["present"] == bool(ended.outcomes.present[k])
            assert row["outcome"] == (told[k][0].value if k in told else None)
            assert row["virtual_seconds"] == (told[k][1] if k in told else None)
            assert row["participated"] == (row["outcome"] == "counts")
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert [entry["outcomes"] for entry in result["rounds"]] == [
        json.loads(line)["outcomes"] for line in lines
    ]


class TestBadSettings:
    @pytest.mark.parametrize(
        ("settings", "told"),
        [
            (["availability.pattern=sessions", "availability.share=0.95"], "stay from 19"),
            (["availability.trace=nowhere.csv"], "a readable CSV file"),
        ],
    )
    def test_stop_before_anything_is_written(
        self, settings: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        small = [f"{name}={value}" for name, value in SMALL.items()]
        out = tmp_path / "run"
        assert command(["simulate", "--out", str(out), *small, *settings]) == 2
        captured = capsys.readouterr()
        assert (captured.out, len(captured.err.strip().splitlines())) == ("", 1)
        assert captured.err.startswith("error: ")
        assert told in captured.err
        assert not out.exists()

    def test_an_unknown_gateway_in_a_trace(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        small = [f"{name}={value}" for name, value in SMALL.items()]
        told = trace(tmp_path, "3,1,2")
        out = tmp_path / "run"
        assert command(["simulate", "--out", str(out), *small, f"availability.trace={told}"]) == 2
        line = capsys.readouterr().err
        assert line.startswith(
            "error: expected gateway from 0 to 2 in line 2 of availability.trace"
        )
        assert not out.exists()

    def test_are_found_by_the_check_that_sweeps_make(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="gateway from 0 to 8"):
            execution.check_settings(tiny(availability__trace=trace(tmp_path, "9,1,2")))
