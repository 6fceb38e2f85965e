"""A run that is killed, or finds the disk full, at any write; and damage of any kind."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from faulty_disk import ROUNDS, Disk, Killed, left, on, run
from round_factory import CLASSES, ended
from safetensors.numpy import load, save

from fednids.errors import FednidsError, RunError
from fednids.files import DiskError, seal
from fednids.messages.client_state import Memory
from fednids.runs.checkpoint import extend, read_checkpoint
from fednids.runs.folder import RunFolder, is_finished
from fednids.runs.layout import memories
from fednids.runs.selection import Selection

slow = pytest.mark.slow


@pytest.fixture(autouse=True)
def _unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill loses nothing that was written; only a loss of power does."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def error_of(call: Callable[[], object]) -> Exception | None:
    try:
        call()
    except Exception as error:
        return error
    return None


@cache
def whole() -> tuple[Path, int]:
    """A run that nothing happened to, and how often it touched the disk."""
    path, disk = Path(mkdtemp()) / "run", Disk()
    with on(disk):
        run(path)
    return path, disk.done


def test_the_run_is_one_to_test_with() -> None:
    path, touched = whole()
    result, _, rows = left(path)
    assert (result["best_round"], result["kept_round"], result["stopped_early"]) == (2, 2, False)
    assert len(rows) == ROUNDS
    assert touched > 100


@pytest.mark.parametrize("every", [7, pytest.param(1, marks=slow)])
def test_killed_at_any_write_it_goes_on_to_the_same_end(every: int, tmp_path: Path) -> None:
    expected, touched, rng = left(whole()[0]), whole()[1], np.random.default_rng(7)
    for place in range(0, touched, every):
        path = tmp_path / str(place)
        with on(Disk(place)), pytest.raises(Killed):
            run(path)
        if place % 3 == 0:  # and again, on the way
            again = Disk(int(rng.integers(touched)))
            with on(again), suppress(Killed):
                run(path)
        run(path)
        assert left(path) == expected, place
        shutil.rmtree(path)


@pytest.mark.parametrize(
    ("number", "every"), [(errno.ENOSPC, 11), pytest.param(errno.EFBIG, 1, marks=slow)]
)
def test_a_full_disk_is_one_line_and_what_was_there_stays_good(
    number: int, every: int, tmp_path: Path
) -> None:
    expected, touched = left(whole()[0]), whole()[1]

    def full() -> OSError:
        return OSError(number, os.strerror(number))

    for place in range(1, touched, every):
        path = tmp_path / str(place)
        with on(Disk(place, full, for_good=False)):
            error = error_of(lambda path=path: run(path))  # type: ignore[misc]
        assert isinstance(error, OSError)
        assert error.errno == number
        assert os.strerror(number) in str(error)
        assert "\n" not in str(error)
        run(path)
        assert left(path) == expected, place
        shutil.rmtree(path)


def test_a_gateway_without_room_stops_the_run(tmp_path: Path) -> None:
    """As its failure comes from another process: in words."""
    folder = RunFolder(tmp_path, CLASSES)
    folder.create("federated", read_checkpoint(whole()[0]).config)
    told = ended(1)
    reason = "DiskError: expected a disk that takes x, got 'No space'; make room"
    told.failures[0].__dict__["reason"] = reason
    with pytest.raises(DiskError, match="gateway 1: DiskError"):
        folder.round_ended(told, [np.zeros(2, np.float32)])
    assert read_checkpoint(tmp_path).server_round == 0


def flipped(content: bytes, rng: np.random.Generator) -> bytes:
    place = int(rng.integers(len(content)))
    return (
        content[:place] + bytes([content[place] ^ int(rng.integers(1, 256))]) + content[place + 1 :]
    )


def changed(change: Callable[[dict[str, np.ndarray]], None]) -> Callable[..., bytes]:
    """Change arrays and leave the hash as it was."""

    def damage(content: bytes, rng: np.random.Generator) -> bytes:
        arrays = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        change(arrays)
        return save(arrays, metadata=header["__metadata__"])

    return damage


def first(arrays: dict[str, np.ndarray]) -> str:
    return sorted(arrays)[0]


DAMAGES: dict[str, Callable[[bytes, np.random.Generator], bytes]] = {
    "flipped": flipped,
    "cut": lambda content, rng: content[: int(rng.integers(len(content)))],
    "giant header": lambda content, rng: (2**62).to_bytes(8, "little") + content[8:],
    "long header": lambda content, rng: (len(content) + 9).to_bytes(8, "little") + content[8:],
    "noise": lambda content, rng: rng.bytes(len(content)),
    "pickle": lambda content, rng: b"cos\nsystem\n(S'touch executed'\ntR.",
    "dtype": changed(lambda a: a.update({first(a): a[first(a)].astype(np.float16)})),
    "shape": changed(lambda a: a.update({first(a): np.zeros((3, 3), np.float32)})),
    "nan": changed(lambda a: a.update({first(a): np.full_like(a[first(a)], np.nan, np.float32)})),
    "unsealed": lambda content, rng: save({"0": np.zeros(2, np.float32)}),
    "deep": lambda content, rng: (20_000).to_bytes(8, "little") + b"[" * 20_000,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("what", ["checkpoint", "memory"])
def test_damage_falls_back_and_all_damaged_is_one_line(
    damage: str, what: str, tmp_path: Path
) -> None:
    source, rng = whole()[0], np.random.default_rng(11)
    pattern = "round-*" if what == "checkpoint" else "gateways/gateway-00001/round-*"
    expected = left(source)
    for _ in range(8 if damage in ("flipped", "cut") else 1):
        path = tmp_path / "run"
        shutil.copytree(source, path)
        files = sorted((path / "checkpoint").glob(pattern))
        before = files[-1].read_bytes()
        files[-1].write_bytes(DAMAGES[damage](before, rng))
        found = read_checkpoint(path)
        assert found.server_round in (ROUNDS - 1, ROUNDS)
        if found.server_round == ROUNDS:  # a byte that says nothing, as a space of the header
            assert found.weights[0].tolist() == expected[0]["final"][0]
        (path / "result.json").unlink()
        run(path)
        assert left(path) == expected
        for file in sorted((path / "checkpoint").glob(pattern)):
            file.write_bytes(DAMAGES["cut"](file.read_bytes(), rng))
        with pytest.raises(RunError) as caught:
            read_checkpoint(path)
        assert "\n" not in str(caught.value)
        shutil.rmtree(path)
    assert not Path("executed").exists()


def test_a_memory_that_is_missing_or_anothers_is_noticed(tmp_path: Path) -> None:
    shutil.copytree(whole()[0], tmp_path / "run")
    path, folder = tmp_path / "run", memories(tmp_path / "run")
    ours, theirs = (folder / f"gateway-0000{k}" / "round-000004.safetensors" for k in (0, 2))
    ours.write_bytes(theirs.read_bytes())
    assert "the memory of gateway 0: it is of" in read_checkpoint(path).damaged[0]
    ours.unlink()
    assert read_checkpoint(path).server_round == 3
    theirs.write_bytes(b"")
    with pytest.raises(RunError, match=r"remembers in .* got a damaged"):
        Memory(folder, 2).recall(4)


def test_no_byte_of_a_text_file_makes_a_traceback(tmp_path: Path) -> None:
    source, rng = whole()[0], np.random.default_rng(3)
    for name in ("config.toml", "rounds.jsonl", "checkpoint/gateways.jsonl", "result.json"):
        for damage in ("flipped", "cut", "noise", "pickle", "deep"):
            for _ in range(5):
                shutil.copytree(source, tmp_path / "run")
                file = tmp_path / "run" / name
                file.write_bytes(DAMAGES[damage](file.read_bytes(), rng))
                is_finished(tmp_path / "run")
                error = error_of(lambda: read_checkpoint(tmp_path / "run"))
                assert error is None or isinstance(error, FednidsError)
                assert "\n" not in str(error)
                shutil.rmtree(tmp_path / "run")


class TestExtension:
    def test_keeps_what_was_done_and_says_so(self, tmp_path: Path) -> None:
        shutil.copytree(whole()[0], tmp_path / "run")
        before = (tmp_path / "run" / "rounds.jsonl").read_bytes()
        found = extend(tmp_path / "run", 9)
        assert (found.server_round, found.config.federation.rounds) == (4, 9)
        assert [(e.after, e.before, e.rounds) for e in found.extended] == [(4, 4, 9)]
        folder = RunFolder(tmp_path / "run", CLASSES)
        folder.reopen(found)
        assert (tmp_path / "run" / "rounds.jsonl").read_bytes() == before
        assert (tmp_path / "run" / "result-000004.json").exists()
        assert not is_finished(tmp_path / "run")
        folder.round_ended(ended(5, 10), [np.zeros(2, np.float32)])
        assert read_checkpoint(tmp_path / "run").config.federation.rounds == 9
        again = extend(tmp_path / "run", 12)
        assert [(e.after, e.before, e.rounds) for e in again.extended] == [(4, 4, 9), (5, 9, 12)]

    @pytest.mark.parametrize("rounds", [0, 3])
    def test_to_fewer_rounds_is_refused(self, rounds: int) -> None:
        with pytest.raises(RunError, match="at least the 4 rounds") as caught:
            extend(whole()[0], rounds)
        assert "\n" not in str(caught.value)

    def test_of_flows_that_arrive_over_the_rounds_is_refused(self, tmp_path: Path) -> None:
        config = read_checkpoint(whole()[0]).config
        growing = config.partition.model_copy(update={"arrival": "growing"})
        RunFolder(tmp_path, CLASSES).create(
            "local", config.model_copy(update={"partition": growing})
        )
        with pytest.raises(RunError, match=r"partition\.arrival at-once"):
            extend(tmp_path, 9)

    def test_killed_at_any_write_leaves_it_longer_or_as_it_was(self, tmp_path: Path) -> None:
        source, place, ended_well = whole()[0], 0, False
        while not ended_well:
            path, disk = tmp_path / str(place), Disk(place)
            shutil.copytree(source, path)
            try:
                with on(disk):
                    RunFolder(path, CLASSES).reopen(extend(path, 9))
                ended_well = True
            except Killed:
                place += 1
            found = read_checkpoint(path)
            assert (found.server_round, found.damaged) == (4, ())
            rounds = found.config.federation.rounds
            assert rounds == 9 or (rounds == 4 and is_finished(path))
            RunFolder(path, CLASSES).reopen(extend(path, 9))
            assert not is_finished(path)
        assert place > 10


class TestSelection:
    CONFIG = read_checkpoint(whole()[0]).config

    def patient(self, patience: int, keep: str = "best") -> Selection:
        update = {"patience": patience, "keep": keep}
        return Selection(
            self.CONFIG.model_copy(update={"run": self.CONFIG.run.model_copy(update=update)})
        )

    def test_the_first_of_the_best_is_kept_and_undefined_is_never(self) -> None:
        selection = self.patient(2)
        for number, value in enumerate([None, 0.5, 0.7, 0.7], start=1):
            assert not selection.stops
            selection.round_ended(number, value, [np.full(1, number, np.float32)])
        assert selection.chosen
        assert (selection.chosen.server_round, selection.chosen.weights[0][0]) == (3, 3)
        selection.round_ended(5, 0.1, [])
        assert selection.stops

    def test_the_last_is_kept_unless_one_asks(self) -> None:
        selection = self.patient(0, "last")
        for number in range(1, 9):
            selection.round_ended(number, 1 / number, [np.zeros(1, np.float32)])
        assert not selection.stops
        assert selection.chosen is None
        assert selection.best
        assert selection.best.weights == ()

    def test_patience_begins_anew_where_rounds_are_added(self) -> None:
        rounds = [{"round": n, "validation": {"macro_f1": 1 / n}} for n in range(1, 5)]
        config = self.patient(3)
        settled = self.CONFIG.model_copy(
            update={"run": self.CONFIG.run.model_copy(update={"patience": 3})}
        )
        assert config.best is None
        assert Selection(settled, rounds).stops
        assert not Selection(settled, rounds, since=4).stops


def test_sealed_arrays_are_the_same_bytes_each_time() -> None:
    arrays = {str(k): np.arange(k + 1.0) for k in range(9)}
    assert len({seal(arrays, {"b": 1, "a": [2]}) for _ in range(5)}) == 1
