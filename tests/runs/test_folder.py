"""Run folders that were cut short, damaged or tampered with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runs_factory import small_config

from fednids.errors import RunError
from fednids.exchange import Evaluation, Update
from fednids.metrics import ConfusionCounts
from fednids.runs.folder import RunFolder, read_checkpoint
from fednids.runs.records import Failure, Round

CLASSES = ("Benign", "Attack")


def ended(number: int) -> Round:
    counts = ConfusionCounts(np.array([[3, 1], [0, 4 + number]]))
    update = Update(0, np.zeros(0, np.float32), 10, 2, 0.5, 0.1, 0.0)
    evaluation = Evaluation(0, counts, ConfusionCounts.zero(2), 4.0, 0.0)
    failure = Failure(1, "train", "no answer")
    return Round(number, [update], [evaluation], [failure], 1.0, 0.5, 100, 200)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run of three rounds of five."""
    folder = RunFolder(tmp_path / "run", CLASSES)
    folder.create("federated", small_config(federation__rounds=5))
    for number in (1, 2, 3):
        folder.round_ended(ended(number), [np.full(4, number, np.float32)])
    return tmp_path / "run"


def test_a_checkpoint_is_the_last_whole_round(stopped: Path) -> None:
    checkpoint = read_checkpoint(stopped)
    assert (checkpoint.kind, checkpoint.server_round) == ("federated", 3)
    np.testing.assert_array_equal(checkpoint.weights[0], np.full(4, 3, np.float32))
    assert [entry["round"] for entry in checkpoint.rounds] == [1, 2, 3]
    assert checkpoint.rounds[0]["failures"] == [
        {"partition": 1, "stage": "train", "reason": "no answer"}
    ]
    assert checkpoint.rounds[0]["test"]["novel"]["macro_f1"] is None


def test_a_line_cut_short_by_a_crash_is_dropped(stopped: Path) -> None:
    for name in ("rounds.jsonl", "checkpoint/gateways.jsonl"):
        with (stopped / name).open("a") as file:
            file.write('{"round": 4, "los')
    checkpoint = read_checkpoint(stopped)
    folder = RunFolder(stopped, CLASSES)
    folder.reopen(checkpoint)
    folder.round_ended(ended(4), [np.zeros(4, np.float32)])
    assert [entry["round"] for entry in read_checkpoint(stopped).rounds] == [1, 2, 3, 4]


def test_a_round_written_after_the_checkpoint_is_done_again(stopped: Path) -> None:
    """A crash between the round's line and the checkpoint that belongs to it."""
    weights = stopped / "checkpoint" / "weights.safetensors"
    kept = weights.read_bytes()
    RunFolder(stopped, CLASSES).round_ended(ended(4), [np.zeros(4, np.float32)])
    weights.write_bytes(kept)
    checkpoint = read_checkpoint(stopped)
    assert checkpoint.server_round == 3
    folder = RunFolder(stopped, CLASSES)
    folder.reopen(checkpoint)
    assert len((stopped / "rounds.jsonl").read_text().splitlines()) == 3
    assert len((stopped / "checkpoint" / "gateways.jsonl").read_text().splitlines()) == 3


DAMAGE = [b"", b"\xff\xfe\x00garbage\n", b'{"round": "x"}\n', b"[a]\nb = 1\n"]


@pytest.mark.parametrize("name", ["arm.txt", "weights.safetensors"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_one_clear_error(stopped: Path, name: str, damage: bytes) -> None:
    (stopped / "checkpoint" / name).write_bytes(damage)
    with pytest.raises(RunError, match=str(stopped)) as caught:
        read_checkpoint(stopped)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["config.toml", "rounds.jsonl"])
@pytest.mark.parametrize("damage", DAMAGE[1:])
def test_so_are_damaged_settings_and_rounds(stopped: Path, name: str, damage: bytes) -> None:
    (stopped / name).write_bytes(damage)
    with pytest.raises(RunError, match=str(stopped)) as caught:
        read_checkpoint(stopped)
    assert "\n" not in str(caught.value)


def test_no_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="can go on"):
        read_checkpoint(tmp_path / "nowhere")
