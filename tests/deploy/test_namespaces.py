"""Four hosts on one machine: namespaces with their own addresses, a cut link, a poor line."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from deploy_processes import fednids
from safetensors.numpy import load_file

from fednids.config import Config
from fednids.deploy.creating import create_deployment
from fednids.deploy.demo import prepare_demo
from fednids.deploy.folder import Deployment, Server
from fednids.deploy.reach import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SETTINGS = ["data.window=4", "model.channels=4,5", "model.pools=1,2", "model.hidden=6"]
MARK = "fednids-test"
SWITCH = f"{MARK}-switch"
SERVER = "server"
PORT = 9443


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def host(name: str) -> str:
    return f"{MARK}-{name}"


def remove(names: Sequence[str]) -> None:
    for name in [SWITCH, *map(host, names)]:
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def build(names: Sequence[str]) -> None:
    """Make a host for each name, all plugged into one switch, the first at 10.99.0.1."""
    ip("netns", "add", SWITCH)
    ip("-n", SWITCH, "link", "add", "bridge", "type", "bridge")
    ip("-n", SWITCH, "link", "set", "bridge", "up")
    for number, name in enumerate(names, start=1):
        ip("netns", "add", host(name))
        ip("-n", SWITCH, "link", "add", f"port{number}", "type", "veth", "peer", "name", "line")
        ip("-n", SWITCH, "link", "set", "line", "netns", host(name))
        ip("-n", SWITCH, "link", "set", f"port{number}", "master", "bridge", "up")
        ip("-n", host(name), "addr", "add", f"10.99.0.{number}/24", "dev", "line")
        ip("-n", host(name), "link", "set", "line", "up")
        ip("-n", host(name), "link", "set", "lo", "up")


def command(name: str, *arguments: str) -> list[str]:
    """Give a command of ours as it is run on a host."""
    ours = [sys.executable, "-m", "fednids", "deploy", *arguments]
    return ["ip", "netns", "exec", host(name), *ours]


def answers(deployment: Deployment) -> bool:
    asked = command(SERVER, "status", str(deployment.path))
    return subprocess.run(asked, check=False, capture_output=True).returncode == 0


@dataclass(frozen=True)
class Net:
    """Hosts that run a federation, and what it should come to."""

    deployment: Deployment
    hosts: tuple[str, ...]
    twin: Path

    def run(self, out: Path, *, rounds: int) -> subprocess.Popen[str]:
        arguments = ["run", str(self.deployment.path), "--out", str(out), "--quiet"]
        return subprocess.Popen(
            command(SERVER, *arguments, "--rounds", str(rounds), *SETTINGS),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def plug(self, name: str, state: str) -> None:
        """Pull a host's line out of the switch (``down``), or put it in again (``up``)."""
        ip("-n", SWITCH, "link", "set", f"port{self.hosts.index(name) + 1}", state)


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    folder = tmp_path_factory.mktemp("net")
    dealt = {"data.flows": 1500, "partition.gateways": 3, "partition.alpha": 5.0}
    made, files = prepare_demo(folder, Config.resolve(dealt))
    hosts = (SERVER, *made.gateways)
    remove(hosts)
    try:
        if shutil.which("ip") is None:
            raise FileNotFoundError("no ip")
        build(hosts)
    except (OSError, subprocess.CalledProcessError) as error:
        remove(hosts)
        why = getattr(error, "stderr", "") or error
        pytest.skip(f"this machine makes no network namespaces: {why}".strip())
    server = Server("10.99.0.1", PORT, "0.0.0.0")
    deployment = create_deployment(folder / "hosts", server, list(made.gateways)).deployment
    out, flows = folder / "twin", str(folder / "flows")
    done = fednids(
        "simulate", "--out", str(out), "--quiet", "--data", flows, "--rounds", "3", *SETTINGS
    )
    assert done.returncode == 0, done.stderr
    with (folder / "log").open("wb") as log:
        lines = [(SERVER, ("server",))]
        lines += [(n, ("gateway", n, "--data", str(files[n]))) for n in deployment.gateways]
        running = [
            subprocess.Popen(
                command(name, verb, str(deployment.path), *rest), stdout=log, stderr=log
            )
            for name, (verb, *rest) in lines
        ]
        try:
            wait_until(lambda: answers(deployment), 120)
            yield Net(deployment, hosts, out)
        finally:
            for process in reversed(running):
                process.terminate()
            for process in reversed(running):
                process.wait(90)
            remove(hosts)


def ended_as_the_twin(net: Net, led: subprocess.Popen[str], out: Path) -> None:
    """See that nothing was lost: no failure, and the simulation's weights."""
    _, said = led.communicate(timeout=600)
    assert led.returncode == 0, said
    rounds = json.loads((out / "result.json").read_text())["rounds"]
    assert [each["failures"] for each in rounds] == [[]] * 3
    found, wanted = (load_file(each / "model.safetensors") for each in (out, net.twin))
    for name, array in wanted.items():
        np.testing.assert_allclose(array, found[name], atol=1e-6, rtol=0)


def test_a_line_that_is_cut_in_mid_round_and_mended_loses_nothing(net: Net, tmp_path: Path) -> None:
    out, name = tmp_path / "run", net.deployment.gateways[1]
    led = net.run(out, rounds=3)
    until = time.monotonic() + 300
    while not (out / "checkpoint").exists() or not any((out / "checkpoint").glob("round-*")):
        assert led.poll() is None, led.communicate()
        assert time.monotonic() < until
        time.sleep(0.1)
    net.plug(name, "down")
    time.sleep(12)
    assert led.poll() is None
    net.plug(name, "up")
    ended_as_the_twin(net, led, out)


def test_latency_and_loss_change_times_and_nothing_else(net: Net, tmp_path: Path) -> None:
    line = ["tc", "qdisc", "replace", "dev", "line", "root"]
    poor = [*line, "netem", "delay", "80ms", "20ms", "loss", "2%"]
    for name in net.hosts:
        done = subprocess.run(
            ["ip", "netns", "exec", host(name), *poor], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"this machine's kernel makes no poor lines: {done.stderr.strip()}")
    led = net.run(tmp_path / "run", rounds=3)
    ended_as_the_twin(net, led, tmp_path / "run")
