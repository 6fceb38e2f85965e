"""The trainer: takes requests from a socket, works on one at a time, keeps all it has ready.

A thread takes each connection's request, so that a silent or broken peer holds nobody up. The
work is done in the main thread alone, where MindSpore was imported.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

from flwr.app import Context, RecordDict

from clients.warm.folder import Opened, opened
from clients.warm.frames import MOST_BYTES, FrameError, Request, done, failed, refused
from fednids.errors import FednidsError

Handler = Callable[[str, RecordDict, Context], RecordDict]

_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class _Asked:
    """A request, and where its reply is to be sent."""

    request: Request
    peer: Connection


def serve(folder: Path, answer: Handler | None = None) -> None:
    """Answer ClientApps until SIGTERM or SIGINT comes or the parent dies.

    Prints one line when all is imported; what comes before that waits.

    Parameters
    ----------
    folder : Path
        Where to listen; made if need be, for its owner alone.
    answer : Callable, optional
        From a message's type, content and context to the reply's content; by default
        `clients.client.answer`.

    Raises
    ------
    SetupError
        The folder cannot be made, is open to others, or has a trainer already.
    """
    inbox: SimpleQueue[_Asked] = SimpleQueue()
    parent = os.getppid()
    with suppress(SystemExit), opened(folder) as place:
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, _leave)
        _in_background(_listen, place, inbox)
        _in_background(_watch, parent)
        answer = answer or _gateways_answer()
        sys.stdout.write(f"warm trainer ready in {folder} (process {os.getpid()})\n")
        sys.stdout.flush()
        while True:
            _work(inbox.get(), answer)


def _gateways_answer() -> Handler:
    """Import what gateways do, and with it MindSpore."""
    from clients.client import answer

    return answer


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit


def _in_background(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


def _watch(parent: int) -> None:
    """End this process when the one that started it has ended."""
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _listen(place: Opened, inbox: SimpleQueue[_Asked]) -> None:
    while True:
        try:
            peer = place.listener.accept()
        except OSError:  # too many open files, for one; or we are ending
            time.sleep(_LOOK_SECONDS)
            continue
        _in_background(_receive, peer, place.key, inbox)


def _receive(peer: Connection, key: bytes, inbox: SimpleQueue[_Asked]) -> None:
    """Take a peer's request, or tell it why there is none."""
    try:
        deliver_challenge(peer, key)
        answer_challenge(peer, key)
        inbox.put(_Asked(Request.from_bytes(peer.recv_bytes(MOST_BYTES)), peer))
    except FrameError as error:
        _send(peer, refused(error))
    except (OSError, EOFError, AuthenticationError, ValueError, AssertionError):
        peer.close()


def _work(asked: _Asked, answer: Handler) -> None:
    """Do the work, unless whoever asked has hung up."""
    request, peer = asked.request, asked.peer
    if _gone(peer):
        peer.close()
        return
    try:
        reply = done(answer(request.kind, request.content, request.context()))
    except FednidsError as error:
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        reply = failed(error)
    except Exception as error:
        traceback.print_exc()
        reply = failed(error)
    _send(peer, reply)


def _gone(peer: Connection) -> bool:
    """Return whether a peer has hung up; it sends nothing after its request."""
    try:
        return peer.poll(0)
    except OSError:
        return True


def _send(peer: Connection, reply: bytes) -> None:
    with suppress(OSError), peer:
        peer.send_bytes(reply)
