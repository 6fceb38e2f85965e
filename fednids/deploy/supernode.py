"""``python -m fednids.deploy.supernode ARGUMENTS...``: a SuperNode that runs our app alone.

Flower's SuperNode runs the code that its SuperLink sends. Ours runs what is installed on its own
machine and takes a name and settings, no code: whoever takes over the server, or reaches its
control port, can ask a gateway for what `clients.app` answers, and cannot run code of his own.
"""

from __future__ import annotations

import os
import tomllib
import zipfile
from io import BytesIO
from typing import Any

from fednids.deploy.alone import die_with_parent
from fednids.deploy.app import CLIENT_APP
from fednids.errors import FederationError

_PROJECT, _LISTING = "pyproject.toml", ".info/CONTENT"
_LARGEST = 1 << 20
_READ = "get_fused_config_from_fab"
"""The first that Flower calls with an app that came; it has written nothing of it by then."""


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


def main() -> None:
    """Run ``flower-supernode``; messages of a run that brings code are dropped unread."""
    die_with_parent()
    os.umask(0o077)
    from flwr.supercore import log
    from flwr.supercore.run import RunNotRunningException
    from flwr.supernode import start_client_internal as node
    from flwr.supernode.cli import flower_supernode

    read_settings = getattr(node, _READ)

    def checked(content: bytes, run: Any) -> Any:
        try:
            check_bundle(content)
        except FederationError as error:
            log(40, "refused run %s: %s", run.run_id, error)
            raise RunNotRunningException from None
        return read_settings(content, run)

    setattr(node, _READ, checked)
    flower_supernode()


if __name__ == "__main__":
    main()
