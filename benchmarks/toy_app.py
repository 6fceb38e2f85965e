"""The ClientApp of the toy fleet: `clients.app` on gateways that no file holds."""

from __future__ import annotations

from functools import lru_cache

from flwr.app import Context, Message
from flwr.clientapp import ClientApp

from benchmarks.toy import FLOWS, toy_fleet
from fednids.config import Config
from fednids.messages.records import (
    WEIGHTS,
    evaluation_content,
    read_task,
    statistics_content,
    update_content,
)
from fednids.training.local import LocalTrainer

app = ClientApp()


@lru_cache(maxsize=1)
def _open(settings: tuple[tuple[str, bool | int | float | str], ...], flows: int) -> LocalTrainer:
    config = Config.resolve(dict(settings))
    return LocalTrainer(config, toy_fleet(config.partition.gateways, flows))


def _place(context: Context) -> tuple[LocalTrainer, int]:
    settings = dict(context.run_config)
    flows = int(settings.pop(FLOWS))
    return _open(tuple(sorted(settings.items())), flows), int(context.node_config["partition-id"])


@app.query()
def statistics(message: Message, context: Context) -> Message:
    workplace, k = _place(context)
    return Message(statistics_content(workplace.statistics(k)), reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    workplace, k = _place(context)
    arrays, task = read_task(message.content)
    weights = arrays[WEIGHTS]
    return Message(update_content(workplace.train(k, weights, task).update), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    workplace, k = _place(context)
    arrays, task = read_task(message.content)
    weights = arrays[WEIGHTS]
    return Message(evaluation_content(workplace.evaluate(k, weights, task)), reply_to=message)
