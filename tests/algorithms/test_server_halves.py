"""Strategies that lead a round in their own way, against slow versions and Flower's class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import oracles
import pytest
import strategy_oracles as slow
from flwr.app import ConfigRecord, Message, MessageType, RecordDict
from flwr.serverapp import strategy as flower
from hypothesis import given, settings
from hypothesis import strategies as st
from strategy_messages import LAYOUT, SIZE, Server, draw, strategy_of, updates_of

from fednids.algorithms import find_algorithm
from fednids.config import Config
from fednids.errors import ConfigError
from fednids.messages.records import read_weights, update_content, weights_record
from fednids.messages.values import Update
from fednids.networks.interface import Architecture
from fednids.simulation.engines.base import take_identity
from fednids.training.initial import initial_weights
from server.rounds import Federation

few = settings(max_examples=25)
SEEDS = st.integers(0, 2**32 - 1)
COUNTS = st.integers(1, 9)


@pytest.fixture(autouse=True, scope="module")
def _identity() -> None:
    take_identity()


def told(strategy: Server, start: np.ndarray, updates: list[Update]) -> np.ndarray:
    whole = strategy.open(start, range(len(updates)))
    for update in updates:
        whole.add(update)
    return whole.weights()


def drawn(strategy: Server, count: int, seed: int) -> tuple[np.ndarray, list[Update]]:
    """Updates near the start, with sizes, steps and losses of their own."""
    rng = np.random.default_rng(seed)
    start, *changes = draw(1 + count, seed % 1000)
    weights = [start + np.float32(0.1) * change for change in changes]
    made = updates_of(strategy, weights, rng.integers(1, 500, count).tolist())
    losses, steps = rng.uniform(0.01, 3, count), rng.integers(1, 40, count)
    return start, [
        replace(update, start_loss=float(loss), steps=int(n))
        for update, loss, n in zip(made, losses, steps, strict=True)
    ]


class Seven:
    """A Grid that lists seven nodes."""

    def get_node_ids(self) -> list[int]:
        return list(range(1, 8))


class TestQFedAvg:
    @few
    @given(count=COUNTS, seed=SEEDS, q=st.sampled_from([0.0, 0.2, 1.0, 3.0]))
    def test_is_the_slow_twins(self, count: int, seed: int, q: float) -> None:
        strategy = strategy_of("qfedavg", q=q, lipschitz=4.0)
        start, updates = drawn(strategy, count, seed)
        losses = [update.start_loss for update in updates]
        expected = slow.q_fedavg([u.weights for u in updates], losses, start, q, 4.0)
        np.testing.assert_allclose(told(strategy, start, updates), expected, rtol=0, atol=1e-5)

    @pytest.mark.parametrize("q", [0.0, 0.1, 2.0])
    def test_is_flowers(self, q: float) -> None:
        strategy = strategy_of("qfedavg", q=q, lipschitz=20.0)
        theirs = flower.QFedAvg(0.05, q, train_loss_key="start-loss")
        start, updates = drawn(strategy, 7, 3)
        list(theirs.configure_train(1, weights_record(start), ConfigRecord(), Seven()))  # type: ignore[arg-type]
        replies = []
        for update in updates:
            asked = Message(RecordDict(), 1 + update.partition_id, MessageType.TRAIN)
            asked.metadata.__dict__["_message_id"] = str(update.partition_id)
            replies.append(Message(update_content(update), reply_to=asked))
        arrays, _ = theirs.aggregate_train(1, replies)
        assert arrays is not None
        found = told(strategy, start, updates)
        np.testing.assert_allclose(found, read_weights(arrays), rtol=0, atol=2e-6)
        assert np.abs(found - start).max() > 1e-3

    def test_without_q_gateways_count_alike(self) -> None:
        strategy = strategy_of("qfedavg", q=0.0)
        start, updates = drawn(strategy, 6, 5)
        expected = np.mean([u.weights for u in updates], axis=0, dtype=np.float64)
        np.testing.assert_allclose(told(strategy, start, updates), expected, rtol=0, atol=1e-6)


class TestFedNova:
    @few
    @given(count=COUNTS, seed=SEEDS)
    def test_is_the_slow_twins(self, count: int, seed: int) -> None:
        strategy = strategy_of("fednova")
        start, updates = drawn(strategy, count, seed)
        examples, steps = [u.examples for u in updates], [u.steps for u in updates]
        expected = slow.fednova([u.weights for u in updates], examples, steps, start)
        np.testing.assert_allclose(told(strategy, start, updates), expected, rtol=0, atol=1e-6)

    @few
    @given(count=COUNTS, seed=SEEDS, steps=st.integers(1, 100))
    def test_of_equal_steps_is_fedavg(self, count: int, seed: int, steps: int) -> None:
        strategy = strategy_of("fednova")
        start, updates = drawn(strategy, count, seed)
        alike = [replace(update, steps=steps) for update in updates]
        rows, examples = [u.weights for u in updates], [u.examples for u in updates]
        expected = oracles.weighted_mean(rows, examples)
        np.testing.assert_allclose(told(strategy, start, alike), expected, rtol=0, atol=1e-6)


class TestClassWise:
    @few
    @given(count=COUNTS, seed=SEEDS, base=st.sampled_from(["fedavg", "fednova"]))
    def test_is_the_slow_twins(self, count: int, seed: int, base: str) -> None:
        strategy = strategy_of("classwise", base=base)
        start, updates = drawn(strategy, count, seed)
        counts = np.random.default_rng(seed).integers(0, 3, (count, 4))
        strategy.class_counts = dict(enumerate(counts))
        rows, examples = [u.weights for u in updates], [u.examples for u in updates]
        steps = [u.steps if base == "fednova" else 1 for u in updates]
        expected = slow.fednova(rows, examples, steps, start)
        parts = LAYOUT.unpack(np.arange(SIZE))
        for c, of_class in enumerate(counts.T.tolist()):
            row = [*parts["head.weight"][c], parts["head.bias"][c]]
            some = [k for k in range(count) if of_class[k]]
            expected[row] = start[row]
            if some:
                theirs, shares = [rows[k][row] for k in some], [of_class[k] for k in some]
                expected[row] = slow.fednova(theirs, shares, [steps[k] for k in some], start[row])
        np.testing.assert_allclose(told(strategy, start, updates), expected, rtol=0, atol=1e-6)

    @few
    @given(count=COUNTS, seed=SEEDS, base=st.sampled_from(["fedavg", "fednova"]))
    def test_of_equal_shares_of_the_classes_is_its_base(
        self, count: int, seed: int, base: str
    ) -> None:
        strategy = strategy_of("classwise", base=base)
        start, updates = drawn(strategy, count, seed)
        shares = np.array([1, 5, 2, 9])
        strategy.class_counts = {u.partition_id: u.examples * shares for u in updates}
        expected = told(strategy_of(base), start, updates)
        np.testing.assert_allclose(told(strategy, start, updates), expected, rtol=0, atol=1e-6)

    @pytest.mark.parametrize("base", ["fedavg", "fednova"])
    def test_of_one_client_is_its_update_to_the_bit(self, base: str) -> None:
        strategy = strategy_of("classwise", base=base)
        start, updates = drawn(strategy, 1, 8)
        assert told(strategy, start, updates).tobytes() == updates[0].weights.tobytes()

    def test_refuses_a_network_without_a_head(self) -> None:
        strategy = find_algorithm(Config.resolve({"strategy.name": "classwise"}))
        headless = Architecture.of(Config().model, 3, 10, 5)
        headless.__dict__["layout"] = replace(headless.layout, head=None)
        with pytest.raises(ConfigError, match="declares its linear head"):
            strategy.check_network(headless)


class TestFLTrust:
    @few
    @given(count=COUNTS, seed=SEEDS)
    def test_is_the_slow_twins(self, count: int, seed: int) -> None:
        strategy = strategy_of("fltrust")
        start, updates = drawn(strategy, count, seed)
        root = start + np.float32(0.02) * draw(1, seed % 77)[0]
        strategy.clean = root
        expected = slow.trusted_mean([u.weights for u in updates], start, root)
        np.testing.assert_allclose(told(strategy, start, updates), expected, rtol=0, atol=1e-6)
        assert 0 <= strategy.log["trusted"] <= count  # type: ignore[operator]

    def test_nobody_moves_it_further_than_the_root(self) -> None:
        strategy = strategy_of("fltrust")
        start, root = draw(2)
        strategy.clean = start + np.float32(1e-3) * root
        updates = updates_of(strategy, [start + 1e4 * root, start + root], [1, 10**6])
        found = told(strategy, start, updates)
        assert np.linalg.norm(found - start) < 1.001e-3 * np.linalg.norm(root)

    @pytest.mark.parametrize("scale", [1e-3, 1.0, 3e38])
    def test_who_goes_the_other_way_has_no_say(self, scale: float) -> None:
        strategy = strategy_of("fltrust")
        start, root = np.zeros(SIZE, np.float32), np.abs(draw(1)[0]) + np.float32(0.1)
        strategy.clean = root
        honest = root + np.float32(0.1)
        against = [np.full(SIZE, -scale, np.float32)] * 5
        found = told(strategy, start, updates_of(strategy, [*against, honest], [9] * 6))
        expected = honest / np.linalg.norm(honest) * np.linalg.norm(root)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert strategy.log == {"trusted": 1}

    def test_a_round_without_trust_is_told_and_moves_nothing(self) -> None:
        strategy = strategy_of("fltrust")
        start, root = draw(2)
        strategy.clean = start + root
        found = told(strategy, start, updates_of(strategy, [start - root, start], [5, 5]))
        np.testing.assert_array_equal(found, start)
        assert strategy.log == {"trusted": 0}

    def test_a_server_without_flows_is_refused_in_one_line(self) -> None:
        config = Config.resolve({"strategy.name": "fltrust"})
        with pytest.raises(ConfigError, match="clean flows of its own for fltrust") as caught:
            Federation(None, config)  # type: ignore[arg-type]
        assert len(str(caught.value).splitlines()) == 1


class TestIfca:
    def test_every_cluster_is_the_mean_of_those_who_chose_it(self) -> None:
        strategy = strategy_of("ifca", clusters=3)
        start = np.concatenate(draw(3, 8))
        _, updates = drawn(strategy, 5, 4)
        choices = [0, 2, 2, 0, 2]
        chosen = [replace(u, choice=c) for u, c in zip(updates, choices, strict=True)]
        found = told(strategy, start, chosen).reshape(3, -1)
        for cluster in (0, 2):
            of = [u for u in chosen if u.choice == cluster]
            expected = oracles.weighted_mean([u.weights for u in of], [u.examples for u in of])
            np.testing.assert_allclose(found[cluster], expected, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(found[1], start.reshape(3, -1)[1])
        assert strategy.log == {"clusters": [2, 0, 3]}

    @pytest.mark.parametrize("choice", [-1, 3])
    def test_a_choice_that_is_none_is_refused(self, choice: int) -> None:
        strategy = strategy_of("ifca", clusters=3)
        start = np.zeros(3 * SIZE, np.float32)
        update = replace(updates_of(strategy, draw(1), [5])[0], choice=choice)
        with pytest.raises(ValueError, match="choice from 0 to 2"):
            strategy.algorithm.reference(start, update.choice)

    def test_the_first_cluster_begins_as_every_arm(self) -> None:
        config = Config.resolve({"strategy.name": "ifca", "strategy.clusters": 3})
        architecture = Architecture.of(config.model, 3, config.data.window, 5)
        found = find_algorithm(config).initial_weights(architecture, config.run.seed).reshape(3, -1)
        np.testing.assert_array_equal(found[0], initial_weights(architecture, config))
        assert len({each.tobytes() for each in found}) == 3


class TestFedPer:
    def test_more_personal_layers_than_there_are_is_one_line(self) -> None:
        changes = {"strategy.name": "fedper", "strategy.personal_layers": 2}
        with pytest.raises(ConfigError, match=r"personal_layers from 1 to 1, .*got 2") as caught:
            find_algorithm(Config.resolve({**changes, "model.dense": 0}))
        assert len(str(caught.value).splitlines()) == 1
        find_algorithm(Config.resolve({**changes, "model.dense": 8}))
