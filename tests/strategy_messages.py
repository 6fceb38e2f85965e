"""Rounds of an algorithm's server half, with updates as clients send them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp.strategy import Strategy as FlowerStrategy

from fednids.algorithms import Aggregate, Aggregation, Algorithm, RoundStart, State, find_algorithm
from fednids.config import Config
from fednids.messages.records import read_weights, update_content, weights_record
from fednids.messages.values import Update
from fednids.networks.interface import Head, Layout, Parameter, dense

SIZE = 50
LAYOUT = Layout((Parameter("base.weight", (30,), 1.0), *dense("head", 4, 4)), Head())
"""Of the weights in tests: a base, and the head of a network of four classes."""


class Server:
    """Keeps an algorithm's state from round to round, as `server.rounds` does."""

    def __init__(self, algorithm: Algorithm):
        self.algorithm = algorithm
        self.state: State = {}
        self.clean: np.ndarray | None = None
        self.log: dict[str, object] = {}
        self.class_counts: dict[int, np.ndarray] = {}

    def open(self, start: np.ndarray, participants: Sequence[int], number: int = 1) -> Open:
        state = self.state or self.algorithm.initial_state(len(start))
        counts = {k: self.class_counts.get(k, np.ones(4, np.int64)) for k in participants}
        return Open(
            self, RoundStart(number, start, state, participants, self.clean, LAYOUT, counts)
        )


class Open:
    """A round that takes updates."""

    def __init__(self, server: Server, start: RoundStart):
        self.server = server
        self.aggregation: Aggregation = server.algorithm.begin(start)

    def add(self, update: Update) -> None:
        self.aggregation.add(update)

    def weights(self) -> np.ndarray:
        found: Aggregate = self.aggregation.finish()
        self.server.state, self.server.log = found.state, dict(found.log)
        return found.weights


def strategy_of(name: str, gateways: int = 100, **settings: object) -> Server:
    own = {f"strategy.{key}": value for key, value in settings.items() if key != "fraction"}
    if "fraction" in settings:
        own["federation.fraction"] = settings["fraction"]
    config = Config.resolve({"strategy.name": name, "partition.gateways": gateways, **own})
    return Server(find_algorithm(config))


def draw(count: int, seed: int = 3, size: int = SIZE) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(size).astype(np.float32) for _ in range(count)]


def updates_of(
    server: Server, updates: Sequence[np.ndarray], examples: Sequence[int]
) -> list[Update]:
    """Return what clients send: the k-th update is partition k's, of one step."""
    returns = server.algorithm.returns
    return [
        Update(
            k, weights, count, 1, 0.5, 0.0, 0.0, 0.5,
            {name: np.zeros_like(weights) for name in returns},
        )
        for k, (weights, count) in enumerate(zip(updates, examples, strict=True))
    ]  # fmt: skip


def lead(
    server: Server,
    start: np.ndarray,
    updates: Sequence[np.ndarray],
    examples: Sequence[int],
    *,
    number: int = 1,
    order: Sequence[int] | None = None,
) -> np.ndarray:
    """Aggregate one round, the replies coming in some order.

    What the server itself trains, if anything, goes a third of the way to the first update.
    Of several clusters all are the same at first, and the clients choose the first.
    """
    sent = updates_of(server, updates, examples)
    if server.algorithm.clean_flows:
        server.clean = start + (updates[0] - start) / np.float32(3)
    clusters = getattr(server.algorithm.settings, "clusters", 1)
    whole = server.open(np.tile(start, clusters), range(len(updates)), number)
    for place in order or range(len(updates)):
        whole.add(sent[place])
    found = whole.weights()
    assert len(found) == clusters * len(start)
    assert found[len(start) :].tobytes() == np.tile(start, clusters - 1).tobytes()
    return found[: len(start)]


class _Nodes:
    """A Grid that lists nodes, for Flower's strategies."""

    def __init__(self, nodes: list[int]):
        self.nodes = nodes

    def get_node_ids(self) -> list[int]:
        return self.nodes


def flowers(
    strategy: FlowerStrategy,
    start: np.ndarray,
    updates: Sequence[np.ndarray],
    examples: Sequence[int],
    number: int = 1,
) -> np.ndarray:
    """Aggregate one round with one of Flower's classes."""
    arrays: ArrayRecord = weights_record(start)
    grid = _Nodes(list(range(1, len(updates) + 1)))
    list(strategy.configure_train(number, arrays, ConfigRecord(), grid))  # type: ignore[arg-type]
    replies = []
    for k, (weights, count) in enumerate(zip(updates, examples, strict=True)):
        asked = Message(RecordDict(), k + 1, MessageType.TRAIN)
        asked.metadata.__dict__["_message_id"] = str(k)
        content = update_content(Update(k, weights, count, 1, 0.5, 0.0, 0.0, 0.5))
        replies.append(Message(content, reply_to=asked))
    found, _ = strategy.aggregate_train(number, replies)
    assert found is not None
    return read_weights(found)
