"""Who is no gateway of the federation, and what is no server of it."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from deploy_processes import fednids

from fednids.cli.main import run
from fednids.deploy.authority import Signed, create_authority, issue_server
from fednids.deploy.creating import create_deployment
from fednids.deploy.demo import running
from fednids.deploy.folder import Deployment, Server
from fednids.deploy.keys import create_keys
from fednids.deploy.reach import free_port, is_up, wait_until
from fednids.deploy.status import look_at


def deployment(folder: Path) -> Deployment:
    server = Server("127.0.0.1", free_port(), "127.0.0.1")
    return create_deployment(folder, server, ["a"]).deployment


@contextmanager
def answering(made: Deployment, signed: Signed, folder: Path) -> Iterator[None]:
    """Listen where the server should, with some certificate."""
    (folder / "c").write_bytes(signed.certificate)
    (folder / "k").write_bytes(signed.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c", folder / "k")
    with socket.create_server((made.server.host, made.server.port)) as listening:

        def shake_hands() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                with taken:
                    try:
                        with context.wrap_socket(taken, server_side=True) as secure:
                            secure.recv(1000)
                            secure.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    except OSError:
                        continue

        thread = threading.Thread(target=shake_hands, daemon=True)
        thread.start()
        yield
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def authority_of(made: Deployment) -> Signed:
    return Signed(made.ca.read_bytes(), made.ca_key.read_bytes())


def test_our_own_certificate_is_taken(tmp_path: Path) -> None:
    made = deployment(tmp_path / "fed")
    with answering(made, issue_server(authority_of(made), ["127.0.0.1"]), tmp_path):
        assert is_up(made.server, made.ca)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("expired", "expired"), ("foreign", "verify|unable|issuer|self"), ("other host", "match|IP")],
)
def test_a_gateway_does_not_start_at_a_wrong_server(
    kind: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = deployment(tmp_path / "fed")
    authority = create_authority("other") if kind == "foreign" else authority_of(made)
    signed = issue_server(authority, ["127.0.0.1"], days=-1 if kind == "expired" else 1)
    if kind == "other host":
        moved = Server("127.0.0.3", made.server.port, "127.0.0.3")
        made = create_deployment(made.path, moved, ["a"], renew=True).deployment
    (tmp_path / "flows.csv").write_text("x\n")
    arguments = ["gateway", str(made.path), "a", "--data", str(tmp_path / "flows.csv")]
    with answering(made, signed, tmp_path):
        assert run(["deploy", *arguments]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(words, line)


def test_a_server_does_not_start_with_an_expired_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = deployment(tmp_path / "fed")
    expired = issue_server(authority_of(made), ["127.0.0.1"], days=-3, key=made.key.read_bytes())
    made.certificate.write_bytes(expired.certificate)
    assert run(["deploy", "server", str(made.path)]) == 2
    assert "expired 3 days ago" in capsys.readouterr().err


@pytest.mark.slow
def test_a_real_server_turns_away_keys_that_it_does_not_know(tmp_path: Path) -> None:
    """And other machines from its control interface; a key taken off the list goes as well."""
    made = create_deployment(
        tmp_path / "fed", Server("127.0.0.1", free_port(), "127.0.0.1"), ["a", "b"]
    ).deployment
    flows = tmp_path / "flows.csv"
    flows.write_text("x\n")
    with running(made, {"a": flows}):
        assert wait_until(lambda: look_at(made).gateways["a"] == "online", 60)
        assert asked_from("127.0.0.2", made, "/v1/control/list-runs") == 403
        assert asked_from("127.0.0.2", made, "/v1/runtime/acquire-task") == 403
        assert asked_from("127.0.0.1", made, "/v1/control/list-runs") != 403
        assert asked_from("127.0.0.2", made, "/v1/fleet/pull-messages") in (400, 401, 415, 422)
        site = made.gateway("b")
        for path in (site.key, site.public_key):
            path.unlink()
        create_keys(site.key, site.public_key)
        arguments = ("deploy", "gateway", str(made.path), "b", "--data", str(flows))
        refused = fednids(*arguments, "--wait", "0", "--cold")
        assert refused.returncode == 2
        assert "refusal" in refused.stderr
        assert "Traceback" not in refused.stderr
    left_out = create_deployment(made.path, made.server, ["b"]).deployment
    with running(left_out, {}):
        alone = tmp_path / "a"
        made.gateway("a").path.rename(alone)
        arguments = ("deploy", "gateway", str(alone), "a", "--data", str(flows))
        assert fednids(*arguments, "--wait", "0", "--cold").returncode == 2


def asked_from(address: str, made: Deployment, path: str) -> int:
    """Post to the server from one of this machine's addresses; give the answer's status."""
    context = ssl.create_default_context(cafile=str(made.ca))
    connection = http.client.HTTPSConnection(
        "127.0.0.1", made.server.port, timeout=10, context=context, source_address=(address, 0)
    )
    try:
        connection.request("POST", path, b"")
        return connection.getresponse().status
    finally:
        connection.close()
