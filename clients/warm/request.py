"""What a ClientApp asks of its trainer, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flwr.app import Context, RecordDict

import fednids
from clients.warm.frames import FrameError, pack_frame, unpack_frame
from fednids import errors

PlainSettings = Mapping[str, bool | int | float | str]

_DONE, _FAILED, _REFUSED = "done", "failed", "refused"
_MOST_TEXT = 2000


@dataclass(frozen=True)
class Request:
    """A message to a gateway, without what only Flower needs.

    Attributes
    ----------
    kind : str
        The message's type.
    content : RecordDict
        What the server sent.
    run_id, node_id : int
        Of the context.
    node_config, run_config : Mapping[str, bool | int | float | str]
        Of the context.
    version : str
        Of fednids, in the process that asks.
    """

    kind: str
    content: RecordDict
    run_id: int
    node_id: int
    node_config: PlainSettings
    run_config: PlainSettings
    version: str = fednids.__version__

    @classmethod
    def of(cls, kind: str, content: RecordDict, context: Context) -> Request:
        """Take what a message's type, content and context say."""
        settings = dict(context.node_config), dict(context.run_config)
        return cls(kind, content, context.run_id, context.node_id, *settings)

    def context(self) -> Context:
        """Return the context anew; Flower's state stays with Flower."""
        state, settings = RecordDict(), dict(self.run_config)
        return Context(self.run_id, self.node_id, dict(self.node_config), state, settings)

    def to_bytes(self) -> bytes:
        """Write the request as a frame.

        Raises
        ------
        FrameError
            The content cannot be written as one.
        """
        facts = {name: value for name, value in vars(self).items() if name != "content"}
        return pack_frame(facts, self.content)

    @classmethod
    def from_bytes(cls, frame: bytes) -> Request:
        """Read what `to_bytes` wrote.

        Raises
        ------
        FrameError
            It is no request, or of another version of fednids.
        """
        facts, content = unpack_frame(frame)
        if facts.get("version") != fednids.__version__:
            raise FrameError(
                f"expected fednids {fednids.__version__}, got {str(facts.get('version'))[:40]}"
            )
        wanted = {"kind": str, "run_id": int, "node_id": int}
        wanted |= {"node_config": dict, "run_config": dict, "version": str}
        if {name: type(value) for name, value in facts.items()} != wanted:
            raise FrameError(f"expected {', '.join(wanted)}, got {', '.join(facts)[:200]}")
        return cls(content=content, **facts)


def done(content: RecordDict) -> bytes:
    """Write the content of a reply."""
    return pack_frame({"status": _DONE}, content)


def failed(error: Exception) -> bytes:
    """Write what went wrong in the work itself: it would go wrong anywhere."""
    return _told(_FAILED, error)


def refused(error: Exception) -> bytes:
    """Write why the trainer does not do this work; somebody else may."""
    return _told(_REFUSED, error)


def read_reply(frame: bytes) -> RecordDict:
    """Read the content of a reply.

    Raises
    ------
    FrameError
        It is none, or the trainer refused the work.
    FednidsError
        As in the trainer, where the work itself went wrong.
    RuntimeError
        Any other error in the work.
    """
    facts, content = unpack_frame(frame)
    if facts.get("status") == _DONE:
        return content
    text, name = str(facts.get("reason")), str(facts.get("error"))
    if facts.get("status") != _FAILED:
        raise FrameError(text)
    known: Any = getattr(errors, name, None)
    if isinstance(known, type) and issubclass(known, errors.FednidsError):
        raise known(text)
    raise RuntimeError(f"{name}: {text}")


def _told(status: str, error: Exception) -> bytes:
    reason = " ".join(str(error).split())[:_MOST_TEXT]
    return pack_frame({"status": status, "error": type(error).__name__, "reason": reason})
