"""`flwr run .` on Flower's own simulation: the same apps, the same results."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from runs_factory import SMALL, small_config

from fednids.experiment.execution import execute

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="needs Ray: pip install -e '.[ray]'"
    ),
]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Give a Flower home of its own, without the protobuf variable; end what it started."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FLWR_HOME": str(tmp_path / "flwr"),
        "FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": str(port),
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PROTOCOL_BUFFERS")}
    yield {**kept, **chosen}
    _end_processes_of(tmp_path / "flwr")


def test_ray_gives_the_weights_of_inprocess(environment: dict[str, str], tmp_path: Path) -> None:
    settings = " ".join(
        [f'{name}="{v}"' if isinstance(v, str) else f"{name}={v}" for name, v in SMALL.items()]
    )
    out = tmp_path / "ray"
    flwr = shutil.which("flwr", path=environment["PATH"])
    assert flwr
    started = subprocess.run(
        [flwr, "run", ".", "--format", "json",
         "--federation-config", "num-supernodes=3 client-resources-num-cpus=1",
         "--run-config", f'out="{out}" {settings}'],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    run_id = json.loads(started.stdout)["run-id"]
    assert _ending(flwr, run_id, environment) == "finished:completed"
    ours = execute("federated", small_config(), tmp_path / "inprocess").to_json()
    theirs = json.loads((out / "result.json").read_text())
    assert theirs["final"]["confusion"] == ours["final"]["confusion"]
    for mine, their in zip(ours["rounds"], theirs["rounds"], strict=True):
        assert their["train"]["loss"] == pytest.approx(mine["train"]["loss"], abs=1e-6)


def _ending(flwr: str, run_id: str, environment: dict[str, str]) -> str:
    """Wait for the end of a run; `flwr run` itself gives 0 even where the run failed."""
    deadline = time.monotonic() + 240
    command = [flwr, "list", "--run-id", str(run_id), "--format", "json"]
    while time.monotonic() < deadline:
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        status = str(json.loads(shown.stdout)["runs"][0]["status"])
        if status.startswith("finished"):
            return status
        time.sleep(1)
    return "unfinished"


def _end_processes_of(home: Path) -> None:
    """End the local SuperLink and all that it started: Flower has no command for it."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"FLWR_HOME={home}\0" in (process / "environ").read_text():
                os.kill(int(process.name), signal.SIGKILL)
        except (OSError, UnicodeDecodeError):
            continue
