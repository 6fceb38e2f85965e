"""A new deployment's folder: keys, certificates, services, a page to work by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fednids.deploy.authority import (
    SERVER_DAYS,
    Signed,
    create_authority,
    is_address,
    issue_server,
)
from fednids.deploy.folder import (
    DEPLOYMENT,
    Deployment,
    GatewaySite,
    Server,
    check_name,
    check_server,
    open_deployment,
    write_deployment,
)
from fednids.deploy.guide import (
    GATEWAY_UNIT,
    SERVER_UNIT,
    gateway_unit,
    server_unit,
    write_guide,
)
from fednids.deploy.keys import create_keys
from fednids.deploy.private import check_private, private_folder, write_private
from fednids.errors import RunError, SetupError
from fednids.files import write_atomically


@dataclass(frozen=True)
class Created:
    """What was made.

    Attributes
    ----------
    deployment : Deployment
        As it is now.
    new : tuple of str
        Gateways with new keys.
    renewed : bool
        Whether the server has a new certificate.
    """

    deployment: Deployment
    new: tuple[str, ...]
    renewed: bool


def create_deployment(
    path: Path,
    server: Server,
    gateways: Sequence[str],
    *,
    renew: bool = False,
    days: float = SERVER_DAYS,
) -> Created:
    """Write a deployment's folder, or bring one that is there up to date.

    Keys that are there stay. A gateway that is not in `gateways` any more keeps its folder
    and is no longer known once the server starts again.

    Parameters
    ----------
    path : Path
        New, empty, or a deployment's.
    server : Server
        How it is to be reached. A server with another host name needs `renew`.
    gateways : Sequence[str]
        Names.
    renew : bool
        Sign a new certificate for the server's key.
    days : float
        How long a certificate is good.

    Raises
    ------
    SetupError
        A name, address or port is not as it must be; nothing has been written then.
    RunError
        Something else is in the folder, or it cannot be written to.
    """
    check_server(server)
    names = _checked(gateways)
    path = path.resolve()
    before = _before(path)
    if before and not _may_become(before.server, server, renew=renew):
        raise SetupError(
            f"expected the server {before.server.host} of {path}, got {server.host}; name the "
            "same, give --renew, or write a new folder"
        )
    deployment = Deployment(path, server, names)
    try:
        return _write(deployment, days, renew=renew)
    except OSError as error:
        raise RunError(
            f"expected to write {path}, got {error.strerror or error}; check the folder, its "
            "permissions and the free space"
        ) from None


def _may_become(old: Server, new: Server, *, renew: bool) -> bool:
    """Return whether a certificate for the new host may replace the old one."""
    return old.insecure == new.insecure and (renew or old.host == new.host)


def _checked(gateways: Sequence[str]) -> tuple[str, ...]:
    for name in gateways:
        check_name(name)
    if not gateways or len(set(gateways)) < len(gateways):
        raise SetupError(
            f"expected at least one gateway and no name twice, got {','.join(gateways)!r}; "
            "correct --gateways"
        )
    return tuple(sorted(gateways))


def _before(path: Path) -> Deployment | None:
    """Return the federation that is there; None where there is none."""
    if (path / DEPLOYMENT).exists():
        return open_deployment(path)
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise RunError(
            f"expected a new or empty folder, got {path}, which holds something else; name another"
        )
    return None


def _write(deployment: Deployment, days: float, *, renew: bool) -> Created:
    private_folder(deployment.path).chmod(0o700)
    for folder in (deployment.ca.parent, deployment.certificate.parent):
        private_folder(folder)
    renewed = False
    if not deployment.server.insecure:
        renewed = _certify(deployment, days, renew=renew)
    new = tuple(name for name in deployment.gateways if _equip(deployment.gateway(name)))
    for name in deployment.gateways:
        _hand_out(deployment, deployment.gateway(name))
    write_deployment(deployment)
    (deployment.path / "server" / SERVER_UNIT).write_text(server_unit(deployment))
    guide = write_guide(deployment)
    (deployment.path / "README.md").write_text(guide, encoding="utf-8")
    return Created(deployment, new, renewed)


def _certify(deployment: Deployment, days: float, *, renew: bool) -> bool:
    """Make authority and server certificate where missing; return whether the latter is new."""
    if not deployment.ca.exists():
        authority = create_authority(f"fednids {deployment.server.host}")
        write_private(deployment.ca_key, authority.key)
        deployment.ca.write_bytes(authority.certificate)
    if deployment.certificate.exists() and not renew:
        return False
    check_private(deployment.ca_key)
    authority = Signed(deployment.ca.read_bytes(), deployment.ca_key.read_bytes())
    key = deployment.key.read_bytes() if deployment.key.exists() else None
    issued = issue_server(authority, [deployment.server.host], days=days, key=key)
    if key is None:
        write_private(deployment.key, issued.key)
    write_atomically(deployment.certificate, issued.certificate)
    return True


def _equip(site: GatewaySite) -> bool:
    """Make a gateway's folder and keys where missing; return whether they are new."""
    private_folder(site.path).chmod(0o700)
    if site.server.insecure or (site.key.exists() and site.public_key.exists()):
        return False
    if not site.key.exists() and site.public_key.exists():
        return False  # the secret half was moved to its host
    create_keys(site.key, site.public_key)
    return True


def _hand_out(deployment: Deployment, site: GatewaySite) -> None:
    """Copy what is not secret into a gateway's folder."""
    if not deployment.server.insecure:
        write_atomically(site.ca, deployment.ca.read_bytes())
    (site.path / GATEWAY_UNIT).write_text(gateway_unit(site), encoding="utf-8")


def default_bind(host: str) -> str:
    """Return the address at which a server listens that gateways reach as `host`.

    An address is listened on itself; for a name, all of the machine's addresses are.
    """
    if is_address(host):
        return host
    return "127.0.0.1" if host == "localhost" else "0.0.0.0"
