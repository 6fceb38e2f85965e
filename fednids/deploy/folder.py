"""What is where in a deployment's folder, read back with one clear line where it is damaged.

::

    DIR/deploy.toml                  server, port, names of the gateways
    DIR/authority/{ca.crt,ca.key}    the authority; the key may be taken off line
    DIR/server/{server.crt,server.key}, units
    DIR/server/state/                what the server writes: database, log, Flower's folder
    DIR/gateways/NAME/               all that the gateway's host needs, and nothing else
    DIR/gateways/NAME/state/         what it writes there: log, memory, Flower's folder
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from fednids.config.settings import is_gateway_name
from fednids.deploy.authority import is_address, is_loopback
from fednids.errors import RunError, SetupError

DEPLOYMENT, GATEWAY = "deploy.toml", "gateway.toml"
_FORM = 1


@dataclass(frozen=True)
class Server:
    """How the server is reached.

    Attributes
    ----------
    host : str
        Name or address that gateways connect to.
    port : int
        The one port, TCP.
    bind : str
        Address that the server listens on.
    insecure : bool
        Plain HTTP without keys; on loopback only.
    """

    host: str
    port: int
    bind: str
    insecure: bool = False

    @property
    def address(self) -> str:
        """``host:port``, an IPv6 address in brackets."""
        return _address(self.host, self.port)

    @property
    def beside(self) -> str:
        """``host:port`` for commands on the server's own machine."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        return _address(everywhere.get(self.bind, self.bind), self.port)


@dataclass(frozen=True)
class Deployment:
    """A deployment as its server's machine sees it.

    Attributes
    ----------
    path : Path
        The folder, absolute.
    server : Server
        How the server is reached.
    gateways : tuple of str
        Names, sorted.
    """

    path: Path
    server: Server
    gateways: tuple[str, ...]

    @property
    def ca(self) -> Path:
        """The authority's certificate."""
        return self.path / "authority" / "ca.crt"

    @property
    def ca_key(self) -> Path:
        """The authority's secret key; needed to renew, and not to run."""
        return self.path / "authority" / "ca.key"

    @property
    def certificate(self) -> Path:
        """The server's certificate."""
        return self.path / "server" / "server.crt"

    @property
    def key(self) -> Path:
        """The server's secret key."""
        return self.path / "server" / "server.key"

    @property
    def state(self) -> Path:
        """What the server writes."""
        return self.path / "server" / "state"

    def gateway(self, name: str) -> GatewaySite:
        """Return the part that goes to a gateway's host."""
        return GatewaySite(self.path / "gateways" / name, name, self.server)


@dataclass(frozen=True)
class GatewaySite:
    """What a gateway's host has.

    Attributes
    ----------
    path : Path
        The folder, absolute.
    name : str
        The gateway's name.
    server : Server
        How it reaches the server.
    """

    path: Path
    name: str
    server: Server

    @property
    def ca(self) -> Path:
        """The certificate that the server's must be signed by."""
        return self.path / "ca.crt"

    @property
    def key(self) -> Path:
        """The gateway's secret key."""
        return self.path / "gateway.key"

    @property
    def public_key(self) -> Path:
        """By which the server knows it."""
        return self.path / "gateway.pub"

    @property
    def state(self) -> Path:
        """What the gateway writes."""
        return self.path / "state"


def write_deployment(deployment: Deployment) -> None:
    """Write ``deploy.toml``, and each gateway's ``gateway.toml``."""
    server = asdict(deployment.server)
    content = {"form": _FORM, "gateways": list(deployment.gateways), "server": server}
    (deployment.path / DEPLOYMENT).write_text(tomli_w.dumps(content), encoding="utf-8")
    for name in deployment.gateways:
        own = {"form": _FORM, "name": name, "server": server}
        path = deployment.gateway(name).path / GATEWAY
        path.write_text(tomli_w.dumps(own), encoding="utf-8")


def open_deployment(path: Path) -> Deployment:
    """Read the folder that `fednids deploy init` wrote.

    Raises
    ------
    RunError
        It is missing or damaged.
    """
    path = path.resolve()
    content = _read(path / DEPLOYMENT)
    try:
        names = tuple(sorted(content["gateways"]))
        for name in names:
            check_name(name)
        server = _server(content["server"])
    except (KeyError, TypeError, ValueError, AttributeError, SetupError) as error:
        raise _damaged(path / DEPLOYMENT, error) from None
    return Deployment(path, server, names)


def open_gateway(path: Path, name: str) -> GatewaySite:
    """Read a gateway's part, in the whole folder or where it was copied alone.

    Raises
    ------
    RunError
        It is missing or damaged.
    SetupError
        There is no gateway of that name, or it is another's folder.
    """
    path = path.resolve()
    if (path / DEPLOYMENT).is_file():
        deployment = open_deployment(path)
        if name not in deployment.gateways:
            raise SetupError(
                f"expected a gateway of {path}, got {name!r}; it has "
                f"{', '.join(deployment.gateways)}"
            )
        path = deployment.gateway(name).path
    content = _read(path / GATEWAY)
    try:
        own, server = str(content["name"]), _server(content["server"])
    except (KeyError, TypeError, ValueError, SetupError) as error:
        raise _damaged(path / GATEWAY, error) from None
    if own != name:
        raise SetupError(
            f"expected the folder of gateway {name!r}, got that of {own!r} in {path}; give each "
            "host its own folder and name"
        )
    return GatewaySite(path, name, server)


def check_name(name: object) -> None:
    """Check that this is a possible name of a gateway.

    Raises
    ------
    SetupError
        It may not.
    """
    if not (isinstance(name, str) and is_gateway_name(name)):
        raise SetupError(
            f"expected gateway names of up to 32 of a-z, 0-9 and -, got {name!r}; rename it"
        )


def check_server(server: Server) -> None:
    """Check the server's address, and that connections from other machines are encrypted.

    Raises
    ------
    SetupError
        Not so.
    """
    if not 1 <= server.port <= 65535:
        raise SetupError(f"expected a port from 1 to 65535, got {server.port}; choose another")
    if not is_address(server.host) and not _is_dns(server.host):
        raise SetupError(
            f"expected a host's name or IP address, got {server.host!r}; leave out scheme and port"
        )
    if not is_address(server.bind):
        raise SetupError(f"expected an IP address to listen on, got {server.bind!r}; correct it")
    if server.insecure and not (is_loopback(server.host) and is_loopback(server.bind)):
        raise SetupError(
            f"expected a loopback address with --insecure, got {server.host}; plain HTTP never "
            "leaves the machine, leave --insecure out"
        )


def _is_dns(host: str) -> bool:
    labels = host.split(".")
    return len(host) <= 253 and all(
        0 < len(label) <= 63
        and label.isascii()
        and label.replace("-", "a").isalnum()
        and not label.startswith("-")
        and not label.endswith("-")
        for label in labels
    ) and not labels[-1].isdecimal()  # fmt: skip


def _server(content: Mapping[str, Any]) -> Server:
    host, bind = content["host"], content["bind"]
    port, insecure = content["port"], content.get("insecure", False)
    if not (isinstance(host, str) and isinstance(bind, str)):
        raise TypeError("host and bind are texts")
    if type(port) is not int or type(insecure) is not bool:
        raise TypeError("port is a number and insecure true or false")
    server = Server(host, port, bind, insecure)
    check_server(server)
    return server


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _damaged(path, error) from None
    if content.get("form") != _FORM:
        raise _damaged(path, ValueError(f"form {content.get('form')!r}"))
    return content


def _damaged(path: Path, error: Exception) -> RunError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    reason = " ".join(reason.split())[:120] or type(error).__name__
    return RunError(
        f"expected {path} as `fednids deploy init` wrote it, got {reason}; name the right folder, "
        "or write a new one"
    )
