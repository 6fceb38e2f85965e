"""What a gateway answers to each kind of message: the same here and in a warm trainer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flwr.app import Context, MessageType, RecordDict

from clients.gateway import Gateway
from clients.place import place_of
from fednids.messages.records import (
    evaluation_content,
    read_query,
    read_task,
    statistics_content,
    update_content,
    with_evaluation,
)


def answer(kind: str, content: RecordDict, context: Context) -> RecordDict:
    """Do what a message asks of a gateway.

    Parameters
    ----------
    kind : str
        The message's type, one of `ANSWERS`.
    content : RecordDict
        What the server sent.
    context : Context
        Whom it is for: node config and run config.

    Returns
    -------
    RecordDict
        The content of the reply.

    Raises
    ------
    FednidsError
        The gateway's flows cannot be read, or do not fit the run.
    """
    return ANSWERS[kind](place_of(context), content)


def _statistics(gateway: Gateway, content: RecordDict) -> RecordDict:
    """Answer what the scaler and the class weights are made of."""
    return statistics_content(gateway.statistics(*read_query(content)))


def _train(gateway: Gateway, content: RecordDict) -> RecordDict:
    """Train the global weights on the gateway's own flows; score them before, where asked to."""
    arrays, task = read_task(content)
    told = gateway.evaluate(arrays, task.before()) if task.score_first else None
    update = update_content(*gateway.train(arrays, task))
    return update if told is None else with_evaluation(update, told)


def _evaluate(gateway: Gateway, content: RecordDict) -> RecordDict:
    """Score the global weights on the gateway's own test flows."""
    return evaluation_content(gateway.evaluate(*read_task(content)))


ANSWERS: Mapping[str, Callable[[Gateway, RecordDict], RecordDict]] = {
    MessageType.QUERY: _statistics,
    MessageType.TRAIN: _train,
    MessageType.EVALUATE: _evaluate,
}
