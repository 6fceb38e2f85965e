"""Flower's own commands on the server's machine, and what they answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from fednids.deploy.environment import flower_environment
from fednids.deploy.folder import Deployment
from fednids.deploy.private import private_folder
from fednids.errors import SetupError

_NAME = "fednids"
"""Of the connection to the server in Flower's ``config.toml``."""

_SECONDS = 60.0
_LOG_SECONDS = 15.0


@dataclass(frozen=True)
class RunState:
    """Where a run stands.

    Attributes
    ----------
    run_id : str
        Flower's number of it.
    status : str
        Such as ``running`` or ``finished:failed``.
    details : str
        What Flower says about it.
    """

    run_id: str
    status: str
    details: str

    @property
    def ended(self) -> bool:
        """Whether it will change no more."""
        return self.status.startswith("finished")


class Control:
    """Runs ``flwr`` commands for one deployment.

    Parameters
    ----------
    deployment : Deployment
        Whose server is asked.
    """

    def __init__(self, deployment: Deployment):
        self._home = deployment.state / "commands"
        self._server = deployment.server
        _write_connection(deployment, self._home)

    def register(self, public_key: Path, name: str) -> str:
        """Make a gateway's key known and return its node id."""
        answer = self._ask("supernode", "register", str(public_key), _NAME, "--name", name)
        return str(answer["node-id"])

    def unregister(self, node_id: str) -> None:
        """Unregister a key."""
        self._ask("supernode", "unregister", node_id, _NAME)

    def nodes(self) -> dict[str, str]:
        """Return ``registered``, ``online``, ``offline`` or ``unregistered`` by node id."""
        rows = self._ask("supernode", "list", _NAME)["nodes"]
        return {str(row["node-id"]): str(row["status"]) for row in rows}

    def submit(self, app: Path, settings: Path) -> str:
        """Start a run and return its number."""
        answer = self._ask("run", str(app), _NAME, "--run-config", str(settings))
        return str(answer["run-id"])

    def state(self, run_id: str) -> RunState:
        """Return the state of a run."""
        return _run_state(self._ask("list", _NAME, "--run-id", run_id)["runs"][0])

    def runs(self) -> list[RunState]:
        """List all runs, the newest first."""
        return [_run_state(row) for row in self._ask("list", _NAME)["runs"]]

    def stop(self, run_id: str) -> None:
        """Stop a run."""
        self._ask("stop", run_id, _NAME)

    def log(self, run_id: str) -> str:
        """Return the log of a run on the server; the part that came where it takes too long."""
        try:
            return self._call(["log", run_id, _NAME, "--show"], _LOG_SECONDS).stdout
        except subprocess.TimeoutExpired as late:
            said = late.stdout or b""
            return said.decode(errors="replace") if isinstance(said, bytes) else said

    def _ask(self, *arguments: str) -> Mapping[str, Any]:
        try:
            done = self._call([*arguments, "--format", "json"], _SECONDS)
        except subprocess.TimeoutExpired:
            raise _unanswered(arguments, f"no answer in {_SECONDS:.0f} s") from None
        answer = _read_json(done.stdout)
        if answer is None or not answer.get("success", True):
            said = str((answer or {}).get("error-message", "")) or done.stderr or done.stdout
            raise _unanswered(arguments, " ".join(said.split())[-300:] or "nothing")
        return answer

    def _call(self, arguments: list[str], seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from flwr.cli.app import app; app()", *arguments],
            env=flower_environment(self._home, self._server.host),
            capture_output=True, text=True, timeout=seconds, check=False,
            stdin=subprocess.DEVNULL, cwd=self._home,
        )  # fmt: skip


def _write_connection(deployment: Deployment, home: Path) -> None:
    """Write how ``flwr`` reaches the server on its own machine."""
    connection: dict[str, object] = {"address": deployment.server.beside}
    if deployment.server.insecure:
        connection["insecure"] = True
    else:
        connection["root-certificates"] = str(deployment.ca)
    private_folder(home)
    content = tomli_w.dumps({"superlink": {"default": _NAME, _NAME: connection}})
    (home / "config.toml").write_text(content, encoding="utf-8")


def _run_state(row: Mapping[str, Any]) -> RunState:
    return RunState(str(row["run-id"]), str(row["status"]), str(row.get("status-details") or ""))


def _read_json(text: str) -> dict[str, Any] | None:
    """Return the JSON in the output of a command."""
    place = text.find("{")
    try:
        found = json.JSONDecoder().raw_decode(text[place:])[0] if place >= 0 else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _unanswered(arguments: tuple[str, ...], said: str) -> SetupError:
    return SetupError(
        f"expected an answer to `flwr {' '.join(arguments[:2])}`, got: {said}; see "
        "`fednids deploy status` and the server's log"
    )
