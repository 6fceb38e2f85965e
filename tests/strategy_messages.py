"""Replies as gateways send them, for tests of strategies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from flwr.app import ConfigRecord, Message
from flwr.serverapp.strategy import Strategy as FlowerStrategy

from fednids.config import Config, FederationConfig, PartitionConfig
from fednids.messages.records import read_weights, update_content, weights_record
from fednids.messages.values import Update
from server.roster import ParticipantsGrid
from server.strategies import find_strategy
from server.strategies.leading import Leading

SIZE = 50


def strategy_of(name: str, gateways: int = 100, **settings: object) -> Leading:
    federation = FederationConfig(strategy=name, **settings)
    partition = PartitionConfig(gateways=gateways)
    return find_strategy(Config(federation=federation, partition=partition))


def draw(count: int, seed: int = 3, size: int = SIZE) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(size).astype(np.float32) for _ in range(count)]


def sent(
    strategy: Leading | FlowerStrategy, start: np.ndarray, nodes: list[int], number: int = 1
) -> list[Message]:
    grid = ParticipantsGrid(nodes)
    messages = strategy.configure_train(number, weights_record(start), ConfigRecord(), grid)  # type: ignore[arg-type]
    return sorted(messages, key=lambda message: message.metadata.dst_node_id)


def updates_of(
    strategy: object, updates: Sequence[np.ndarray], examples: Sequence[int]
) -> list[Update]:
    """Say what gateways say: the k-th update is partition k's, of one step."""
    return [
        Update(
            k, weights, count, 1, 0.5, 0.0, 0.0, 0.5,
            {name: np.zeros_like(weights) for name in getattr(strategy, "extras", ())},
        )
        for k, (weights, count) in enumerate(zip(updates, examples, strict=True))
    ]  # fmt: skip


def replies_of(
    strategy: Leading | FlowerStrategy,
    start: np.ndarray,
    updates: Sequence[np.ndarray],
    examples: Sequence[int],
    number: int = 1,
) -> list[Message]:
    """Answer what a strategy sends; the k-th update is partition k's."""
    asked = sent(strategy, start, list(range(1, len(updates) + 1)), number)
    replies = []
    for place, update in enumerate(updates_of(strategy, updates, examples)):
        asked[place].metadata.__dict__["_message_id"] = str(place)
        replies.append(Message(update_content(update), reply_to=asked[place]))
    return replies


def lead(
    strategy: Leading,
    start: np.ndarray,
    updates: Sequence[np.ndarray],
    examples: Sequence[int],
    *,
    number: int = 1,
    order: Sequence[int] | None = None,
) -> np.ndarray:
    """Let a strategy lead one round, the replies coming in some order.

    What the server itself trains, if anything, goes a third of the way to the first update.
    Of several clusters all are the same at first, and the gateways choose the first.
    """
    told = updates_of(strategy, updates, examples)
    if strategy.rooted:
        strategy.trust(start + (updates[0] - start) / np.float32(3))
    clusters = getattr(strategy, "clusters", 1)
    whole = strategy.open(np.tile(start, clusters), range(len(updates)))
    for place in order or range(len(updates)):
        whole.add(told[place])
    found = whole.weights(number)
    assert len(found) == clusters * len(start)
    assert found[len(start) :].tobytes() == np.tile(start, clusters - 1).tobytes()
    return found[: len(start)]


def flowers(
    strategy: FlowerStrategy,
    start: np.ndarray,
    updates: Sequence[np.ndarray],
    examples: Sequence[int],
    number: int = 1,
) -> np.ndarray:
    """Let one of Flower's classes lead one round."""
    replies = replies_of(strategy, start, updates, examples, number)
    arrays, _ = strategy.aggregate_train(number, replies)
    assert arrays is not None
    return read_weights(arrays)
