"""A whole deployment on this machine: keys, TLS, server, gateways, one run, and all gone after."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset
from fednids.deploy.creating import create_deployment
from fednids.deploy.folder import Deployment, Server
from fednids.deploy.private import private_folder
from fednids.deploy.reach import free_port, is_up, wait_until
from fednids.deploy.running import OnRound, RunEnd, deployed_config, run_deployed
from fednids.errors import PartitionError, SetupError
from fednids.experiment.export import export_gateways

_HOST = "127.0.0.1"
_START_SECONDS = 120.0
_STOP_SECONDS = 40.0


def demonstrate(
    folder: Path, dealt: Config, settings: Mapping[str, object], on_round: OnRound
) -> RunEnd:
    """Deal flows, start a server and gateways with keys, and do one run.

    Parameters
    ----------
    folder : Path
        New or empty; holds the deployment, the flow files and the run afterwards.
    dealt : Config
        Deals the flows: `partition.gateways` files.
    settings : Mapping[str, object]
        Of the run, by ``section.key``; data and partition are the gateways'.
    on_round : callable
        Called with each round.

    Raises
    ------
    FednidsError
        Something could not be dealt, written or started.
    """
    deployment, files = prepare_demo(folder, dealt)
    with running(deployment, files):
        config = deployed_config(deployment, settings, None)
        return run_deployed(deployment, config, folder / "run", on_round)


def prepare_demo(folder: Path, dealt: Config) -> tuple[Deployment, dict[str, Path]]:
    """Write the flow files and the deployment's folder; return both, the files by gateway."""
    private_folder(folder)
    manifest = export_gateways(dealt, FederatedDataset.open(dealt), folder / "flows")
    (folder / "flows").chmod(0o700)
    names = [entry["file"] for entry in manifest["gateways"]]
    if not all(names):
        raise PartitionError(
            "expected flows for every gateway, got a gateway without; take more flows or fewer "
            "gateways"
        )
    files = {Path(name).stem: folder / "flows" / name for name in names}
    server = Server(_HOST, free_port(), _HOST)
    return create_deployment(folder / "deployment", server, list(files)).deployment, files


@contextmanager
def running(deployment: Deployment, files: Mapping[str, Path]) -> Iterator[None]:
    """Keep a server and gateways running on this machine, as the commands run them.

    Parameters
    ----------
    deployment : Deployment
        With its folder.
    files : Mapping[str, Path]
        The flow file of each gateway that is to run.
    """
    path, children = str(deployment.path), list[subprocess.Popen[bytes]]()
    try:
        children.append(start(deployment, "server", path))
        if not wait_until(lambda: _gone(children) or _up(deployment), _START_SECONDS):
            raise SetupError(
                f"expected the server to start within {_START_SECONDS:.0f} s, got none; see "
                f"{deployment.state / 'superlink.log'}"
            )
        for name, file in files.items():
            children.append(start(deployment, "gateway", path, name, "--data", str(file)))
        yield
    finally:
        _stop(children)


def start(deployment: Deployment, *arguments: str) -> subprocess.Popen[bytes]:
    """Start ``fednids deploy ARGUMENTS`` beside this process, its words in ``demo.log``."""
    with (deployment.path / "demo.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "fednids", "deploy", *arguments],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip


def _up(deployment: Deployment) -> bool:
    return (deployment.state / "nodes.json").exists() and is_up(
        deployment.server, deployment.ca, beside=True
    )


def _gone(children: Sequence[subprocess.Popen[bytes]]) -> bool:
    for child in children:
        if child.poll() is not None:
            raise SetupError(
                f"expected the server to go on, got its end with code {child.returncode}; see "
                "demo.log in the deployment's folder (--keep DIR keeps it)"
            )
    return False


def _stop(children: Sequence[subprocess.Popen[Any]]) -> None:
    """Stop gateways before the server."""
    for child in reversed(children):
        if child.poll() is None:
            os.kill(child.pid, signal.SIGTERM)
    for child in reversed(children):
        try:
            child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
