"""The server of a deployment, from its start to its end."""

from __future__ import annotations

import os
import time

from fednids.deploy.alone import alone
from fednids.deploy.authority import days_left
from fednids.deploy.control import Control
from fednids.deploy.environment import flower_environment
from fednids.deploy.folder import Deployment
from fednids.deploy.private import check_private
from fednids.deploy.program import Announce, Program
from fednids.deploy.reach import is_up, wait_until
from fednids.deploy.registering import register_gateways
from fednids.errors import RunError, SetupError

_START_SECONDS = 60.0
_PAUSE = 0.5
_SOON_DAYS = 30.0


def run_server(deployment: Deployment, announce: Announce) -> None:
    """Run the server until it is stopped by Ctrl-C or SIGTERM.

    Parameters
    ----------
    deployment : Deployment
        The folder.
    announce : callable
        Called with each line that an operator should read.

    Raises
    ------
    SetupError
        A key or certificate is missing or has expired, the port is taken, or the server is
        running.
    RunError
        Flower's SuperLink ended by itself.
    KeyboardInterrupt
        It was stopped.
    """
    os.umask(0o077)
    _check_secrets(deployment, announce)
    with alone(deployment.state, "the server"):
        environment = flower_environment(deployment.state, deployment.server.host)
        with Program(
            "fednids.deploy.superlink", _arguments(deployment), environment,
            deployment.state, "superlink.log",
        ) as program:  # fmt: skip
            _await(deployment, program)
            if not deployment.server.insecure:
                register_gateways(deployment, Control(deployment), announce)
            _introduce(deployment, program, announce)
            while program.code is None:
                time.sleep(_PAUSE)
            raise RunError(
                f"expected Flower's SuperLink to go on, got its end with code {program.code} "
                f"({program.last_words()[:200]}); see {program.log} and start the server again"
            )


def _check_secrets(deployment: Deployment, announce: Announce) -> None:
    if deployment.server.insecure:
        return
    check_private(deployment.key)
    try:
        left = days_left(deployment.certificate.read_bytes())
    except OSError as error:
        raise SetupError(
            f"expected the server's certificate in {deployment.certificate}, got "
            f"{error.strerror}; run `fednids deploy init` again"
        ) from None
    if left <= 0:
        raise SetupError(
            f"expected a certificate that is good, got one that expired {-left:.0f} days ago; run "
            "`fednids deploy init` again with --renew"
        )
    if left < _SOON_DAYS:
        announce(f"the server's certificate expires in {left:.0f} days; renew it with --renew")


def _arguments(deployment: Deployment) -> list[str]:
    server = deployment.server
    common = ["--host", server.bind, "--port", str(server.port)]
    common += ["--database", str(deployment.state / "state.db")]
    common += ["--disable-runtime-dependency-installation"]
    if server.insecure:
        return [*common, "--insecure"]
    return [
        *common, "--enable-supernode-auth",
        "--ssl-ca-certfile", str(deployment.ca),
        "--ssl-certfile", str(deployment.certificate),
        "--ssl-keyfile", str(deployment.key),
    ]  # fmt: skip


def _await(deployment: Deployment, program: Program) -> None:
    server, ca = deployment.server, deployment.ca
    wait_until(lambda: program.code is not None or is_up(server, ca, beside=True), _START_SECONDS)
    if program.code is None and is_up(server, ca, beside=True):
        return
    said = program.said()
    busy = "address already in use" in said.lower()
    reason = "a port that is taken" if busy else program.last_words()[:200]
    raise SetupError(
        f"expected a server on {server.bind} port {server.port}, got {reason}; see {program.log}, "
        "and choose another --port or --bind with `fednids deploy init`"
    )


def _introduce(deployment: Deployment, program: Program, announce: Announce) -> None:
    server = deployment.server
    announce(f"ready: gateways reach the server at {server.address}")
    if server.insecure:
        announce("INSECURE: plain HTTP and no keys; only programs on this machine reach it")
    else:
        announce(f"known gateways: {', '.join(deployment.gateways)}; all others are turned away")
    announce(
        "anybody who can run programs on this machine can start runs: Flower's control interface "
        "asks nobody who he is, so it answers this machine alone"
    )
    announce(f"log: {program.log}; stop with Ctrl-C")
