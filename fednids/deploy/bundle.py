"""What a gateway lets a server send it as an app: a name and settings, no code.

Flower's SuperNode runs the code that its SuperLink sends. Ours runs what is installed on
its own machine: whoever takes over the server, or reaches its control port, can ask a
gateway for what `clients.app` answers, and can run nothing of his own there.
"""

from __future__ import annotations

import tomllib
import zipfile
from io import BytesIO

from fednids.deploy.app import CLIENT_APP
from fednids.errors import FederationError

_PROJECT, _LISTING = "pyproject.toml", ".info/CONTENT"
_LARGEST = 1 << 20


def check_bundle(content: bytes) -> None:
    """Check that a Flower App Bundle contains no code and names the apps of fednids.

    Parameters
    ----------
    content : bytes
        The bundle, a zip.

    Raises
    ------
    FederationError
        It holds another file, names another app, or asks for packages.
    """
    try:
        with zipfile.ZipFile(BytesIO(content)) as bundle:
            names = sorted(bundle.namelist())
            if names != sorted({_PROJECT, _LISTING}):
                others = [name for name in names if name not in {_PROJECT, _LISTING}]
                raise _refused(f"files like {others[0][:80]!r}" if others else "less")
            if bundle.getinfo(_PROJECT).file_size > _LARGEST:
                raise _refused("a huge one")
            project = tomllib.loads(bundle.read(_PROJECT).decode())
        named = project["tool"]["flwr"]["app"]["components"]["clientapp"]
        needed = project["project"].get("dependencies", [])
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused(f"a damaged one ({type(error).__name__})") from None
    if named != CLIENT_APP:
        raise _refused(f"the app {str(named)[:80]!r}")
    if needed:
        raise _refused("packages to install")


def _refused(what: str) -> FederationError:
    return FederationError(
        f"expected an app of settings for {CLIENT_APP} alone, got {what}; the server must start "
        "runs with `fednids deploy run`"
    )
