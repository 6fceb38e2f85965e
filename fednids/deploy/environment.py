"""The environment of Flower's programs: what they would do by themselves and must not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MARK = "FEDNIDS_DEPLOY_STATE"
"""Names the state folder of the role that a process works for; its children inherit it."""

WARM = "FEDNIDS_WARM"
"""Names the folder of the socket at which a gateway's trainer listens."""

_OURS = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
    "FORWARDED_ALLOW_IPS": "127.0.0.1",
    "NO_COLOR": "1",
    "PYTHONUNBUFFERED": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}
_NO_PROXY = ("no_proxy", "NO_PROXY")


def flower_environment(home: Path, host: str) -> dict[str, str]:
    """Return the environment variables of a Flower program of one role.

    Telemetry, the look for newer versions and installing packages at run time are off;
    programs are those beside this Python; proxies are not asked for the server. Flower's
    own variables of the caller are left out, so that nobody's settings change a deployment.
    The choice of protobuf is left alone: MindSpore has one of its own
    (`fednids.networks.framework`).

    Parameters
    ----------
    home : Path
        Flower's folder; one for each role on a machine.
    host : str
        The server's name or address.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLWR_", "FLOWER_"))}
    programs = str(Path(sys.executable).parent)
    direct = ",".join(
        dict.fromkeys(filter(None, [os.environ.get("no_proxy", ""), host, "127.0.0.1", "::1"]))
    )
    return {
        **kept,
        **_OURS,
        **dict.fromkeys(_NO_PROXY, direct),
        "FLWR_HOME": str(home),
        "PATH": f"{programs}{os.pathsep}{kept.get('PATH', os.defpath)}",
        MARK: str(home),
    }
