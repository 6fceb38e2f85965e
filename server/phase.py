"""What came of one of a round's two phases, and what it sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from flwr.app import Message

from fednids.messages.records import content_bytes
from fednids.messages.values import Evaluation, Update
from fednids.runs.rounds import Failure

Answer = TypeVar("Answer", Update, Evaluation)


@dataclass(frozen=True)
class Phase(Generic[Answer]):
    """What came of training, or of evaluation.

    Attributes
    ----------
    answers : Sequence
        Usable ones, by partition id.
    failures : Sequence[Failure]
        All others.
    bytes_down, bytes_up : int
        What the server sent and received.
    """

    answers: Sequence[Answer]
    failures: Sequence[Failure]
    bytes_down: int
    bytes_up: int


def message_bytes(messages: Mapping[int, Message]) -> int:
    """Count the bytes of the records in some messages."""
    return sum(content_bytes(message.content) for message in messages.values())
