"""Settings that follow from others, where they are not given."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fednids.config.deploy import DeployConfig
from fednids.config.folder import FILES, gateway_files
from fednids.config.training import DataConfig
from fednids.errors import DataError

_SCHEME = "partition.scheme"
_GATEWAYS = "partition.gateways"


def implied(data: DataConfig, deploy: DeployConfig, given: Collection[str]) -> dict[str, str | int]:
    """Return scheme and number of gateways of flows that are in one file for each gateway.

    Parameters
    ----------
    data, deploy : DataConfig, DeployConfig
        A deployment has as many gateways as names, a folder of flow files as many as files.
    given : Collection[str]
        Names of the settings that are given; none of them is implied. Whether they fit is
        checked where the flows are opened.

    Returns
    -------
    dict
        Values by ``section.key``; empty where flows are dealt by a scheme.
    """
    count = len(deploy.names) or _files(data.path)
    if not count:
        return {}
    settings: dict[str, str | int] = {_SCHEME: FILES, _GATEWAYS: count}
    return {name: value for name, value in settings.items() if name not in given}


def _files(path: str) -> int:
    """Count the flow files of a folder; 0 for anything else."""
    folder = Path(path)
    if not path or not folder.is_dir():
        return 0
    try:
        return len(gateway_files(folder))
    except DataError:
        return 0
