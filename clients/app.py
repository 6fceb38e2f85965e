"""The ClientApp: read the message, do the work, write the reply."""

from __future__ import annotations

from typing import cast

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from fednids.protocol import (
    evaluation_content,
    read_task,
    statistics_content,
    update_content,
)
from fednids.workplace import Workplace, open_workplace

app = ClientApp()


@app.query()
def statistics(message: Message, context: Context) -> Message:
    """Answer what the scaler and the class weights are made of."""
    workplace, partition_id = _place(context)
    answer = statistics_content(workplace.statistics(partition_id))
    return Message(answer, reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Train the global weights on the gateway's own flows."""
    workplace, partition_id = _place(context)
    weights, task = read_task(message.content)
    answer = update_content(workplace.train(partition_id, weights, task))
    return Message(answer, reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Score the global weights on the gateway's own test flows."""
    workplace, partition_id = _place(context)
    weights, task = read_task(message.content)
    answer = evaluation_content(workplace.evaluate(partition_id, weights, task))
    return Message(answer, reply_to=message)


def _place(context: Context) -> tuple[Workplace, int]:
    settings = {name: value for name, value in context.run_config.items() if name != "out"}
    return open_workplace(settings), int(cast(int, context.node_config["partition-id"]))
