"""``python -m fednids.deploy.superlink ARGUMENTS...``: Flower's SuperLink behind a gate.

The SuperLink has three interfaces on one port. Gateways sign what they send to the fleet
interface. The control interface, which starts runs, and the one for its own processes do not
ask who calls, so these two are for this machine alone.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fednids.deploy.alone import die_with_parent

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_OPEN = ("/v1/fleet/",)
_HEALTH = "/health"
_REFUSAL = b"only for programs on the server's own machine\n"


class Gate:
    """Forwards connections to the fleet interface and the health check, and refuses all others.

    Parameters
    ----------
    app : callable
        The ASGI application behind the gate.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]):
        self._app = app
        logging.getLogger("uvicorn.access").setLevel(logging.WARNING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403."""
        path = str(scope.get("path", ""))
        is_open = path == _HEALTH or path.startswith(_OPEN)
        if scope["type"] == "lifespan" or is_open or _is_from_here(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSAL})
        else:
            await send({"type": "websocket.close", "code": 1008})


def _is_from_here(scope: Scope) -> bool:
    """Return whether both ends of the connection have one address, so one machine."""
    client, server = scope.get("client"), scope.get("server")
    if not client or not server:
        return False
    ours, theirs = (str(end[0]).removeprefix("::ffff:") for end in (server, client))
    return ours == theirs


def main() -> None:
    """Run ``flower-superlink`` with a `Gate` as its outermost layer."""
    die_with_parent()
    os.umask(0o077)
    from flwr.superlink import extensions
    from flwr.superlink.cli import flower_superlink
    from starlette.middleware import Middleware

    before = extensions.get_middleware
    extensions.get_middleware = lambda: (Middleware(Gate), *before())
    flower_superlink()


if __name__ == "__main__":
    main()
