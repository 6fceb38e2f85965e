"""A federation of real processes over TLS and with keys, what kills it, and what comes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from deploy_processes import fednids
from safetensors.numpy import load_file

from fednids.config import Config
from fednids.deploy.alone import find_marked
from fednids.deploy.demo import prepare_demo, running, start
from fednids.deploy.folder import Deployment
from fednids.deploy.status import look_at

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SETTINGS = ["data.window=4", "model.channels=4,5", "model.pools=1,2", "model.hidden=6"]


@dataclass(frozen=True)
class Place:
    """A deployment that runs, and the files of its gateways."""

    deployment: Deployment
    files: dict[str, Path]
    later: list[subprocess.Popen[bytes]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("whole")
    dealt = {"data.flows": 1500, "partition.gateways": 3, "partition.alpha": 5.0}
    deployment, files = prepare_demo(folder, Config.resolve(dealt))
    with running(deployment, files):
        place = Place(deployment, files, [])
        yield place
        for process in place.later:
            process.terminate()
            assert process.wait(60) == 0  # or systemd takes it for a failure
    roles = [deployment.state, *(deployment.gateway(n).state for n in deployment.gateways)]
    assert [find_marked(state) for state in roles] == [[]] * 4


def deploy_run(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    return fednids("deploy", "run", str(place.deployment.path), *arguments, "--quiet", seconds=600)


def begin_run(place: Place, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fednids", "deploy", "run", str(place.deployment.path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*command, *arguments, "--quiet"], **pipes)  # type: ignore[call-overload,no-any-return]


def wait_for(happened: Callable[[], object], seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.2)


def rounds_in(out: Path) -> int:
    file = out / "rounds.jsonl"
    return file.read_text().count("\n") if file.exists() else 0


def weights(out: Path) -> dict[str, np.ndarray]:
    return load_file(out / "model.safetensors")


def same(first: Path, second: Path) -> None:
    one, two = weights(first), weights(second)
    assert set(one) == set(two)
    for name, array in one.items():
        np.testing.assert_allclose(array, two[name], atol=1e-6, rtol=0)


@pytest.fixture(scope="module")
def twin(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("twin") / "run"
    flows = str(next(iter(place.files.values())).parent)
    arguments = ("--data", flows, "--rounds", "3", "--engine", "inprocess", *SETTINGS)
    done = fednids("simulate", "--out", str(out), "--quiet", *arguments)
    assert done.returncode == 0, done.stderr
    return out


def tokens_of_processes() -> set[bytes]:
    """Return the values of ``--token`` among all commands that run now."""
    found = set[bytes]()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = file.read_bytes().split(b"\0")
            found |= {b for a, b in pairwise(words) if a == b"--token" and b}
    return found


def assert_no_secret_in(folder: Path, tokens: set[bytes]) -> None:
    """Check every file but those that are keys: neither a token nor a part of a key."""
    files = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and not p.is_symlink()}
    keys = {p for p, content in files.items() if b"PRIVATE KEY-----" in content}
    lines = {line for p in keys for line in files[p].splitlines() if len(line) > 30}
    own = {p for p in files if p.name.startswith("state.db")}  # of a SuperLink that runs
    for path in files.keys() - keys - own:
        for secret in (*tokens, *(line for line in lines if b"-----" not in line)):
            assert secret not in files[path], path
    for path in keys | {p.parent for p in own}:
        assert path.stat().st_mode & 0o077 == 0, path


def test_it_gives_the_simulations_weights_and_leaves_no_secret(
    place: Place, twin: Path, tmp_path: Path
) -> None:
    led = begin_run(place, "--out", str(tmp_path / "run"), "--rounds", "3", *SETTINGS)
    tokens = set[bytes]()
    while led.poll() is None:
        tokens |= tokens_of_processes()
        time.sleep(0.05)
    assert led.returncode == 0, led.communicate()
    assert tokens
    for folder in (tmp_path, place.deployment.path):
        assert_no_secret_in(folder, tokens)
    same(tmp_path / "run", twin)
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    simulated = json.loads((twin / "result.json").read_text())
    assert result["final"]["confusion"] == simulated["final"]["confusion"]
    assert set(look_at(place.deployment).gateways.values()) == {"online"}


def test_a_run_that_fails_says_why_and_ends_with_1(place: Place, tmp_path: Path) -> None:
    arguments = ("--out", str(tmp_path / "run"), "--rounds", "1", "strategy.name=fltrust")
    done = deploy_run(place, *arguments)
    assert done.returncode == 1
    assert "clean flows of its own" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_gateway_killed_in_a_round_costs_its_part_of_it_and_comes_back(
    place: Place, tmp_path: Path
) -> None:
    out, deployment = tmp_path / "run", place.deployment
    name = deployment.gateways[0]
    plain = "strategy.name=fedavg"  # no messages after the last round: what it costs is before
    led = begin_run(place, "--out", str(out), "--rounds", "3", *SETTINGS, plain)
    wait_for(lambda: rounds_in(out) >= 1 or led.poll() is not None)
    assert led.poll() is None, led.communicate()
    for pid in find_marked(deployment.gateway(name).state):
        os.kill(pid, signal.SIGKILL)
    arguments = (str(deployment.path), name, "--data", str(place.files[name]))
    again = start(deployment, "gateway", *arguments)
    try:
        _, said = led.communicate(timeout=400)
        assert led.returncode == 0, said
        rounds = json.loads((out / "result.json").read_text())["rounds"]
        assert [each["round"] for each in rounds] == [1, 2, 3]
        failures = [failure for each in rounds for failure in each["failures"]]
        assert {failure["partition"] for failure in failures} <= {0}
        assert all(failure["reason"].startswith(name) for failure in failures)
        wait_for(lambda: look_at(deployment).gateways[name] == "online", 120)
        assert again.poll() is None
    finally:
        place.later.append(again)


def test_the_demonstration_ends_with_a_table_and_no_process(tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    arguments = ("--gateways", "1", "--rounds", "1", "--keep", str(keep), "data.flows=600")
    done = fednids("deploy", "demo", *arguments, *SETTINGS, seconds=600)
    assert done.returncode == 0, done.stderr
    assert "macro-F1" in done.stdout
    assert "synthetic" in done.stdout
    assert json.loads((keep / "run" / "result.json").read_text())["rounds"]
    made = keep / "deployment"
    states = [made / "server" / "state", *made.glob("gateways/*/state")]
    assert len(states) == 2
    assert [find_marked(state) for state in states] == [[], []]
    assert (keep / "flows").stat().st_mode & 0o077 == 0


def test_a_killed_server_resumes_to_the_same_weights(
    place: Place, twin: Path, tmp_path: Path
) -> None:
    out, deployment = tmp_path / "run", place.deployment
    first = begin_run(place, "--out", str(out), "--rounds", "3", *SETTINGS)
    wait_for(lambda: rounds_in(out) >= 1 or first.poll() is not None)
    assert first.poll() is None, first.communicate()
    for pid in find_marked(deployment.state):
        os.kill(pid, signal.SIGKILL)
    server = start(deployment, "server", str(deployment.path))
    try:
        _, said = first.communicate(timeout=300)
        assert first.returncode in (1, 2), said
        wait_for(lambda: set(look_at(deployment).gateways.values()) == {"online"})
        done = deploy_run(place, "--resume", str(out))
        assert done.returncode == 0, done.stderr
        same(out, twin)
    finally:
        place.later.append(server)
