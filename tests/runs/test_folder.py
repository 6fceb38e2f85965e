"""Run folders that were cut short, damaged or tampered with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from round_factory import CLASSES, ended
from runs_factory import small_config

from fednids.config import Config
from fednids.errors import RunError
from fednids.runs.checkpoint import read_checkpoint
from fednids.runs.folder import RunFolder, prepare_folder


def newest(path: Path) -> Path:
    return sorted((path / "checkpoint").glob("round-*.safetensors"))[-1]


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run of three rounds of five."""
    folder = RunFolder(tmp_path / "run", CLASSES)
    folder.create("federated", small_config(federation__rounds=5))
    for number in (1, 2, 3):
        folder.round_ended(ended(number), [np.full(4, number, np.float32)])
    return tmp_path / "run"


def gone_on(path: Path) -> RunFolder:
    folder = RunFolder(path, CLASSES)
    folder.reopen(read_checkpoint(path))
    return folder


def test_a_checkpoint_is_the_last_whole_round(stopped: Path) -> None:
    checkpoint = read_checkpoint(stopped)
    assert (checkpoint.kind, checkpoint.server_round) == ("federated", 3)
    np.testing.assert_array_equal(checkpoint.weights[0], np.full(4, 3, np.float32))
    assert [entry["round"] for entry in checkpoint.rounds] == [1, 2, 3]
    assert checkpoint.rounds[0]["failures"] == [
        {"partition": 1, "stage": "train", "reason": "no answer"}
    ]
    assert checkpoint.rounds[0]["test"]["novel"]["macro_f1"] is None
    assert checkpoint.damaged == ()
    assert len(list((stopped / "checkpoint").glob("round-*"))) == 2


def test_before_round_1_there_is_one_too(tmp_path: Path) -> None:
    config = small_config(strategy__name="scaffold")
    RunFolder(tmp_path, CLASSES).create("local", config)
    checkpoint = read_checkpoint(tmp_path)
    assert (checkpoint.kind, checkpoint.config) == ("local", config)
    assert (checkpoint.server_round, checkpoint.weights, list(checkpoint.rounds)) == (0, (), [])


def test_a_line_cut_short_by_a_crash_is_dropped(stopped: Path) -> None:
    for name in ("rounds.jsonl", "checkpoint/gateways.jsonl"):
        with (stopped / name).open("a") as file:
            file.write('{"round": 4, "los')
    gone_on(stopped).round_ended(ended(4), [np.zeros(4, np.float32)])
    assert [entry["round"] for entry in read_checkpoint(stopped).rounds] == [1, 2, 3, 4]


def test_a_round_written_after_the_checkpoint_is_done_again(stopped: Path) -> None:
    """A crash between the round's line and the checkpoint that belongs to it."""
    gone_on(stopped).round_ended(ended(4), [np.zeros(4, np.float32)])
    newest(stopped).unlink()
    assert read_checkpoint(stopped).server_round == 3
    gone_on(stopped)
    assert len((stopped / "rounds.jsonl").read_text().splitlines()) == 3
    assert len((stopped / "checkpoint" / "gateways.jsonl").read_text().splitlines()) == 3


DAMAGE = [b"", b"\xff\xfe\x00garbage\n", b'{"round": "x"}\n', b"[a]\nb = 1\n"]


@pytest.mark.parametrize("damage", DAMAGE)
def test_of_a_damaged_checkpoint_the_one_before_is_used(stopped: Path, damage: bytes) -> None:
    newest(stopped).write_bytes(damage)
    checkpoint = read_checkpoint(stopped)
    assert checkpoint.server_round == 2
    assert [entry["round"] for entry in checkpoint.rounds] == [1, 2]
    assert [told.partition(":")[0] for told in checkpoint.damaged] == ["round 3"]
    assert "\n" not in checkpoint.damaged[0]
    gone_on(stopped)
    assert read_checkpoint(stopped).damaged == ()


def test_checkpoints_that_changed_names_are_not_used(stopped: Path) -> None:
    newest(stopped).rename(newest(stopped).with_name("round-000009.safetensors"))
    checkpoint = read_checkpoint(stopped)
    assert checkpoint.server_round == 2
    assert "round 9: it is round 3" in checkpoint.damaged[0]


@pytest.mark.parametrize("damage", DAMAGE)
def test_all_damaged_is_one_clear_error(stopped: Path, damage: bytes) -> None:
    for file in (stopped / "checkpoint").glob("round-*"):
        file.write_bytes(damage)
    with pytest.raises(RunError, match=str(stopped)) as caught:
        read_checkpoint(stopped)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["config.toml", "rounds.jsonl", "checkpoint/gateways.jsonl"])
@pytest.mark.parametrize("damage", DAMAGE[1:])
def test_so_are_damaged_settings_and_rounds(stopped: Path, name: str, damage: bytes) -> None:
    (stopped / name).write_bytes(damage)
    with pytest.raises(RunError, match=str(stopped)) as caught:
        read_checkpoint(stopped)
    assert "\n" not in str(caught.value)


def test_a_digit_changed_in_a_round_is_noticed(stopped: Path) -> None:
    path = stopped / "rounds.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"round": 1', b'"round": 7', 1))
    with pytest.raises(RunError, match=r"rounds\.jsonl is missing, cut short or changed"):
        read_checkpoint(stopped)


def test_settings_that_were_changed_are_refused_unless_they_change_no_result(
    stopped: Path,
) -> None:
    config = read_checkpoint(stopped).config
    path = stopped / "config.toml"

    def write(**changes: object) -> None:
        told = {name.replace("__", "."): value for name, value in changes.items()}
        path.write_text(Config.resolve({**config.flat(), **told}).to_toml())

    write(train__learning_rate=0.5)
    with pytest.raises(RunError, match=r"train\.learning_rate 0\.5.*remove it"):
        read_checkpoint(stopped)
    write(run__engine="inprocess", run__workers=1)
    assert read_checkpoint(stopped).config.run.workers == 1
    write(federation__rounds=9)  # as a kill while rounds are added leaves it
    assert read_checkpoint(stopped).config == config
    path.unlink()
    gone_on(stopped)
    assert Config.resolve(file=path) == config


def test_no_folder_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="can go on"):
        read_checkpoint(tmp_path / "nowhere")


def test_what_a_kill_left_before_the_settings_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / ".round-000000.safetensors.7.tmp").write_bytes(b"x")
    prepare_folder(tmp_path, force=False)
    assert not any(tmp_path.iterdir())
