"""Which replies are usable. Nothing reaches a strategy that has not passed here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from flwr.app import Message, RecordDict

from fednids.errors import FederationError
from fednids.exchange import Evaluation, Update
from fednids.protocol import content_bytes, read_evaluation, read_update
from fednids.runs.records import Failure

Answer = TypeVar("Answer", Update, Evaluation)


class Inbox(Generic[Answer]):
    """Takes the replies of one phase in any order, and remembers who failed and why.

    Parameters
    ----------
    stage : str
        ``"train"`` or ``"evaluate"``.
    sent : Mapping[int, Message]
        The message to each gateway asked, by partition id.
    read : Callable[[RecordDict], Answer]
        Reads and checks a reply's content.

    Attributes
    ----------
    received : int
        Bytes of the usable replies so far.
    """

    def __init__(
        self, stage: str, sent: Mapping[int, Message], read: Callable[[RecordDict], Answer]
    ):
        self._stage, self._sent, self._waiting = stage, sent, set(sent)
        self._read: Callable[[RecordDict], Answer] = read
        self._reasons: dict[int, str] = {}
        self.received = 0

    def usable(self, replies: Iterable[Message]) -> Iterator[tuple[Message, Answer]]:
        """Give the usable replies, in their order, and what they say."""
        for reply in replies:
            answer = self._take(reply)
            if answer is not None:
                self.received += content_bytes(reply.content)
                yield reply, answer

    @cached_property
    def _asked(self) -> dict[str, int]:
        """Which gateway each message went to; messages have no number before they are sent."""
        return {message.metadata.message_id: k for k, message in self._sent.items()}

    def _take(self, reply: Message) -> Answer | None:
        """Read a reply; None where it is unusable, nobody's, or one too many."""
        partition_id = self._asked.get(reply.metadata.reply_to_message_id)
        if partition_id not in self._waiting:
            return None
        try:
            if reply.has_error():
                raise ValueError(reply.error.reason)
            answer = self._read(reply.content)
            if answer.partition_id != partition_id:
                raise ValueError(
                    f"expected the answer of {partition_id}, got {answer.partition_id}'s"
                )
        except Exception as error:
            self._reasons[partition_id] = " ".join(str(error).split())[:300]
            return None
        self._waiting.remove(partition_id)
        return answer

    @property
    def failures(self) -> list[Failure]:
        """One for every gateway without a usable reply so far, by partition id."""
        return [
            Failure(k, self._stage, self._reasons.get(k, "no answer"))
            for k in sorted(self._waiting)
        ]

    def demand(self, most: float, server_round: int) -> None:
        """Stop the run where too many gateways failed.

        Parameters
        ----------
        most : float
            Share of the gateways asked that may fail.
        server_round : int
            For the message.

        Raises
        ------
        FederationError
            None answered usably, or the share of failures is above ``most``.
        """
        failed = self.failures
        if len(failed) < len(self._sent) and len(failed) <= most * len(self._sent):
            return
        first = failed[0] if failed else None
        reason = f"gateway {first.partition_id}: {first.reason}" if first else "none was asked"
        raise FederationError(
            f"round {server_round}: expected at most {most:.0%} of {len(self._sent)} gateways to "
            f"fail, got {len(failed)} ({reason}); mend them or raise federation.max_failures"
        )


def update_reader(size: int) -> Callable[[RecordDict], Update]:
    """Give the reader of updates of ``(size,) float32`` finite weights."""

    def read(content: RecordDict) -> Update:
        update = read_update(content)
        _check_update(update, size)
        return update

    return read


def evaluation_reader(classes: int) -> Callable[[RecordDict], Evaluation]:
    """Give the reader of evaluations whose counts are of the run's classes."""

    def read(content: RecordDict) -> Evaluation:
        evaluation = read_evaluation(content)
        for counts in (evaluation.counts, evaluation.novel):
            if len(counts.matrix) != classes:
                raise ValueError(f"expected counts of {classes} classes, got {len(counts.matrix)}")
        return evaluation

    return read


def _check_update(update: Update, size: int) -> None:
    weights = update.weights
    if weights.shape != (size,) or weights.dtype != np.float32:
        raise ValueError(f"expected ({size},) float32 weights, got {weights.shape} {weights.dtype}")
    if not np.isfinite(weights).all():
        raise ValueError("expected finite weights, got NaN or infinity")
    if update.examples < 0 or (update.examples and not np.isfinite(update.loss)):
        raise ValueError(
            f"expected a finite loss on some windows, got {update.loss} on {update.examples}"
        )
