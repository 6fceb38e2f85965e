"""``python -m fednids.deploy.superlink ARGUMENTS...``: Flower's SuperLink behind our gate."""

from __future__ import annotations

import os

from fednids.deploy.gate import Gate
from fednids.deploy.orphans import die_with_parent


def main() -> None:
    """Run ``flower-superlink`` with `fednids.deploy.gate.Gate` as its outermost layer."""
    die_with_parent()
    os.umask(0o077)
    from flwr.superlink import extensions
    from flwr.superlink.cli import flower_superlink
    from starlette.middleware import Middleware

    before = extensions.get_middleware

    def with_gate() -> tuple[Middleware, ...]:
        return (Middleware(Gate), *before())

    extensions.get_middleware = with_gate
    flower_superlink()


if __name__ == "__main__":
    main()
