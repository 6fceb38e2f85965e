"""Which replies are usable. Nothing reaches a strategy that has not passed here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from flwr.app import Message, RecordDict

from fednids.errors import FederationError
from fednids.exchange import Evaluation, Update
from fednids.protocol import read_evaluation, read_update
from fednids.runs.records import Failure

Answer = TypeVar("Answer", Update, Evaluation)


@dataclass(frozen=True)
class Checked(Generic[Answer]):
    """Replies of one phase, in the order of partition ids.

    Attributes
    ----------
    messages : list[Message]
        Usable replies as they came.
    answers : list
        What they say.
    failures : list[Failure]
        One for every gateway without a usable reply.
    """

    messages: list[Message]
    answers: list[Answer]
    failures: list[Failure]


def check_updates(
    replies: Iterable[Message], sent: Mapping[int, Message], size: int
) -> Checked[Update]:
    """Keep the updates that can be averaged.

    Parameters
    ----------
    replies : Iterable[Message]
        Whatever came, in any order.
    sent : Mapping[int, Message]
        The message to each participant, by partition id.
    size : int
        Number of weights ``P`` that an update must have.
    """

    def read(content: RecordDict) -> Update:
        update = read_update(content)
        _check_update(update, size)
        return update

    return _check(replies, sent, "train", read)


def check_evaluations(
    replies: Iterable[Message], sent: Mapping[int, Message], classes: int
) -> Checked[Evaluation]:
    """Keep the evaluations whose counts are of the run's classes."""

    def read(content: RecordDict) -> Evaluation:
        evaluation = read_evaluation(content)
        for counts in (evaluation.counts, evaluation.novel):
            if len(counts.matrix) != classes:
                raise ValueError(f"expected counts of {classes} classes, got {len(counts.matrix)}")
        return evaluation

    return _check(replies, sent, "evaluate", read)


def demand(checked: Checked[Answer], asked: int, most: float, server_round: int) -> None:
    """Stop the run where too many gateways failed.

    Raises
    ------
    FederationError
        None answered usably, or the share of failures is above ``most``.
    """
    failed = len(checked.failures)
    if checked.answers and failed <= most * asked:
        return
    first = checked.failures[0] if checked.failures else None
    reason = f"gateway {first.partition_id}: {first.reason}" if first else "none was asked"
    raise FederationError(
        f"round {server_round}: expected at most {most:.0%} of {asked} gateways to fail, got "
        f"{failed} ({reason}); mend them or raise federation.max_failures"
    )


def _check(
    replies: Iterable[Message],
    sent: Mapping[int, Message],
    stage: str,
    read: Callable[[RecordDict], Answer],
) -> Checked[Answer]:
    asked = {message.metadata.message_id: k for k, message in sent.items()}
    usable: dict[int, tuple[Message, Answer]] = {}
    reasons: dict[int, str] = {}
    for reply in replies:
        partition_id = asked.get(reply.metadata.reply_to_message_id)
        if partition_id is None or partition_id in usable:
            continue
        try:
            usable[partition_id] = (reply, _read(reply, partition_id, read))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reasons[partition_id] = " ".join(str(error).split())[:300]
    failures = [
        Failure(k, stage, reasons.get(k, "no answer")) for k in sorted(sent) if k not in usable
    ]
    ordered: Sequence[tuple[Message, Answer]] = [usable[k] for k in sorted(usable)]
    return Checked([m for m, _ in ordered], [a for _, a in ordered], failures)


def _read(reply: Message, partition_id: int, read: Callable[[RecordDict], Answer]) -> Answer:
    if reply.has_error():
        raise ValueError(reply.error.reason)
    answer = read(reply.content)
    if answer.partition_id != partition_id:
        raise ValueError(f"expected the answer of {partition_id}, got {answer.partition_id}'s")
    return answer


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
