"""The least app on one SuperLink and some SuperNodes of this machine, without TLS."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from fednids.deploy.environment import flower_environment
from fednids.deploy.reach import free_port

HOST = "127.0.0.1"
BIN = Path(sys.executable).parent
PROJECT = """\
[project]
name = "empty"
version = "0.1.0"
dependencies = []
[tool.flwr.app]
publisher = "fednids"
[tool.flwr.app.components]
serverapp = "empty_app:server"
clientapp = "empty_app:client"
[tool.flwr.app.config]
out = "{out}"
rounds = {rounds}
gateways = {gateways}
weights = {weights}
"""
CONNECTION = """\
[superlink]
default = "here"
[superlink.here]
address = "{address}"
insecure = true
"""


def empty_rounds(folder: Path, gateways: int, rounds: int, weights: int) -> list[float]:
    """Give the seconds of each round."""
    out, address = folder / "seconds.json", f"{HOST}:{free_port()}"
    app = write_app(folder / "app", out, rounds=rounds, gateways=gateways, weights=weights)
    with ExitStack() as stack:
        arguments = ["--host", HOST, "--port", address.rpartition(":")[2]]
        arguments += ["--database", str(folder / "state.db")]
        stack.enter_context(program(folder / "link", "flower-superlink", *arguments))
        wait_for(address)
        for number in range(gateways):
            arguments = ["--superlink", address, "--port", str(free_port())]
            stack.enter_context(program(folder / f"node-{number}", "flower-supernode", *arguments))
        home = folder / "link"
        (home / "config.toml").write_text(CONNECTION.format(address=address), encoding="utf-8")
        command = [BIN / "flwr", "run", app, "here"]
        subprocess.run(command, env=flower_environment(home, HOST), check=True, stdout=2)
        until = time.monotonic() + 60 + 60 * rounds
        while not (out.exists() and out.stat().st_size):
            if time.monotonic() > until:
                raise TimeoutError(f"the empty app did not end; see {folder}")
            time.sleep(0.5)
    return [float(seconds) for seconds in json.loads(out.read_text(encoding="utf-8"))]


def write_app(folder: Path, out: Path, **settings: int) -> Path:
    """Write the app that ``flwr run`` takes."""
    folder.mkdir(parents=True)
    source = Path(__file__).with_name("empty_app.py").read_text(encoding="utf-8")
    (folder / "empty_app.py").write_text(source, encoding="utf-8")
    (folder / "pyproject.toml").write_text(PROJECT.format(out=out, **settings), encoding="utf-8")
    return folder


def wait_for(address: str) -> None:
    """Wait until a SuperLink answers."""
    opener, until = build_opener(ProxyHandler({})), time.monotonic() + 120
    while True:
        try:
            opener.open(f"http://{address}/health", timeout=5).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


@contextmanager
def program(home: Path, name: str, *arguments: str) -> Iterator[None]:
    """Keep one of Flower's programs running."""
    home.mkdir(parents=True)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / name, "--insecure", *arguments],
            env=flower_environment(home, HOST), cwd=home, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
