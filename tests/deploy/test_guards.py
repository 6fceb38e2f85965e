"""Who may use which interface of the server, and what a gateway lets be sent to it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from fednids.deploy.alone import alone, end_marked, find_marked
from fednids.deploy.app import describe_app
from fednids.deploy.environment import MARK
from fednids.deploy.running import find_error
from fednids.deploy.superlink import Gate
from fednids.deploy.supernode import check_bundle
from fednids.errors import FederationError, SetupError


def answer(path: str, client: str | None, server: str = "10.0.0.5", kind: str = "http") -> int:
    """Ask a gate; 200 where what is behind it was reached."""
    sent: list[Mapping[str, Any]] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        await send({"status": 200})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {}

    scope = {"type": kind, "path": path, "client": client and (client, 9), "server": (server, 1)}
    asyncio.run(Gate(behind)(scope, receive, send))
    return int(sent[0].get("status", sent[0].get("code", 0)))


@pytest.mark.parametrize("path", ["/v1/fleet/pull-messages", "/health"])
def test_gateways_reach_the_fleet_interface(path: str) -> None:
    assert answer(path, "10.0.0.9") == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/control/start-run", "/v1/runtime/acquire-task", "/docs", "/openapi.json", "/",
        "/v1/fleet", "/health/", "/V1/FLEET/x", "//v1/fleet/x", "/v1/control/../fleet/x",
    ],
)  # fmt: skip
def test_nothing_else_is_for_other_machines(path: str) -> None:
    assert answer(path, "10.0.0.9") == 403
    assert answer(path, None) == 403
    assert answer(path, "127.0.0.2", "127.0.0.1") == 403
    assert answer(path, "10.0.0.5") == 200
    assert answer(path, "::ffff:10.0.0.5") == 200
    assert answer(path, "10.0.0.9", kind="websocket") == 1008


def bundle(files: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return content.getvalue()


def project(change: Mapping[str, Any] | None = None, **app: Any) -> bytes:
    found = describe_app()
    found["tool"]["flwr"]["app"] |= app
    found["project"] |= change or {}
    return tomli_w.dumps(found).encode()


def test_the_app_of_deploy_run_is_let_in() -> None:
    check_bundle(bundle({"pyproject.toml": project(), ".info/CONTENT": b""}))


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": project(), ".info/CONTENT": b"", "clients/app.py": b"import os"},
        {"pyproject.toml": project(), ".info/CONTENT": b"", "sitecustomize.py": b""},
        {"pyproject.toml": project()},
        {"pyproject.toml": project(components={"clientapp": "os:x"}), ".info/CONTENT": b""},
        {"pyproject.toml": project({"dependencies": ["evil"]}), ".info/CONTENT": b""},
        {"pyproject.toml": b"\xff", ".info/CONTENT": b""},
        {"pyproject.toml": b"tool = 3", ".info/CONTENT": b""},
        {"pyproject.toml": b"#" * (2 << 20), ".info/CONTENT": b""},
    ],
)
def test_code_and_other_apps_are_refused(files: Mapping[str, bytes]) -> None:
    with pytest.raises(FederationError, match="deploy run") as caught:
        check_bundle(bundle(files))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 10, 200])
def test_no_zip_is_refused(length: int) -> None:
    whole = bundle({"pyproject.toml": project(), ".info/CONTENT": b""})
    with pytest.raises(FederationError, match="deploy run"):
        check_bundle(whole[:length])


def test_a_gateway_runs_the_app_that_flower_makes_of_our_folder(tmp_path: Path) -> None:
    from flwr.cli.build import build_fab_from_disk

    from fednids.deploy.app import write_app

    check_bundle(build_fab_from_disk(write_app(tmp_path / "fednids")))


def test_the_last_error_of_a_log_is_the_reason() -> None:
    log = (
        "\x1b[92mINFO\x1b[0m: x\nTraceback (most recent call last):\nKeyError: 3\n\n"
        "fednids.errors.FederationError: expected 3 gateways, got 2; start it\nINFO : end\n"
    )
    assert find_error(log) == "expected 3 gateways, got 2; start it"
    assert find_error("INFO : fine") == ""


def child(state: Path) -> subprocess.Popen[bytes]:
    """Start a process of a role that starts another, in a session of its own."""
    code = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', "
        "'import time; time.sleep(60)'], start_new_session=True); time.sleep(60)"
    )
    environment = {**os.environ, MARK: str(state)}
    return subprocess.Popen([sys.executable, "-c", code], env=environment)


def test_all_processes_of_a_role_end_whatever_started_them(tmp_path: Path) -> None:
    mine, other = child(tmp_path / "a"), child(tmp_path / "ab")
    try:
        until = time.monotonic() + 20
        while min(len(find_marked(tmp_path / n)) for n in ("a", "ab")) < 2:
            assert time.monotonic() < until
            time.sleep(0.02)
        mine.kill()
        end_marked(tmp_path / "a", patience=1)
        assert find_marked(tmp_path / "a") == []
        assert len(find_marked(tmp_path / "ab")) == 2
    finally:
        end_marked(tmp_path / "ab", patience=1)
        mine.wait()
        other.wait()


def test_a_role_runs_once(tmp_path: Path) -> None:
    with (
        alone(tmp_path, "gateway a"),
        pytest.raises(SetupError, match="stop that one"),
        alone(tmp_path, "gateway a"),
    ):
        pass
    with alone(tmp_path, "gateway a"):
        pass


def test_settings_and_answers_stay_json() -> None:
    from fednids.deploy.control import _read_json

    assert _read_json('note\n{"a": {"b": 1}} tail') == json.loads('{"a": {"b": 1}}')
    assert _read_json("nothing") is None
    assert _read_json("{broken") is None
