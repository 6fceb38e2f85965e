"""The folder that is given to ``flwr run``: a name and settings, no code.

The code is the one installed on each site. So what travels is nothing but this file, and
a gateway can refuse everything else (`fednids.deploy.supernode`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

from fednids import __version__
from fednids.config import Config
from fednids.deploy.private import private_folder
from fednids.runs.plugins import write_used_plugins

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


def write_settings(file: Path, config: Config, out: Path) -> Path:
    """Write the run config of one run as the TOML file that ``flwr run --run-config`` reads.

    Flower refuses keys that an app has not declared, so all settings travel as one JSON text.
    The digests of the plug-ins that the run uses stand beside it, to be compared.

    Parameters
    ----------
    file : Path
        To write.
    config : Config
        Settings of the run.
    out : Path
        The run folder.
    """
    private_folder(file.parent)
    content = {
        "out": str(out),
        "settings": config.to_json(),
        "plugins": write_used_plugins(config.flat()),
    }
    file.write_text(tomli_w.dumps(content), encoding="utf-8")
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
                    "config": {"out": "", "settings": "", "plugins": ""},
                }
            }
        },
    }
