"""``python -m fednids.deploy.supernode ARGUMENTS...``: a SuperNode that runs our app alone."""

from __future__ import annotations

import os
from typing import Any

from fednids.deploy.bundle import check_bundle
from fednids.deploy.orphans import die_with_parent
from fednids.errors import FederationError

_READ = "get_fused_config_from_fab"
"""The first that Flower calls with an app that came; it has written nothing of it by then."""


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
