"""A gateway of a deployment, from its start to its end."""

from __future__ import annotations

import importlib.util
import json
import os
import time
from contextlib import ExitStack
from pathlib import Path

from fednids.deploy.alone import alone
from fednids.deploy.environment import WARM, flower_environment
from fednids.deploy.folder import GatewaySite
from fednids.deploy.keys import check_key
from fednids.deploy.program import Announce, Program
from fednids.deploy.reach import free_port, is_up
from fednids.errors import DataError, RunError, SetupError

SESSION_SECONDS = 75.0
"""A server holds the session of a gateway that was killed for up to 60 s."""

_PAUSE = 0.5
_AGAIN_SECONDS = 10.0
_LOOK_SECONDS = 15.0
_ONLINE = "SuperNode ID:"
_REFUSED = "code: 2004"
_TRAINER = "clients.warm"


def attend(
    site: GatewaySite, data: Path, announce: Announce, *, patience: float = SESSION_SECONDS,
    warm: bool = True,
) -> None:  # fmt: skip
    """Run a gateway until it is stopped by Ctrl-C or SIGTERM.

    Parameters
    ----------
    site : GatewaySite
        Its folder.
    data : Path
        Its flow file.
    announce : callable
        Called with each line that an operator should read.
    patience : float
        Seconds to try where the server refuses the key, as it does for a while after a kill.
    warm : bool
        Keep a trainer beside it, so that a round needs no start and no compilation.

    Raises
    ------
    SetupError
        A key is missing or refused, the server is not ours, or the gateway is running.
    DataError
        There is no such flow file.
    RunError
        Flower's SuperNode ended by itself.
    KeyboardInterrupt
        It was stopped.
    """
    os.umask(0o077)
    data = data.resolve()
    _check_data(data)
    if not site.server.insecure:
        check_key(site.key)
    if not is_up(site.server, site.ca):
        announce(f"{site.server.address} does not answer yet; waiting for it")
    with alone(site.state, f"gateway {site.name}"), ExitStack() as stack:
        environment = flower_environment(site.state, site.server.host)
        if warm and importlib.util.find_spec(_TRAINER):
            folder = site.state / "warm"
            environment[WARM] = str(folder)
            stack.enter_context(
                Program(_TRAINER, [str(folder)], environment, site.state, "trainer.log")
            )
        refused = time.monotonic()
        while True:
            with Program(
                "fednids.deploy.supernode", _arguments(site, data), environment,
                site.state, "supernode.log",
            ) as program:  # fmt: skip
                was_online = _watch(site, program, announce)
            if was_online:
                refused = time.monotonic()
            _judge(site, program, was_online=was_online, left=refused + patience - time.monotonic())
            announce(
                f"the server turns the key of {site.name} away, as it does for up to 60 s after "
                f"a gateway was killed; trying again in {_AGAIN_SECONDS:.0f} s"
            )
            time.sleep(_AGAIN_SECONDS)


def _watch(site: GatewaySite, program: Program, announce: Announce) -> bool:
    """Wait for a SuperNode to end; return whether the server had accepted it."""
    online, looked = False, time.monotonic()
    while program.code is None:
        time.sleep(_PAUSE)
        if not online and _ONLINE in program.said():
            online = True
            announce(f"ready: gateway {site.name} is at the server's disposal; stop with Ctrl-C")
        if not online and time.monotonic() - looked > _LOOK_SECONDS:
            is_up(site.server, site.ca)  # raises where somebody else answers
            looked = time.monotonic()
    return online or _ONLINE in program.said()


def _judge(site: GatewaySite, program: Program, *, was_online: bool, left: float) -> None:
    """Raise unless starting again can help."""
    refused = _REFUSED in program.said()
    if not refused:
        raise RunError(
            f"expected Flower's SuperNode to go on, got its end with code {program.code} "
            f"({program.last_words()[:200]}); see {program.log} and start the gateway again"
        )
    if left <= 0:
        raise SetupError(
            f"expected the server to know the key of {site.name}, got a refusal; see that its "
            f"gateway.pub is in the server's folder, start the server again, and see {program.log}"
        )


def _arguments(site: GatewaySite, data: Path) -> list[str]:
    server = site.server
    node = {"gateway": site.name, "data": str(data), "state": str(site.state / "memory")}
    settings = " ".join(f"{name}={json.dumps(value)}" for name, value in node.items())
    common = ["--superlink", server.address, "--port", str(free_port())]
    common += ["--node-config", settings]
    if server.insecure:
        return [*common, "--insecure"]
    return [
        *common,
        "--root-certificates", str(site.ca),
        "--auth-supernode-private-key", str(site.key),
    ]  # fmt: skip


def _check_data(data: Path) -> None:
    if not data.is_file() or not os.access(data, os.R_OK):
        raise DataError(
            f"expected the gateway's flow file, got {data}, which cannot be read; name a CSV, "
            "CSV.gz, zip or Parquet file"
        )
    if any(mark in str(data) for mark in '"\\\n'):
        raise DataError(
            f"expected a path without quotes and backslashes, got {str(data)!r}; rename it"
        )
