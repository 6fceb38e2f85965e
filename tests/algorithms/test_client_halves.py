"""What gateways do for strategies, over rounds with the real server's half: the papers' loops.

Gateways are bowls in which plain gradient descent goes down, and the slow twins of
`strategy_oracles` follow the pseudo-code of the papers in them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import strategy_oracles as slow
from runs_factory import small_config
from strategy_messages import Server

from fednids.algorithms import Arrays, find_algorithm
from fednids.config import Config
from fednids.flows.scaling import Scaler
from fednids.messages.client_state import Remembered
from fednids.messages.values import Fitted, Task, Update
from fednids.training.initial import initial_weights, run_architecture
from fednids.training.objective import Objective, Proximal, Shift

GATEWAYS = 5
PLAIN = Objective()
TASK = Task(1, Scaler(np.zeros(3), np.ones(3)), np.ones(5, np.float32))
FULL = [range(GATEWAYS)] * 6
PARTLY = [(0, 1, 2), (2, 3), (0, 4, 1, 3), (4,), (1, 2, 3, 4), (0, 2)]
few = pytest.mark.parametrize("rounds", [FULL, PARTLY], ids=["full", "partly"])


def settings(strategy: str, **changes: object) -> Config:
    return small_config(
        partition__gateways=GATEWAYS, strategy__name=strategy, model__channels="2",
        model__hidden=2, **{f"strategy__{name}": value for name, value in changes.items()},
    )  # fmt: skip


SIZE = run_architecture(TASK, settings("fedavg")).size


@dataclass
class Hollow:
    """A gateway whose flows are a bowl."""

    config: Config
    bowls: slow.Bowls
    k: int
    kept: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    fresh: dict[str, np.ndarray] = field(default_factory=dict)
    server_round: int = 1
    known: int = 0

    def fit(self, weights: np.ndarray, objective: Objective = PLAIN) -> Fitted:
        y, total = weights.astype(np.float64), np.zeros(len(weights))
        anchor, shift, strength = weights, 0.0, 0.0
        for term in objective.terms:
            if isinstance(term, Proximal):
                strength, anchor = term.strength, weights if term.anchor is None else term.anchor
            elif isinstance(term, Shift):
                shift = term.vector
        for _ in range(self.bowls.steps):
            gradient = self.bowls.gradient(self.k, y)
            total += gradient
            y -= self.bowls.rate * (gradient + strength * (y - anchor) + shift)
        windows, steps = self.bowls.windows[self.k], self.bowls.steps
        mean = (total / steps).astype(np.float32) if objective.track_gradient else None
        return Fitted(Update(self.k, y.astype(np.float32), windows, steps, 0.5, 0.0, 0.0), mean)

    def training_loss(self, weights: np.ndarray) -> float:
        return self.bowls.loss(self.k, weights)

    def recall(self) -> Remembered:
        known = [number for number in self.kept if number <= self.known]
        return self.kept[max(known)] if known else {}

    def initial_weights(self) -> np.ndarray:
        return initial_weights(run_architecture(TASK, self.config), self.config)

    def remember(self, **arrays: np.ndarray) -> None:
        self.fresh.update(arrays)

    def close(self, server_round: int) -> None:
        """End a round: what was to be remembered is, from here on."""
        if self.fresh:
            self.kept[server_round] = {**self.recall(), **self.fresh}
            self.fresh = {}
        self.known = server_round


class Rounds:
    """A strategy, its method and bowls, led over rounds."""

    def __init__(self, config: Config, bowls: slow.Bowls):
        self.config, self.bowls = config, bowls
        self.algorithm = find_algorithm(config)
        self.server = Server(self.algorithm)
        self.clients = [Hollow(config, bowls, k) for k in range(GATEWAYS)]
        self.start = self.algorithm.initial_weights(run_architecture(TASK, config), config.run.seed)
        self.server.state = self.algorithm.initial_state(len(self.start))
        self.weights, self.number = self.start, 0

    def received(self) -> Arrays:
        return {n: self.server.state[n].astype(np.float32) for n in self.algorithm.sends}

    def lead(self, rounds: Sequence[Sequence[int]]) -> np.ndarray:
        for chosen in rounds:
            self.number += 1
            received = self.received()
            aggregated = self.server.open(self.weights, chosen, self.number)
            for k in chosen:
                update = self.algorithm.train(self.clients[k], self.weights, received)
                assert update.weights.dtype == np.float32
                assert sorted(update.extras) == sorted(self.algorithm.returns)
                self.clients[k].close(self.number)
                aggregated.add(update)
            self.weights = aggregated.weights()
        return self.weights

    def judged(self, k: int) -> np.ndarray:
        return self.algorithm.detector(self.clients[k], self.weights, self.received())


def made(strategy: str, *, steps: int = 4, rate: float = 0.1, **changes: object) -> Rounds:
    bowls = slow.Bowls(GATEWAYS, SIZE, steps=steps, rate=rate)
    return Rounds(settings(strategy, **changes), bowls)


def near(found: np.ndarray, expected: np.ndarray, atol: float = 2e-5) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


class TestScaffold:
    @few
    @pytest.mark.parametrize("server_rate", [1.0, 0.5])
    def test_is_the_papers_loop(self, rounds: Sequence[Sequence[int]], server_rate: float) -> None:
        led = made("scaffold", server_learning_rate=server_rate)
        start = led.start.astype(np.float64)
        near(led.lead(rounds), slow.scaffold(led.bowls, start, rounds, server_rate))

    @pytest.mark.parametrize("steps", [1, 4])
    def test_begins_as_fedavg_and_goes_on_as_it_with_one_step_each(self, steps: int) -> None:
        """Corrections of zero in round 1; in one step of full rounds they cancel, alike sizes."""
        ours, plain = made("scaffold", steps=steps), made("fedavg", steps=steps)
        for led in (ours, plain):
            led.bowls.windows = [10] * GATEWAYS
        np.testing.assert_array_equal(ours.lead(FULL[:1]), plain.lead(FULL[:1]))
        if steps == 1:
            near(ours.lead(FULL[:4]), plain.lead(FULL[:4]))
        else:
            assert np.abs(ours.lead(FULL[:4]) - plain.lead(FULL[:4])).max() > 1e-3

    def test_the_servers_control_is_the_mean_of_the_gateways(self) -> None:
        led = made("scaffold")
        led.bowls.windows = [10] * GATEWAYS
        for _ in range(5):
            led.lead([range(GATEWAYS)])
            own = [client.recall()["control"] for client in led.clients]
            near(led.server.state["control"], np.mean(own, axis=0), 1e-6)

    def test_goes_where_fedavg_does_not_get(self) -> None:
        away = {}
        for name in ("scaffold", "fedavg"):
            led = made(name, steps=10)
            led.bowls.windows = [10] * GATEWAYS
            away[name] = np.abs(led.lead(FULL * 40) - led.bowls.lowest()).max()
        assert away["scaffold"] < 1e-4 < 0.01 < away["fedavg"]


class TestFedDyn:
    @few
    def test_is_the_papers_loop(self, rounds: Sequence[Sequence[int]]) -> None:
        led = made("feddyn", alpha=0.3)
        start = led.start.astype(np.float64)
        near(led.lead(rounds), slow.feddyn(led.bowls, start, rounds, 0.3), 1e-4)

    def test_rests_at_the_lowest_point_of_all(self) -> None:
        led = made("feddyn", steps=60, alpha=0.5)
        led.lead(FULL * 30)
        near(led.weights, led.bowls.lowest(), 1e-3)
        before = led.weights
        near(led.lead(FULL[:1]), before, 1e-4)
        for client in led.clients:
            near(client.recall()["gradient"], led.bowls.gradient(client.k, before), 1e-3)


class TestDitto:
    @few
    def test_is_the_papers_loop(self, rounds: Sequence[Sequence[int]]) -> None:
        led = made("ditto", ditto_lambda=0.7)
        start = led.start.astype(np.float64)
        expected, own = slow.ditto(led.bowls, start, rounds, 0.7)
        near(led.lead(rounds), expected)
        for k, each in own.items():
            near(led.judged(k), each)

    def test_its_global_weights_are_fedavgs_bits(self) -> None:
        found, plain = (made(name).lead(PARTLY) for name in ("ditto", "fedavg"))
        np.testing.assert_array_equal(found, plain)

    def test_without_pull_gateways_train_alone(self) -> None:
        led = made("ditto", ditto_lambda=0.0)
        led.lead(FULL)
        for k in range(GATEWAYS):
            y = led.start.astype(np.float64)
            for _ in range(len(FULL) * led.bowls.steps):
                y -= led.bowls.rate * led.bowls.gradient(k, y)
            near(led.judged(k), y)

    def test_a_strong_pull_leaves_them_at_the_global_weights(self) -> None:
        led = made("ditto", rate=0.01, steps=30, ditto_lambda=60.0)
        led.lead(FULL[:-1])
        sent = led.weights
        led.lead(FULL[:1])
        for k in range(GATEWAYS):
            assert np.abs(led.judged(k) - sent).max() < 0.1
            assert np.abs(led.bowls.lows[k] - sent).max() > 0.5

    def test_who_never_trained_is_judged_by_the_global_detector(self) -> None:
        led = made("ditto")
        led.lead([(0, 1)])
        np.testing.assert_array_equal(led.judged(4), led.weights)


class TestFedPer:
    @few
    @pytest.mark.parametrize("layers", [1, 2])
    def test_is_the_papers_loop(self, rounds: Sequence[Sequence[int]], layers: int) -> None:
        bowls_size = {"model.dense": 3, "strategy.personal_layers": layers}
        config = Config.resolve({**settings("fedper").flat(), **bowls_size})
        architecture = run_architecture(TASK, config)
        bowls = slow.Bowls(GATEWAYS, architecture.size, steps=4, rate=0.1)
        led, base = Rounds(config, bowls), architecture.layout.base_size(layers)
        assert len(led.start) == base < architecture.size
        start = initial_weights(architecture, config).astype(np.float64)
        expected, own = slow.fedper(bowls, start, rounds, base)
        near(led.lead(rounds), expected)
        for k, each in own.items():
            near(led.judged(k), np.concatenate([expected, each]))

    def test_who_never_trained_has_the_opening_layers(self) -> None:
        led = made("fedper")
        led.lead([(0, 1)])
        base, opening = (
            len(led.weights),
            initial_weights(run_architecture(TASK, led.config), led.config),
        )
        np.testing.assert_array_equal(led.judged(4)[:base], led.weights)
        np.testing.assert_array_equal(led.judged(4)[base:], opening[base:])


class TestIfca:
    @few
    @pytest.mark.parametrize("clusters", [2, 3])
    def test_is_the_papers_loop(self, rounds: Sequence[Sequence[int]], clusters: int) -> None:
        led = made("ifca", clusters=clusters)
        starts = list(led.start.reshape(clusters, -1).astype(np.float64))
        assert len({each.tobytes() for each in starts}) == clusters
        expected, _ = slow.ifca(led.bowls, starts, rounds)
        near(led.lead(rounds), np.concatenate(expected))
        for k in range(GATEWAYS):
            losses = [led.bowls.loss(k, each) for each in expected]
            near(led.judged(k), expected[losses.index(min(losses))])

    def test_two_kinds_of_gateways_find_their_clusters(self) -> None:
        led = made("ifca", steps=10)
        led.bowls.curves[:] = 1.0
        kinds = np.array([0, 1, 0, 1, 1])
        led.bowls.lows[:] = np.where(kinds == 0, -1.0, 1.0)[:, None]
        led.lead(FULL * 3)
        assert sorted(led.server.log["clusters"]) == [2, 3]  # type: ignore[call-overload]
        for k, kind in enumerate(kinds):
            near(led.judged(k), np.full(SIZE, 1.0 if kind else -1.0), 1e-3)

    def test_one_cluster_is_fedavg_to_the_bit(self) -> None:
        found, plain = made("ifca", clusters=1).lead(PARTLY), made("fedavg").lead(PARTLY)
        np.testing.assert_array_equal(found, plain)

    def test_a_cluster_that_nobody_chose_stays(self) -> None:
        led = made("ifca")
        led.weights = led.weights.copy()
        led.weights[SIZE:] = 100.0
        found = led.lead(FULL)
        np.testing.assert_array_equal(found[SIZE:], np.full(SIZE, 100.0))
        assert led.server.log == {"clusters": [GATEWAYS, 0]}

    def test_losses_that_are_no_numbers_choose_nothing_but_the_first(self) -> None:
        led = made("ifca")
        site = led.clients[0]
        site.training_loss = lambda weights: math.nan  # type: ignore[method-assign]
        np.testing.assert_array_equal(led.judged(0), led.start[:SIZE])
        site.training_loss = lambda w: math.nan if w[0] == led.start[0] else 1.0  # type: ignore[method-assign]
        np.testing.assert_array_equal(led.judged(0), led.start[SIZE:])
