"""Trainer and ClientApp as real processes: who is answered, who is turned away, what falls back."""

from __future__ import annotations

import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing import AuthenticationError, Pipe
from multiprocessing.connection import Client
from pathlib import Path

import numpy as np
import pytest
import warm_factory
from warm_factory import ROOT, asked, start, trainer_in

import fednids
from clients.warm import serving
from clients.warm.asking import VARIABLE, ask
from clients.warm.folder import address, opened, read_key
from clients.warm.frames import Request
from fednids.errors import DataError, SetupError


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A trainer's folder, deeper than a socket's address may be long."""
    folder = tmp_path_factory.mktemp("warm") / ("deep-" * 20) / "trainer"
    with trainer_in(folder):
        yield folder


@pytest.fixture(autouse=True)
def _named(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "place" in request.fixturenames:
        monkeypatch.setenv(VARIABLE, str(request.getfixturevalue("place")))


def process_of(request: Request) -> int | None:
    found = ask(request)
    return None if found is None else int(found.config_records["told"]["process"])  # type: ignore[arg-type]


def test_the_trainer_answers_with_the_bits_that_it_got(place: Path) -> None:
    found = ask(asked())
    assert found is not None
    told = found.config_records["told"]
    assert (told["kind"], told["run"]) == ("train", 7)
    assert told["process"] != os.getpid()
    np.testing.assert_array_equal(found.array_records["arrays"]["weights"].numpy(), np.arange(4.0))


def test_one_process_answers_all(place: Path) -> None:
    assert len({process_of(asked()) for _ in range(3)}) == 1


def test_the_folder_is_its_owners_alone(place: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert modes == {"socket": 0o600, "key": 0o600, "lock": 0o600}
    assert len(read_key(place)) == 32


def test_an_error_in_the_work_is_told_and_not_tried_again(place: Path) -> None:
    with pytest.raises(DataError, match="expected flows, got none"):
        ask(asked("wrong"))
    with pytest.raises(RuntimeError, match="ZeroDivisionError: by zero"):
        ask(asked("broken"))
    assert process_of(asked()) is not None


def test_the_gateways_own_log_tells_an_error_of_ours_in_one_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    ours, theirs = Pipe()
    with theirs:
        serving._work(serving._Asked(asked("wrong"), ours), warm_factory.answer)
    assert capfd.readouterr().err == "DataError: expected flows, got none\n"


def test_a_wrong_key_is_turned_away_and_the_trainer_goes_on(place: Path) -> None:
    with address(place) as where, pytest.raises(AuthenticationError):
        Client(where, "AF_UNIX", authkey=b"0" * 32)
    assert process_of(asked()) is not None


GARBAGE = {
    "nothing": b"",
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "half a length": b"\x00\x00",
    "a giant length": b"\x7f\xff\xff\xff" + b"x" * 10,
    "an 8-byte length": b"\xff\xff\xff\xff" + b"\x7f" * 8,
    "zeros": bytes(64),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_garbage_before_the_key_leaves_the_trainer_whole(place: Path, garbage: bytes) -> None:
    with address(place) as where, socket.socket(socket.AF_UNIX) as peer:
        peer.connect(where)
        peer.sendall(garbage)
    assert process_of(asked()) is not None


@pytest.mark.parametrize("frame", [b"", b"x", b"fednids1" + b"\xff" * 4, asked().to_bytes()[:-1]])
def test_garbage_from_who_knows_the_key_is_refused_in_one_line(place: Path, frame: bytes) -> None:
    with address(place) as where, Client(where, "AF_UNIX", authkey=read_key(place)) as peer:
        peer.send_bytes(frame)
        assert b'"status": "refused"' in peer.recv_bytes()
    assert process_of(asked()) is not None


def test_a_silent_peer_holds_nobody_up(place: Path) -> None:
    with address(place) as where, socket.socket(socket.AF_UNIX) as silent:
        silent.connect(where)
        assert process_of(asked()) is not None


def test_requests_of_many_are_worked_on_one_after_another(place: Path, tmp_path: Path) -> None:
    found: list[int | None] = []

    def one(name: str) -> None:
        request = asked("slow", seconds=0.05, done=str(tmp_path / name))
        found.append(process_of(request))

    threads = [threading.Thread(target=one, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert None not in found


def test_who_hangs_up_before_the_work_begins_is_not_worked_for(place: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with address(place) as where:
        busy = Client(where, "AF_UNIX", authkey=read_key(place))
        busy.send_bytes(asked("slow", seconds=0.5, done=str(first)).to_bytes())
        impatient = Client(where, "AF_UNIX", authkey=read_key(place))
        impatient.send_bytes(asked("slow", seconds=0, done=str(second)).to_bytes())
        impatient.close()
        busy.recv_bytes()
    assert process_of(asked()) is not None
    assert first.exists()
    assert not second.exists()


def test_another_version_falls_back(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    request = Request(**{**vars(asked()), "version": "9.9.9"})
    with caplog.at_level(logging.WARNING):
        assert ask(request) is None
    assert f"expected fednids {fednids.__version__}, got 9.9.9" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_a_folder_that_is_open_to_others_is_not_trusted(
    tmp_path: Path, mode: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "warm"
    folder.mkdir()
    folder.chmod(mode)
    monkeypatch.setenv(VARIABLE, str(folder))
    assert ask(asked()) is None
    assert "open to others" in caplog.text
    with pytest.raises(SetupError, match="open to others"), opened(folder):
        pass


def test_no_trainer_falls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nowhere"))
    assert ask(asked()) is None
    assert "got none that answers" in caplog.text


def test_a_second_trainer_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "warm"
    with opened(folder), pytest.raises(SetupError, match="running"), opened(folder):
        pass


def test_nothing_is_left_of_a_trainer_that_ended(tmp_path: Path) -> None:
    with opened(tmp_path / "warm"):
        pass
    left = {path.name for path in (tmp_path / "warm").iterdir()}
    assert not left & {"socket", "key"}


@pytest.mark.slow
def test_a_trainer_that_dies_in_mid_message_falls_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "warm"))
    with trainer_in(tmp_path / "warm"):
        assert ask(asked("die")) is None
    assert "got none that answers" in caplog.text


@pytest.mark.slow
def test_a_killed_trainer_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket and key are still there: nobody answers, and the next trainer takes over."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "warm"))
    with trainer_in(tmp_path / "warm") as first:
        first.kill()
        first.wait()
        assert ask(asked()) is None
        with trainer_in(tmp_path / "warm") as second:
            assert process_of(asked()) == second.pid


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    trainer = start(tmp_path / "warm")
    trainer.send_signal(number)
    assert trainer.wait(10) == 0
    assert {path.name for path in (tmp_path / "warm").iterdir()} <= {"lock"}


@pytest.mark.slow
def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from warm_factory import start; "
        f"print(start(Path({str(tmp_path / 'warm')!r})).pid)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )  # fmt: skip
    until = time.monotonic() + 20
    while (tmp_path / "warm" / "socket").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not (tmp_path / "warm" / "socket").exists(), ran.stdout


@pytest.mark.slow
def test_a_client_app_with_a_trainer_imports_no_framework() -> None:
    heavy = ["mindspore", "pandas", "pyarrow", "sklearn", "pydantic", "clients.client"]
    code = f"import sys, clients.app; print([n for n in {heavy} if n in sys.modules])"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
        env={**os.environ, VARIABLE: "/nowhere"},
    )  # fmt: skip
    assert ran.stdout.strip() == "[]"
