"""What a usable reply is. Nothing reaches an algorithm that has not been checked here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

import numpy as np
from flwr.app import Message, RecordDict

from fednids.errors import FederationError
from fednids.messages.encodings.parts import SentArrays
from fednids.messages.records import content_bytes, read_evaluation, read_update
from fednids.messages.values import Calibration, Evaluation, Update
from fednids.networks.interface import Weights
from fednids.runs.records import FailureRecord

Answer = TypeVar("Answer", Update, Evaluation, Calibration)

_RAISED = re.compile(r"<class '(?:[\w.]*\.)?(\w+)'>:<'(.*)'>", re.DOTALL)
"""How Flower reports that a ClientApp raised something."""


class Replies(Generic[Answer]):
    """Takes the replies of one phase of a round in any order, and records who failed and why.

    Parameters
    ----------
    stage : str
        ``"train"``, ``"evaluate"`` or ``"recalibrate"``.
    read : Callable[[RecordDict], Answer]
        Reads and checks a reply's content.
    names : Sequence[str]
        Of the gateways of a deployment, by partition id, to begin reasons with.

    Attributes
    ----------
    received : int
        Bytes of the usable replies so far.
    """

    def __init__(
        self,
        stage: Literal["train", "evaluate", "recalibrate"],
        read: Callable[[RecordDict], Answer],
        names: Sequence[str] = (),
    ):
        self._stage, self._names = stage, names
        self._read: Callable[[RecordDict], Answer] = read
        self._asked, self._waiting = 0, set[int]()
        self._reasons: dict[int, str] = {}
        self.received = 0

    def usable(self, sent: Mapping[int, Message], replies: Iterable[Message]) -> Iterator[Answer]:
        """Return the usable ones of the replies to some messages, in their order.

        Parameters
        ----------
        sent : Mapping[int, Message]
            Messages by partition id, of clients that were not asked before.
        replies : Iterable[Message]
            To these messages; the messages are sent when the first is taken.

        Yields
        ------
        Update, Evaluation or Calibration
            What a reply holds.
        """
        self._asked += len(sent)
        self._waiting.update(sent)
        numbers: dict[str, int] = {}
        for reply in replies:
            numbers = numbers or {m.metadata.message_id: k for k, m in sent.items()}
            answer = self._take(reply, numbers.get(reply.metadata.reply_to_message_id))
            if answer is not None:
                self.received += content_bytes(reply.content)
                yield answer

    def _take(self, reply: Message, partition_id: int | None) -> Answer | None:
        """Read a client's reply; None where it is unusable, nobody's, or one too many."""
        if partition_id is None or partition_id not in self._waiting:
            return None
        try:
            if reply.has_error():
                raise ValueError(error_reason(reply.error.reason or "no reason given"))
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

    def refuse(self, partition_id: int, reason: str) -> None:
        """Count an answer that was usable by itself as failed after all."""
        self._waiting.add(partition_id)
        self._reasons[partition_id] = reason

    @property
    def failures(self) -> list[FailureRecord]:
        """One for every client without a usable reply so far, by partition id."""
        failed = {k: self._reasons.get(k, "no answer") for k in sorted(self._waiting)}
        return [
            FailureRecord(partition=k, stage=self._stage, reason=self._named(k, reason))
            for k, reason in failed.items()
        ]

    def _named(self, partition_id: int, reason: str) -> str:
        return f"{self._names[partition_id]}: {reason}" if self._names else reason

    def demand(self, most: float, server_round: int) -> None:
        """Stop the run where too many clients failed.

        Parameters
        ----------
        most : float
            Share of the clients asked that may fail.
        server_round : int
            For the message.

        Raises
        ------
        FederationError
            No answer is usable, or the share of failures is above ``most``.
        """
        failed = self.failures
        if len(failed) < self._asked and len(failed) <= most * self._asked:
            return
        first = failed[0] if failed else None
        reason = f"gateway {first.partition}: {first.reason}" if first else "none was asked"
        raise FederationError(
            f"round {server_round}: expected at most {most:.0%} of {self._asked} gateways to "
            f"fail, got {len(failed)} ({reason}); correct them or raise federation.max_failures"
        )


@dataclass(frozen=True)
class Expected:
    """What a round's updates must bring.

    Attributes
    ----------
    size : int
        Number of weights.
    extras : Sequence[str]
        Names of the arrays beside them, each of that size.
    start_loss : bool
        Whether the loss before training must be there.
    decode : Callable
        Makes weights of an update, and of its weights as they were sent; raises ValueError
        where it cannot.
    """

    size: int
    extras: Sequence[str] = ()
    start_loss: bool = False
    decode: Callable[[Update, SentArrays], Weights] = lambda update, sent: update.weights


def update_reader(expected: Expected) -> Callable[[RecordDict], Update]:
    """Return the reader of updates of some kind: finite, and trained on a known number of windows.

    An update without windows brings nothing but that.
    """

    def read(content: RecordDict) -> Update:
        update, sent = read_update(content)
        if update.examples < 0 or (update.examples and not np.isfinite(update.loss)):
            raise ValueError(
                f"expected a finite loss on some windows, got {update.loss} on {update.examples}"
            )
        if not update.examples:
            return replace(update, weights=np.empty(0, np.float32), extras={})
        update = replace(update, weights=expected.decode(update, sent))
        _check_update(update, expected)
        return update

    return read


def evaluation_reader(classes: int) -> Callable[[RecordDict], Evaluation]:
    """Return the reader of evaluations whose counts are of the run's classes."""

    def read(content: RecordDict) -> Evaluation:
        evaluation = read_evaluation(content)
        more = (evaluation.triggered, evaluation.validation)
        for counts in (evaluation.counts, evaluation.novel, *more):
            if counts is not None and len(counts.matrix) != classes:
                raise ValueError(f"expected counts of {classes} classes, got {len(counts.matrix)}")
        if evaluation.curves is not None:
            evaluation.curves.check(classes)
        return evaluation

    return read


def error_reason(reason: str) -> str:
    """Return the reason of an error reply in one line, as our own engines report it."""
    raised = _RAISED.fullmatch(reason.strip())
    return " ".join((f"{raised[1]}: {raised[2]}" if raised else reason).split())


def _check_update(update: Update, expected: Expected) -> None:
    if update.steps < 1:
        raise ValueError(f"expected at least one step on {update.examples} windows, got none")
    if sorted(update.extras) != sorted(expected.extras):
        raise ValueError(f"expected {list(expected.extras)} beside weights, got {[*update.extras]}")
    for name, array in (("weights", update.weights), *update.extras.items()):
        if array.shape != (expected.size,) or array.dtype != np.float32:
            raise ValueError(
                f"expected ({expected.size},) float32 {name}, got {array.shape} {array.dtype}"
            )
        if not np.isfinite(array).all():
            raise ValueError(f"expected finite {name}, got NaN or infinity")
    if expected.start_loss and not 0 <= update.start_loss < np.inf:
        raise ValueError(f"expected a finite loss before training, got {update.start_loss}")
