"""The folder that is given to ``flwr run``: a name and settings, no code.

The code is the one installed on each site. So what travels is nothing but this file, and
a gateway can refuse everything else (`fednids.deploy.bundle`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from fednids import __version__
from fednids.config import Config, Scalar
from fednids.deploy.private import private_folder

SERVER_APP, CLIENT_APP = "server.app:app", "clients.app:app"
_FILE = "pyproject.toml"


def write_app(folder: Path) -> Path:
    """Write the app; the same for all runs of a version.

    Returns
    -------
    Path
        The folder.
    """
    private_folder(folder)
    (folder / _FILE).write_text(tomli_w.dumps(describe_app()), encoding="utf-8")
    return folder


def write_settings(file: Path, settings: Mapping[str, Scalar]) -> Path:
    """Write the run config of one run as the TOML file that ``flwr run --run-config`` reads.

    Parameters
    ----------
    file : Path
        To write.
    settings : Mapping[str, Scalar]
        Values by ``section.key``, and ``out``.
    """
    private_folder(file.parent)
    file.write_text(tomli_w.dumps(_nested(settings)), encoding="utf-8")
    return file


def describe_app() -> dict[str, Any]:
    """Return the app's ``pyproject.toml`` as tables."""
    return {
        "project": {
            "name": "fednids",
            "version": __version__,
            "description": "Federated intrusion detection; the code is installed on each site.",
            "license": "Apache-2.0",
            "dependencies": [],
        },
        "tool": {
            "flwr": {
                "app": {
                    "publisher": "fednids",
                    "components": {"serverapp": SERVER_APP, "clientapp": CLIENT_APP},
                    "config": _nested({"out": "", **Config().flat()}),
                }
            }
        },
    }


def _nested(settings: Mapping[str, Scalar]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in settings.items():
        section, _, key = name.rpartition(".")
        if section:
            found.setdefault(section, {})[key] = value
        else:
            found[key] = value
    return found
