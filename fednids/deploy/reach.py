"""Whether the server answers, and whether it is the right one."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from fednids.deploy.folder import Server
from fednids.errors import SetupError

_SECONDS = 5.0
_PAUSE = 0.1


def is_up(server: Server, ca: Path, *, beside: bool = False) -> bool:
    """Return whether the server answers its health check.

    Parameters
    ----------
    server : Server
        How it is reached.
    ca : Path
        Certificate of the authority.
    beside : bool
        Ask from the server's own machine.

    Raises
    ------
    SetupError
        Somebody answers who is not our server: the certificate is of another authority,
        has expired, or is another host's.
    """
    host, port = _split(server.beside if beside else server.address)
    connection: http.client.HTTPConnection
    if server.insecure:
        connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    else:
        context = _context(ca)
        connection = http.client.HTTPSConnection(host, port, timeout=_SECONDS, context=context)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except ssl.SSLCertVerificationError as error:
        raise SetupError(
            f"expected the server of this federation at {server.address}, got a certificate that "
            f"cannot be trusted ({error.verify_message}); check the clock and the address, or "
            "renew it with `fednids deploy init --renew`"
        ) from None
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def wait_until(happened: Callable[[], bool], seconds: float) -> bool:
    """Look again and again whether something has happened; False where time runs out."""
    until = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > until:
            return False
        time.sleep(_PAUSE)
    return True


def free_port(address: str = "127.0.0.1") -> int:
    """Find a port that nobody listens on now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as found:
        found.bind((address, 0))
        return int(found.getsockname()[1])


def _context(ca: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=str(ca))
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or "no certificate"
        raise SetupError(
            f"expected the authority's certificate in {ca}, got {reason}; copy it from where "
            "`fednids deploy init` wrote it"
        ) from None


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
