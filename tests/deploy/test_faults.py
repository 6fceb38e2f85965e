"""Gateways that come late, whose whole disk is full, and of which a part is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fednids.config import Config
from fednids.deploy.alone import find_marked
from fednids.deploy.demo import prepare_demo, running, start
from fednids.deploy.folder import Deployment
from fednids.deploy.reach import wait_until
from fednids.deploy.status import look_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SETTINGS = [
    "data.window=4", "model.channels=4,5", "model.pools=1,2", "model.hidden=6",
    "strategy.name=fedavg",
]  # fmt: skip
DISK = "size=16m,mode=700"


@dataclass(frozen=True)
class Place:
    """A deployment of two gateways, the first of which is still to come."""

    deployment: Deployment
    files: dict[str, Path]
    later: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def late(self) -> str:
        return self.deployment.gateways[0]

    @property
    def state(self) -> Path:
        return self.deployment.gateway(self.late).state

    def attend(self) -> None:
        """Start the gateway that is still to come."""
        folder, data = str(self.deployment.path), str(self.files[self.late])
        self.later.append(
            start(self.deployment, "gateway", folder, self.late, "--data", data, "--cold")
        )

    def end(self) -> None:
        for process in self.later:
            process.terminate()
            process.wait(60)
        roles = (self.deployment.gateway(name).state for name in self.deployment.gateways)
        assert [find_marked(state) for state in [self.deployment.state, *roles]] == [[]] * 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("faults")
    dealt = {"data.flows": 900, "partition.gateways": 2, "partition.alpha": 5.0}
    deployment, files = prepare_demo(folder, Config.resolve(dealt))
    place = Place(deployment, files)
    mounted = mount(place.state)
    try:
        with running(deployment, {deployment.gateways[1]: files[deployment.gateways[1]]}):
            yield place
        place.end()
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(place.state)], check=True)


def mount(folder: Path) -> bool:
    """Put a small disk there, where that is allowed."""
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", DISK, "none", str(folder)]
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def fill(folder: Path) -> Path:
    """Leave no room on a disk; give the file to remove for making some."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return ballast


def begin(place: Place, out: Path) -> subprocess.Popen[str]:
    arguments = ["deploy", "run", str(place.deployment.path), "--out", str(out), "--quiet"]
    return subprocess.Popen(
        [sys.executable, "-m", "fednids", *arguments, "--rounds", "1", *SETTINGS],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_run_waits_for_a_gateway_that_comes_late(place: Place, tmp_path: Path) -> None:
    led = begin(place, tmp_path / "run")
    assert wait_until(
        lambda: any(r.status == "running" for r in look_at(place.deployment).runs), 60
    )
    place.attend()
    _, said = led.communicate(timeout=300)
    assert led.returncode == 0, said
    (only,) = json.loads((tmp_path / "run" / "result.json").read_text())["rounds"]
    assert only["participants"] == [0, 1]


def test_a_run_does_not_begin_where_a_gateway_has_no_room(place: Place, tmp_path: Path) -> None:
    if not place.state.is_mount():
        pytest.skip("this machine lets us mount no small disk; root may")
    ballast = fill(place.state)
    try:
        led = begin(place, tmp_path / "run")
        _, said = led.communicate(timeout=300)
    finally:
        ballast.unlink()
    assert led.returncode == 1
    (line,) = said.strip().splitlines()
    assert f"gateway {place.late}: " in line
    assert "No space left" in line
    assert not (tmp_path / "run" / "result.json").exists()


def test_a_killed_trainer_costs_time_alone(place: Place, tmp_path: Path) -> None:
    """And where there was no room, there is some again."""
    state = place.deployment.gateway(place.deployment.gateways[1]).state
    named = [(pid, Path(f"/proc/{pid}/cmdline").read_bytes()) for pid in find_marked(state)]
    (trainer,) = (pid for pid, words in named if b"clients.warm" in words)
    os.kill(trainer, signal.SIGKILL)
    led = begin(place, tmp_path / "run")
    _, said = led.communicate(timeout=300)
    assert led.returncode == 0, said
    (only,) = json.loads((tmp_path / "run" / "result.json").read_text())["rounds"]
    assert (only["participants"], only["failures"]) == ([0, 1], [])
    assert "expected a warm trainer" in (state / "supernode.log").read_text()


def test_a_killed_command_leaves_nothing_that_runs(place: Place) -> None:
    assert find_marked(place.state)
    place.later[-1].kill()
    assert wait_until(lambda: not find_marked(place.state), 60)
