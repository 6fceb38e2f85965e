"""How updates become weights: as Flower's own strategies do it, without a list of them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import oracles
import pytest
from flwr.app import Message, MessageType, RecordDict
from flwr.serverapp.strategy import FedAvg, FedMedian, FedTrimmedAvg, Strategy
from hypothesis import given, settings
from hypothesis import strategies as st
from strategy_messages import strategy_of, updates_of

from fednids.algorithms.flower import flower_algorithm
from fednids.algorithms.interface import Aggregation, Algorithm, Average, RoundStart
from fednids.algorithms.robust import RobustRule, Updates
from fednids.config import Section
from fednids.errors import FederationError
from fednids.extensions import ALGORITHMS
from fednids.messages.records import read_update, read_weights, update_content
from fednids.messages.values import Update
from fednids.simulation.engines.base import take_identity

SIZE = 50
EXAMPLES = st.lists(st.integers(1, 10**6), min_size=1, max_size=8)
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True, scope="module")
def _identity() -> None:
    take_identity()


def draw(count: int, seed: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-4, 3, SIZE)
    return [(scale * rng.standard_normal(SIZE)).astype(np.float32) for _ in range(count)]


def replies_of(updates: list[np.ndarray], examples: list[int]) -> list[Message]:
    replies = []
    for place, (weights, count) in enumerate(zip(updates, examples, strict=True)):
        asked = Message(RecordDict(), 1000 + place, MessageType.TRAIN)
        asked.metadata.__dict__["_message_id"] = str(place)
        content = update_content(Update(place, weights, count, 1, 0.5, 0.0, 0.0))
        replies.append(Message(content, reply_to=asked))
    return replies


def added(into: Aggregation, replies: list[Message]) -> np.ndarray:
    for reply in replies:
        into.add(read_update(reply.content)[0])
    return into.finish().weights


def flowers(strategy: Strategy, replies: list[Message]) -> np.ndarray:
    arrays, _ = strategy.aggregate_train(1, replies)
    assert arrays is not None
    return read_weights(arrays)


few = settings(max_examples=30)


class TestAverage:
    @few
    @given(examples=EXAMPLES, seed=SEEDS)
    def test_is_flowers_fedavg(self, examples: list[int], seed: int) -> None:
        replies = replies_of(draw(len(examples), seed), examples)
        found = added(mean_of(), replies)
        expected = flowers(FedAvg(), replies)
        scale = np.max([np.abs(read_update(r.content)[0].weights) for r in replies], axis=0)
        assert found.dtype == np.float32
        assert found.shape == (SIZE,)
        assert (np.abs(found - expected) <= 1e-6 * np.maximum(scale, 1e-3)).all()

    @few
    @given(examples=EXAMPLES, seed=SEEDS)
    def test_is_the_mean_by_definition_to_the_last_bit(
        self, examples: list[int], seed: int
    ) -> None:
        updates = draw(len(examples), seed)
        found = added(mean_of(), replies_of(updates, examples))
        expected = oracles.weighted_mean(updates, examples).astype(np.float32)
        np.testing.assert_array_equal(found, expected)

    @few
    @given(count=st.integers(1, 10**6), seed=SEEDS)
    def test_of_one_update_is_that_update(self, count: int, seed: int) -> None:
        update = draw(1, seed)[0]
        np.testing.assert_array_equal(added(mean_of(), replies_of([update], [count])), update)

    @few
    @given(examples=EXAMPLES, seed=SEEDS)
    def test_of_equal_updates_is_that_update(self, examples: list[int], seed: int) -> None:
        update = draw(1, seed)[0]
        replies = replies_of([update] * len(examples), examples)
        np.testing.assert_array_equal(added(mean_of(), replies), update)

    @few
    @given(examples=EXAMPLES, seed=SEEDS, data=st.data())
    def test_does_not_depend_on_the_order(
        self, examples: list[int], seed: int, data: st.DataObject
    ) -> None:
        replies = replies_of(draw(len(examples), seed), examples)
        other = data.draw(st.permutations(replies))
        np.testing.assert_array_equal(added(mean_of(), replies), added(mean_of(), other))

    def test_is_a_mean_of_windows_and_not_of_gateways(self) -> None:
        replies = replies_of([np.zeros(2, np.float32), np.full(2, 4, np.float32)], [3, 1])
        np.testing.assert_array_equal(added(mean_of(), replies), [1, 1])

    def test_leaves_the_updates_as_they_are(self) -> None:
        updates = [Update(k, w, 7, 1, 0.5, 0, 0) for k, w in enumerate(draw(3))]
        mean = mean_of()
        for update in updates:
            mean.add(update)
        for update, drawn in zip(updates, draw(3), strict=True):
            np.testing.assert_array_equal(update.weights, drawn)
        first = mean.finish().weights
        np.testing.assert_array_equal(mean.finish().weights, first)

    @pytest.mark.usefixtures("quick_collections")
    def test_keeps_neither_messages_nor_weights(self) -> None:
        mean, kept = mean_of(), list[weakref.ref[object]]()
        for weights in draw(8):
            reply = replies_of([weights], [5])[0]
            update = read_update(reply.content)[0]
            mean.add(update)
            kept += [weakref.ref(reply), weakref.ref(update), weakref.ref(update.weights)]
            del reply, update
            gc.collect()
            assert not [ref for ref in kept if ref() is not None]
        assert np.isfinite(mean.finish().weights).all()


class TestFlowersClasses:
    @pytest.mark.parametrize("kind", [FedMedian, FedTrimmedAvg])
    def test_is_what_the_strategy_makes_of_all(self, kind: type[FedAvg]) -> None:
        updates, examples = draw(5), [1, 50, 2, 3, 9]
        found = added(flowers_round(kind), replies_of(updates, examples))
        np.testing.assert_array_equal(found, flowers(kind(), replies_of(updates, examples)))

    def test_of_the_median_is_the_median(self) -> None:
        updates = draw(5)
        found = added(flowers_round(FedMedian), replies_of(updates, [1, 50, 2, 3, 9]))
        np.testing.assert_array_equal(found, np.median(updates, axis=0))


START = np.zeros(SIZE, np.float32)


def mean_of() -> Average:
    return Average(RoundStart(1, START))


def flowers_round(make: Callable[[], FedAvg]) -> Aggregation:
    return flower_algorithm(make)(Section(), 3).begin(RoundStart(1, START))


@pytest.fixture
def quick_collections() -> Iterator[None]:
    """Leave what is there already out of collections, which take a while with all frameworks."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("quick_collections")
@pytest.mark.parametrize("name", ALGORITHMS.builtin)
def test_no_strategy_of_ours_keeps_an_update(name: str) -> None:
    strategy = strategy_of(name, 10)
    if strategy.algorithm.clean_flows:
        strategy.clean = START + 1
    whole = strategy.open(START, range(8))
    kept: list[weakref.ref[object]] = []
    for place, weights in enumerate(draw(8)):
        update = replace(updates_of(strategy, [weights.copy()], [5])[0], partition_id=place)
        whole.add(update)
        kept += [weakref.ref(update), weakref.ref(update.weights)]
        del update
        gc.collect()
        assert not [ref for ref in kept if ref() is not None]
    assert np.isfinite(whole.weights()).all()


class Rows(RobustRule):
    """A rule that gives the sum of its rows, and keeps what it was shown."""

    def fault(self, participants: int) -> str | None:
        return "an even number of updates, got odd" if participants % 2 else None

    def combine(self, updates: Updates) -> np.ndarray:
        self.seen = updates
        return updates.matrix.sum(axis=0, dtype=np.float64)


class TestRobustRules:
    def test_rows_are_by_partition_without_those_that_did_not_come(self) -> None:
        rule, updates = Rows(Section(), 6), draw(6)
        whole = rule.begin(RoundStart(1, START, participants=[8, 3, 5, 1, 9, 4]))
        for k in (9, 3, 5, 4):
            update = Update(k, updates[k % 6], 10 * k, 1, 0.5, 0.0, 0.0)
            whole.add(update)
        first = whole.finish().weights
        np.testing.assert_array_equal(rule.seen.matrix, [updates[k % 6] for k in (3, 4, 5, 9)])
        assert rule.seen.examples.tolist() == [30, 40, 50, 90]
        assert first.dtype == np.float32
        np.testing.assert_array_equal(whole.finish().weights, first)

    def test_what_the_rule_finds_wrong_is_one_line(self) -> None:
        whole = Rows(Section(), 2).begin(RoundStart(7, START, participants=[0, 1]))
        whole.add(Update(0, draw(1)[0], 3, 1, 0.5, 0.0, 0.0))
        with pytest.raises(FederationError, match="round 7: expected an even number") as caught:
            whole.finish()
        assert len(str(caught.value).splitlines()) == 1


def test_every_round_starts_anew() -> None:
    algorithm: Algorithm = flower_algorithm(FedAvg)(Section(), 2)
    added(algorithm.begin(RoundStart(1, START)), replies_of(draw(2), [1, 1]))
    update = draw(1, 8)[0]
    found = added(algorithm.begin(RoundStart(2, START)), replies_of([update], [5]))
    np.testing.assert_allclose(found, update, rtol=1e-6)
