"""The gateways that a server knows: those of the folder, by their public keys."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from fednids.deploy.control import Control
from fednids.deploy.folder import Deployment
from fednids.deploy.keys import fingerprint
from fednids.errors import RunError, SetupError
from fednids.files import write_atomically

_FILE = "nodes.json"


def register_gateways(
    deployment: Deployment, control: Control, announce: Callable[[str], None]
) -> None:
    """Make the server know the folder's gateways and nobody else.

    A key that changed, and one whose gateway is no longer in ``deploy.toml``, is
    unregistered: that takes a lost key out of use.

    Parameters
    ----------
    deployment, control
        The folder and its running server.
    announce : callable
        Called with a line for each change.

    Raises
    ------
    SetupError
        A public key is missing or damaged, or the server refuses it.
    """
    path = deployment.state / _FILE
    known = read_nodes(deployment)
    keys = {name: fingerprint(deployment.gateway(name).public_key) for name in deployment.gateways}
    for name, (node_id, key) in list(known.items()):
        if keys.get(name) != key:
            control.unregister(node_id)
            del known[name]
            _write(path, known)
            announce(f"gateway {name}: its old key is no longer known")
    for name, key in keys.items():
        if name not in known:
            node_id = _register(deployment, control, name)
            known[name] = (node_id, key)
            _write(path, known)
            announce(f"gateway {name}: its key is known now")


def read_nodes(deployment: Deployment) -> dict[str, tuple[str, str]]:
    """Read node id and fingerprint of each gateway that was registered.

    Raises
    ------
    RunError
        The file is damaged.
    """
    path = deployment.state / _FILE
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): (str(node), str(key)) for name, (node, key) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise RunError(
            f"expected node ids in {path}, got a damaged file; stop the server, move "
            f"{path.parent} away and start it again"
        ) from None


def _register(deployment: Deployment, control: Control, name: str) -> str:
    try:
        return control.register(deployment.gateway(name).public_key, name)
    except SetupError as error:
        raise SetupError(f"expected the server to take the key of {name}; {error}") from None


def _write(path: Path, known: Mapping[str, tuple[str, str]]) -> None:
    write_atomically(path, json.dumps(known, indent=2).encode())
