"""Flower's ``config.toml``: how its commands reach the server."""

from __future__ import annotations

from pathlib import Path

import tomli_w

from fednids.deploy.folder import Deployment
from fednids.deploy.private import private_folder

NAME = "fednids"
"""Of the connection."""


def write_connection(deployment: Deployment, home: Path) -> None:
    """Write the connection for commands on the server's own machine.

    Parameters
    ----------
    deployment : Deployment
        With the server.
    home : Path
        Flower's folder of these commands.
    """
    connection: dict[str, object] = {"address": deployment.server.beside}
    if deployment.server.insecure:
        connection["insecure"] = True
    else:
        connection["root-certificates"] = str(deployment.ca)
    private_folder(home)
    content = tomli_w.dumps({"superlink": {"default": NAME, NAME: connection}})
    (home / "config.toml").write_text(content, encoding="utf-8")
