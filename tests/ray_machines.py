"""Ray clusters of several nodes on one machine, each process of which can be found again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

RAY = Path(sys.executable).with_name("ray")
END_SECONDS = 60.0
_MARK = "FEDNIDS_TEST_MARK"
_HIDE = 'mount -t tmpfs none "$0" && exec "$@"'


class Machines:
    """A cluster; its nodes have one processor each."""

    def __init__(self) -> None:
        self.mark = f"cluster-{os.getpid()}-{time.monotonic_ns()}"
        self._folders: list[Path] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self._start(
            "one",
            "--head",
            f"--port={self.address.rpartition(':')[2]}",
            "--include-dashboard=false",
        )

    def add(self, name: str, hidden: Path | None = None) -> None:
        """Add a node, to which a folder looks empty."""
        self._start(name, f"--address={self.address}", hidden=hidden)

    def end(self) -> None:
        """End all nodes."""
        for process in marked(self.mark):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def _start(self, name: str, *arguments: str, hidden: Path | None = None) -> None:
        folder = Path(tempfile.mkdtemp(prefix="fr", dir="/tmp"))  # sockets need short names
        self._folders.append(folder)
        before = ["unshare", "-m", "sh", "-c", _HIDE, str(hidden)] if hidden else []
        command = [
            *before, str(RAY), "start", *arguments, f"--node-name={name}", "--num-cpus=1",
            "--node-ip-address=127.0.0.1", f"--temp-dir={folder}", "--disable-usage-stats",
            "--object-store-memory=100000000",
        ]  # fmt: skip
        done = subprocess.run(
            command, env=marking(self.mark), capture_output=True, text=True, check=False
        )
        if done.returncode:
            self.end()
            raise RuntimeError(done.stdout + done.stderr)


def can_hide() -> bool:
    """Tell whether this machine lets us give a process a view of folders of its own."""
    try:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", _HIDE, "/mnt", "true"], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def marking(mark: str, **more: str) -> dict[str, str]:
    """Give an environment that all children inherit."""
    here = f"{Path(__file__).parents[1]}:{Path(__file__).parent}"
    return {
        **os.environ,
        "PYTHONPATH": here,
        _MARK: mark,
        "RAY_raylet_start_wait_time_s": "120",
        **more,
    }


def marked(mark: str) -> list[int]:
    """Give the processes that have a mark in their environment."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if (
                folder.name.isdigit()
                and f"{_MARK}={mark}".encode() in (folder / "environ").read_bytes()
            ):
                found.append(int(folder.name))
    return found


def alive(processes: Sequence[int]) -> list[int]:
    """Give those that have not ended."""
    return [process for process in processes if Path(f"/proc/{process}/exe").exists()]


def gone(left: Callable[[], Sequence[int]]) -> bool:
    """Wait until no process is left."""
    until = time.monotonic() + END_SECONDS
    while left():
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True
