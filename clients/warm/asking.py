"""The ClientApp's half: ask the warm trainer, or say in the log why the work is done here."""

from __future__ import annotations

import logging
import os
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, answer_challenge, deliver_challenge
from pathlib import Path

from flwr.app import RecordDict

from clients.warm.folder import address, read_key
from clients.warm.frames import MOST_BYTES, FrameError, Request, read_reply

VARIABLE = "FEDNIDS_WARM"
"""Environment variable that names the folder of the warm trainer; empty or not set for none."""

_HAND_SECONDS = 30.0

_log = logging.getLogger("fednids.warm")


def trainer_named() -> bool:
    """Return whether this process knows of a trainer, be it alive or not."""
    return bool(os.environ.get(VARIABLE))


def ask(request: Request) -> RecordDict | None:
    """Have a request worked on by the warm trainer.

    Returns
    -------
    RecordDict or None
        The content of the reply; None where the trainer is not there, dies or hangs up in
        between, refuses, or is of another version. The log says why, in one line.

    Raises
    ------
    FednidsError
        As in the trainer: the work itself went wrong, and would here.
    RuntimeError
        Any other error in the work.
    """
    folder = Path(os.environ[VARIABLE])
    try:
        return read_reply(_exchange(folder, request.to_bytes()))
    except (OSError, EOFError, AuthenticationError, FrameError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        _log.warning(
            "expected a warm trainer in %s, got none that answers (%s); this message is worked "
            "on here, which takes longer",
            folder,
            reason,
        )
        return None


def _exchange(folder: Path, frame: bytes) -> bytes:
    key = read_key(folder)
    with address(folder) as place, Client(place, "AF_UNIX") as trainer:
        _shake_hands(trainer, key)
        trainer.send_bytes(frame)
        return trainer.recv_bytes(MOST_BYTES)


def _shake_hands(trainer: Connection, key: bytes) -> None:
    """Show that we know the key, and see that the other side does."""
    if not trainer.poll(_HAND_SECONDS):
        raise TimeoutError(f"no greeting in {_HAND_SECONDS:.0f} s")
    answer_challenge(trainer, key)
    deliver_challenge(trainer, key)
