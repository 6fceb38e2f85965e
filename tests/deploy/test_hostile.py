"""A gateway that sends what it should not, and one whose disk is full."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from deploy_processes import fednids
from safetensors.numpy import load_file

from fednids.config import Config
from fednids.deploy.alone import find_marked
from fednids.deploy.demo import prepare_demo, running
from fednids.deploy.folder import Deployment

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SETTINGS = [
    "data.window=4", "model.channels=4,5", "model.pools=1,2", "model.hidden=6",
    "strategy.name=fedavg",
]  # fmt: skip
HOSTILE = Path(__file__).with_name("hostile_trainer.py")


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Mount a disk of a megabyte; skip where we may not."""
    disk = tmp_path_factory.mktemp("disk")
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk needs root and tmpfs: {error}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("hostile")
    dealt = {"data.flows": 1500, "partition.gateways": 3, "partition.alpha": 5.0}
    made, files = prepare_demo(folder, Config.resolve(dealt))
    with running(made, files):
        yield made


def begin(deployment: Deployment, out: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fednids", "deploy", "run", str(deployment.path)]
    return subprocess.Popen(
        [*command, "--out", str(out), "--quiet", *arguments, *SETTINGS],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(led: subprocess.Popen[str], out: Path) -> list[dict[str, object]]:
    """Wait for a run's end; give its failures, by round."""
    _, said = led.communicate(timeout=600)
    assert led.returncode == 0, said
    for array in load_file(out / "model.safetensors").values():
        assert np.isfinite(array).all()
    rounds = json.loads((out / "result.json").read_text())["rounds"]
    return [{"round": each["round"], "failures": each["failures"]} for each in rounds]


def wait_for(happened: Callable[[], object], led: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 300
    while not happened():
        assert led.poll() is None, led.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)


def trainers(state: Path) -> list[int]:
    """Name the warm trainers of a gateway."""
    return [
        pid
        for pid in find_marked(state)
        if b"clients.warm" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def test_nan_wrong_shapes_and_too_long_updates_are_refused_by_name(
    deployment: Deployment, tmp_path: Path
) -> None:
    name = deployment.gateways[1]
    state = deployment.gateway(name).state
    until = time.monotonic() + 120
    while not trainers(state):
        assert time.monotonic() < until
        time.sleep(0.2)
    for pid in trainers(state):
        os.kill(pid, signal.SIGKILL)
    hostile = subprocess.Popen([sys.executable, str(HOSTILE), str(state / "warm")])
    try:
        out = tmp_path / "run"
        found = ended(begin(deployment, out, "--rounds", "5", "federation.norm_bound=2"), out)
    finally:
        hostile.terminate()
        hostile.wait(60)
    failures = {each["round"]: each["failures"] for each in found}
    assert failures[1] == failures[5] == []
    for number, said in ((2, "finite weights"), (3, "float32 values, got (7,)"), (4, "norm_bound")):
        (failure,) = failures[number]
        assert (failure["partition"], failure["stage"]) == (1, "train")
        assert failure["reason"].startswith(f"{name}: ")
        assert said in failure["reason"]


def test_a_full_disk_costs_its_gateways_part_and_nothing_else(
    deployment: Deployment, small_disk: Path, tmp_path: Path
) -> None:
    name, out = deployment.gateways[0], tmp_path / "run"
    memory, filler = deployment.gateway(name).state / "memory", small_disk / "filler"
    if memory.exists():
        memory.rename(memory.with_name("memory-before"))
    memory.symlink_to(small_disk)
    led = begin(deployment, out, "--rounds", "4", "wire.up=topk")
    wait_for(lambda: any(small_disk.glob("**/round-000001*")), led)
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    found = ended(led, out)
    failures = [failure for each in found for failure in each["failures"]]
    assert {failure["partition"] for failure in failures} == {0}
    assert any("No space left" in failure["reason"] for failure in failures)
    assert all(failure["reason"].startswith(f"{name}: ") for failure in failures)
    assert {failure["stage"] for failure in failures} >= {"train"}
    filler.unlink()
    again = ended(
        begin(deployment, tmp_path / "again", "--rounds", "1", "wire.up=topk"), tmp_path / "again"
    )
    assert again == [{"round": 1, "failures": []}]
    assert fednids("deploy", "status", str(deployment.path)).returncode == 0
