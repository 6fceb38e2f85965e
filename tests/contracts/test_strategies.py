"""What every registered strategy must do, whatever its mathematics."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_origin

import numpy as np
import oracles
import pytest
from strategy_messages import SIZE, draw, lead, strategy_of

from fednids.config import RENAMED, Config
from fednids.errors import ConfigError, FederationError
from fednids.experiment.execution import check_settings, execute
from fednids.extensions import ALGORITHMS
from fednids.simulation.engines.base import take_identity
from server.rounds import Federation

NAMES = ALGORITHMS.builtin
every = pytest.mark.parametrize("name", NAMES)
STEPPING = ("fedavgm", "fedadam", "fedyogi", "fedadagrad", "feddyn", "qfedavg", "fltrust")
"""Those that go beyond, or not as far as, what the updates agree on."""
AVERAGING = tuple(name for name in NAMES if name not in STEPPING)
FAST = {name: {"eta": 0.1} for name in ("fedadam", "fedyogi", "fedadagrad")} | {"qfedavg": {"q": 0}}
"""Settings with which a step is long."""
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
        strategy, apart = strategy_of(name, **FAST.get(name, {})), np.abs(weights - update).max()
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


class TestSettings:
    def test_unknown_name_lists_the_known_ones(self) -> None:
        with pytest.raises(ConfigError, match=", ".join(NAMES[:5])):
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
        settings = {
            f"{'federation' if key == 'fraction' else 'strategy'}.{key}": value
            for key, value in changes.items()
        }
        config = Config.resolve({"strategy.name": name, "partition.gateways": gateways, **settings})
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
    def test_are_declared_with_a_range_and_a_meaning(self, name: str) -> None:
        for key, field in ALGORITHMS.find(name).Settings.model_fields.items():
            assert field.description, key
            chosen = get_origin(field.annotation) is Literal
            assert field.metadata or chosen, f"{key} has no range"
            assert not field.is_required(), key

    @every
    def test_of_other_algorithms_are_refused(self, name: str) -> None:
        own = ALGORITHMS.find(name).Settings.model_fields
        other = "clusters" if "clusters" not in own else "mu"
        with pytest.raises(ConfigError, match=f"strategy.name={name}, which has .*{other}"):
            strategy_of(name, **{other: 1})

    @pytest.mark.parametrize(("old", "new"), RENAMED.items())
    def test_old_names_are_refused_with_the_new_ones(self, old: str, new: str) -> None:
        with pytest.raises(ConfigError, match=f"expected {new}, got its old name"):
            Config.resolve({old: 1})


def test_files_import_no_framework() -> None:
    code = (
        "import sys; from fednids.extensions import ALGORITHMS; "
        "[ALGORITHMS.find(name) for name in ALGORITHMS.names()]; "
        "print('mindspore' in sys.modules, 'flwr' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
