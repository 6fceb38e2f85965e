"""What every registered strategy must do, whatever its mathematics."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.serverapp.strategy import Strategy

from fednids.config import FederationConfig
from fednids.engine.base import take_identity
from fednids.errors import ConfigError
from fednids.exchange import Update
from fednids.protocol import read_update, update_content, weights_record
from server.aggregation import aggregation
from server.roster import ParticipantsGrid
from server.strategies import STRATEGIES, find_strategy

pytestmark = pytest.mark.parametrize("name", STRATEGIES)
SIZE = 50


@pytest.fixture(autouse=True)
def _identity() -> None:
    take_identity()


def strategy_of(name: str) -> Strategy:
    return find_strategy(FederationConfig(strategy=name))


def sent(strategy: Strategy, start: np.ndarray, nodes: list[int]) -> list[Message]:
    grid = ParticipantsGrid(nodes)
    messages = strategy.configure_train(1, weights_record(start), ConfigRecord(), grid)  # type: ignore[arg-type]
    return sorted(messages, key=lambda message: message.metadata.dst_node_id)


def aggregate(name: str, updates: list[np.ndarray], examples: list[int]) -> np.ndarray:
    strategy = strategy_of(name)
    start = np.zeros(SIZE, np.float32)
    asked = sent(strategy, start, list(range(1, len(updates) + 1)))
    whole = aggregation(strategy)
    for place, (message, weights, count) in enumerate(zip(asked, updates, examples, strict=True)):
        message.metadata.__dict__["_message_id"] = str(place)
        content = update_content(Update(place, weights, count, 1, 0.5, 0.0, 0.0))
        reply = Message(content, reply_to=message)
        whole.add(reply, read_update(reply.content))
    return whole.weights(1)


def draw(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.standard_normal(SIZE).astype(np.float32) for _ in range(count)]


def test_equal_updates_give_that_update(name: str) -> None:
    update = draw(1)[0]
    np.testing.assert_allclose(aggregate(name, [update] * 4, [1, 2, 3, 4]), update, rtol=1e-6)


def test_order_changes_nothing_but_rounding(name: str) -> None:
    updates, examples = draw(5), [10, 20, 30, 40, 50]
    forward = aggregate(name, updates, examples)
    backward = aggregate(name, updates[::-1], examples[::-1])
    np.testing.assert_allclose(forward, backward, atol=1e-6)


def test_shape_and_type_are_kept(name: str) -> None:
    result = aggregate(name, draw(3), [5, 5, 5])
    assert result.shape == (SIZE,)
    assert result.dtype == np.float32


def test_weighted_mean_is_the_slow_twins(name: str) -> None:
    updates, examples = draw(4), [1, 10, 100, 7]
    expected = oracles.weighted_mean(updates, examples)
    np.testing.assert_allclose(aggregate(name, updates, examples), expected, atol=1e-6)


def test_every_participant_is_asked_with_the_round(name: str) -> None:
    messages = sent(strategy_of(name), draw(1)[0], [5, 3, 8])
    assert [message.metadata.dst_node_id for message in messages] == [3, 5, 8]
    assert all(isinstance(message.content, RecordDict) for message in messages)
    assert {m.content.config_records["config"]["server-round"] for m in messages} == {1}


def test_fedprox_alone_sends_its_mu(name: str) -> None:
    config = sent(strategy_of(name), draw(1)[0], [1])[0].content.config_records["config"]
    assert config.get("proximal-mu") == (0.01 if name == "fedprox" else None)


def test_unknown_name_lists_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        find_strategy(FederationConfig(strategy="fedbest"))
