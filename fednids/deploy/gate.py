"""Who may use which part of the server's one port.

Flower's SuperLink has three interfaces on one port. Gateways sign what they send to the
fleet interface; the control interface, which starts runs, and the one for its own
processes ask nobody who he is. So these two are for this machine alone.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

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

    def __init__(self, app: App):
        self._app = app
        logging.getLogger("uvicorn.access").setLevel(logging.WARNING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 403."""
        if scope["type"] == "lifespan" or _may_pass(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": _REFUSAL})
        else:
            await send({"type": "websocket.close", "code": 1008})


def _may_pass(scope: Scope) -> bool:
    path = str(scope.get("path", ""))
    return path == _HEALTH or path.startswith(_OPEN) or _is_from_here(scope)


def _is_from_here(scope: Scope) -> bool:
    """Return whether both ends of the connection have one address, so one machine."""
    client, server = scope.get("client"), scope.get("server")
    if not client or not server:
        return False
    ours, theirs = _plain(str(server[0])), _plain(str(client[0]))
    return ours == theirs


def _plain(address: str) -> str:
    """Write an IPv4 address in IPv6's form plainly."""
    return address.removeprefix("::ffff:")
