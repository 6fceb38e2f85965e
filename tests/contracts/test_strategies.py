"""What every registered strategy must do, whatever its mathematics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import oracles
import pytest
from flwr.app import RecordDict
from strategy_messages import SIZE, draw, lead, sent, strategy_of

from fednids.config import Config, FederationConfig
from fednids.errors import ConfigError, FederationError
from fednids.experiment.execution import check_settings, execute
from fednids.simulation.engines.base import take_identity
from fednids.studies.relevance import STRATEGY_DIALS
from server.federation import Federation
from server.strategies import STRATEGIES
from server.strategies.leading import OfFlower, Ruled, Stepping

every = pytest.mark.parametrize("name", STRATEGIES)
STEPPING = ("fedavgm", "fedadam", "fedyogi", "fedadagrad", "feddyn", "qfedavg", "fltrust")
"""Those that go beyond, or not as far as, what the updates agree on."""
AVERAGING = tuple(name for name in STRATEGIES if name not in STEPPING)
LEAST = {"krum": 5, "multikrum": 5, "bulyan": 7}
"""Fewest participants with one liar; 1 for the others."""


@pytest.fixture(autouse=True, scope="module")
def _identity() -> None:
    take_identity()


class TestLaws:
    @pytest.mark.parametrize("name", AVERAGING)
    def test_equal_updates_give_that_update(self, name: str) -> None:
        start, update = draw(2)
        found = lead(strategy_of(name), start, [update] * 7, [1, 2, 3, 4, 5, 6, 7])
        np.testing.assert_allclose(found, update, rtol=0, atol=1e-6)

    @pytest.mark.parametrize("name", STEPPING)
    def test_equal_updates_draw_every_weight_towards_them(self, name: str) -> None:
        """The first step goes towards the update, weight by weight, and never away."""
        start, update = draw(2)
        update[:5] = start[:5]
        found = lead(strategy_of(name), start, [update] * 4, [1, 2, 3, 4])
        np.testing.assert_array_equal(np.sign(found - start), np.sign(update - start))

    @pytest.mark.parametrize("name", STEPPING)
    def test_they_get_there(self, name: str) -> None:
        weights, update = draw(2)
        strategy, apart = strategy_of(name, eta=0.1, q=0), np.abs(weights - update).max()
        for number in range(1, 400):
            weights = lead(strategy, weights, [update], [1], number=number)
        assert np.abs(weights - update).max() < 0.2 * apart

    @every
    def test_updates_that_are_the_global_weights_change_nothing(self, name: str) -> None:
        start = draw(1)[0]
        strategy = strategy_of(name)
        for number in (1, 2):
            found = lead(strategy, start, [start] * 7, [5] * 7, number=number)
            np.testing.assert_allclose(found, start, rtol=0, atol=1e-7)

    @every
    def test_the_order_of_replies_changes_no_bit(self, name: str) -> None:
        start, *updates = draw(12)
        examples = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 7]
        rng = np.random.default_rng(1)
        whole = [lead(strategy_of(name), start, updates, examples).tobytes()]
        for _ in range(20):
            order = rng.permutation(11).tolist()
            found = lead(strategy_of(name), start, updates, examples, order=order)
            whole.append(found.tobytes())
        assert len(set(whole)) == 1

    @every
    def test_shape_and_type_are_kept(self, name: str) -> None:
        start, *updates = draw(8)
        result = lead(strategy_of(name), start, updates, [5] * 7)
        assert (result.shape, result.dtype) == ((SIZE,), np.float32)

    @every
    @pytest.mark.parametrize("count", [1, 2])
    def test_one_and_two_participants(self, name: str, count: int) -> None:
        start, *updates = draw(1 + count)
        if count < LEAST.get(name, 1):
            with pytest.raises(ConfigError, match=f"at least 3 updates, got {count}"):
                strategy_of(name, count)
            with pytest.raises(FederationError, match="at least 3 updates"):
                lead(strategy_of(name), start, updates, [3, 9][:count])
            return
        found = lead(strategy_of(name, count), start, updates, [3, 9][:count])
        assert np.isfinite(found).all()
        if count == 1 and name in AVERAGING:
            np.testing.assert_allclose(found, updates[0], rtol=0, atol=1e-6)

    @pytest.mark.parametrize("name", ["fedavg", "fedprox"])
    def test_weighted_mean_is_the_slow_twins(self, name: str) -> None:
        start, *updates = draw(5)
        expected = oracles.weighted_mean(updates, [1, 10, 100, 7])
        found = lead(strategy_of(name), start, updates, [1, 10, 100, 7])
        np.testing.assert_allclose(found, expected, atol=1e-6)

    @every
    def test_every_participant_is_asked_with_the_round(self, name: str) -> None:
        messages = sent(strategy_of(name), draw(1)[0], [5, 3, 8])
        assert [message.metadata.dst_node_id for message in messages] == [3, 5, 8]
        assert all(isinstance(message.content, RecordDict) for message in messages)
        assert {m.content.config_records["config"]["server-round"] for m in messages} == {1}

    @every
    def test_fedprox_alone_sends_its_mu(self, name: str) -> None:
        config = sent(strategy_of(name), draw(1)[0], [1])[0].content.config_records["config"]
        assert config.get("proximal-mu") == (0.01 if name == "fedprox" else None)


class TestSettings:
    def test_unknown_name_lists_the_known_ones(self) -> None:
        with pytest.raises(ConfigError, match=", ".join(STRATEGIES)):
            strategy_of("fedbest")

    @pytest.mark.parametrize(
        ("name", "gateways", "changes", "told"),
        [
            ("krum", 10, {"malicious": 4}, "malicious from 0 to 3 with 10 updates"),
            ("multikrum", 10, {"malicious": 4}, "malicious from 0 to 3 with 10 updates"),
            ("multikrum", 10, {"malicious": 3, "select": 8}, "select from 0 to 7 with 10 updates"),
            ("bulyan", 10, {"malicious": 2}, "malicious from 0 to 1 with 10 updates"),
            ("krum", 10, {"fraction": 0.4}, "malicious from 0 to 0 with 4 updates"),
            ("krum", 2, {"malicious": 0}, "at least 3 updates, got 2"),
        ],
    )
    def test_what_contradicts_the_participants_stops_before_round_1(
        self, name: str, gateways: int, changes: dict[str, object], told: str, tmp_path: Path
    ) -> None:
        settings = {f"federation.{key}": value for key, value in changes.items()}
        config = Config.resolve(
            {"federation.strategy": name, "partition.gateways": gateways, **settings}
        )
        refusals: list[Callable[[], object]] = [
            lambda: check_settings(config),
            lambda: Federation(None, config),  # type: ignore[arg-type]
            lambda: execute("federated", config, tmp_path / "run"),
        ]
        for refuse in refusals:
            with pytest.raises(ConfigError, match=told) as caught:
                refuse()
            assert len(str(caught.value).splitlines()) == 1
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("name", "changes"),
        [
            ("krum", {"malicious": 3}),
            ("multikrum", {"malicious": 3, "select": 6}),
            ("bulyan", {"malicious": 1}),
            ("fedtrimmedavg", {"beta": 0.49}),
        ],
    )
    def test_what_is_just_allowed_is_taken(self, name: str, changes: dict[str, object]) -> None:
        start, *updates = draw(10)
        assert np.isfinite(lead(strategy_of(name, 9, **changes), start, updates, [1] * 9)).all()

    @every
    def test_the_sweeps_know_what_it_reads(self, name: str) -> None:
        strategy, other = strategy_of(name), dials_of(name)
        assert set(other) == set(STRATEGY_DIALS[name])
        for dial, value in other.items():
            assert read_by(strategy_of(name, **{dial: value})) != read_by(strategy), dial
        unread = {dial: value for dial, value in OTHER.items() if dial not in other}
        assert read_by(strategy_of(name, **unread)) == read_by(strategy)


OTHER: dict[str, object] = {
    "proximal_mu": 3.0, "server_learning_rate": 0.5, "server_momentum": 0.1, "eta": 0.3,
    "beta_1": 0.2, "beta_2": 0.3, "tau": 0.4, "beta": 0.1, "malicious": 2, "select": 3,
    "clip_norm": 7.0, "smoothing": 0.1, "iterations": 9, "q": 2.0, "lipschitz": 3.0,
    "dyn_alpha": 0.5, "ditto_lambda": 7.0, "personal_layers": 2, "clusters": 5, "root_flows": 7,
}  # fmt: skip
"""For each dial a value that is not the default."""


def dials_of(name: str) -> dict[str, object]:
    return {dial: OTHER[dial] for dial in STRATEGY_DIALS[name]}


def read_by(strategy: object) -> object:
    if isinstance(strategy, Ruled | Stepping):
        return strategy.rule
    if isinstance(strategy, OfFlower):
        return getattr(strategy.strategy, "proximal_mu", None)
    return {name: value for name, value in vars(strategy).items() if name != "_sender"}


def test_every_strategy_and_every_dial_is_known_to_the_sweeps() -> None:
    assert set(STRATEGY_DIALS) == set(STRATEGIES)
    assert set(OTHER) == {dial for dials in STRATEGY_DIALS.values() for dial in dials}
    shared = {"rounds", "strategy", "fraction", "max_failures", "norm_bound", "timeout"}
    assert set(OTHER) == set(FederationConfig.model_fields) - shared
