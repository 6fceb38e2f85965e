"""Class weights: rare classes count more, and a flow counts 1 on average."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from runs_factory import small_config

from fednids.config import Config, TrainConfig
from fednids.datasets.federated import FederatedDataset
from fednids.flows.scaling import Scaler
from fednids.messages.values import Statistics
from fednids.training.initial import (
    MASKED,
    class_weights,
    client_adjustment,
    federation_adjustment,
    initial_task,
    initial_weights,
    logit_adjustment,
    run_architecture,
    stack_size,
)

SUPPORTS = st.lists(st.integers(0, 10**6), min_size=2, max_size=5).filter(any).map(np.array)
BALANCES = st.floats(0, 1)
SAMPLE = np.array([899, 59_186, 116_903, 18_135, 23])


class TestClassWeights:
    @given(support=SUPPORTS, balance=BALANCES)
    def test_mean_over_the_training_flows_is_1(self, support: NDArray[Any], balance: float) -> None:
        weights = class_weights(support, balance)
        assert weights.dtype == np.float32
        assert weights.shape == support.shape
        np.testing.assert_allclose(weights @ support / support.sum(), 1, rtol=1e-5)

    @given(support=SUPPORTS)
    def test_balance_0_weighs_all_alike(self, support: NDArray[Any]) -> None:
        np.testing.assert_allclose(class_weights(support, 0.0)[support > 0], 1, rtol=1e-6)

    @given(support=SUPPORTS)
    def test_balance_1_gives_every_class_the_same_say(self, support: NDArray[Any]) -> None:
        said = (class_weights(support, 1.0) * support)[support > 0]
        np.testing.assert_allclose(said, said[0], rtol=1e-5)

    @given(support=SUPPORTS, balance=BALANCES)
    def test_a_class_without_flows_weighs_nothing(
        self, support: NDArray[Any], balance: float
    ) -> None:
        np.testing.assert_array_equal(class_weights(support, balance) > 0, support > 0)

    @given(support=SUPPORTS, balance=BALANCES)
    def test_a_rarer_class_never_weighs_less(self, support: NDArray[Any], balance: float) -> None:
        order = np.argsort(support[support > 0])
        assert (np.diff(class_weights(support, balance)[support > 0][order]) <= 1e-6).all()

    def test_is_the_power_of_the_balanced_weights(self) -> None:
        balanced = SAMPLE.sum() / (5 * SAMPLE)
        for balance in (0.25, 0.5, 1.0):
            found = class_weights(SAMPLE, balance)
            np.testing.assert_allclose(
                found / found[2], (balanced / balanced[2]) ** balance, rtol=1e-5
            )

    @pytest.mark.parametrize("factor", [2, 1000])
    def test_only_shares_matter(self, factor: int) -> None:
        np.testing.assert_allclose(
            class_weights(SAMPLE * factor, 0.25), class_weights(SAMPLE, 0.25), rtol=1e-6
        )

    def test_one_class_alone(self) -> None:
        assert class_weights(np.array([0, 7, 0]), 0.5).tolist() == [0, 1, 0]


class TestStackSize:
    BATCHES = st.integers(1, 65_536) | st.integers(1, 200)
    GATEWAYS = st.integers(1, 100_000) | st.integers(1, 300)
    FRACTIONS = st.floats(0.001, 1)

    @staticmethod
    def of(batch: int, gateways: int, fraction: float = 1.0, **others: object) -> int:
        return stack_size(
            small_config(
                train__batch_size=batch,
                partition__gateways=gateways,
                federation__fraction=fraction,
                **others,
            )
        )

    @given(batch=BATCHES, gateways=GATEWAYS, fraction=FRACTIONS)
    @example(batch=64, gateways=128, fraction=1.0)
    @example(batch=129, gateways=1000, fraction=1.0)
    def test_is_8_to_16_or_1(self, batch: int, gateways: int, fraction: float) -> None:
        found = self.of(batch, gateways, fraction)
        assert found == 1 or 8 <= found <= 16
        assert found == 1 or found * batch <= 1024
        assert found == 1 or 8 * found <= max(round(fraction * gateways), 1)

    @given(batch=BATCHES, gateways=GATEWAYS, fraction=FRACTIONS, stack=st.integers(1, 64))
    def test_what_is_asked_for_wins(
        self, batch: int, gateways: int, fraction: float, stack: int
    ) -> None:
        assert self.of(batch, gateways, fraction, train__stack=stack) == stack

    @given(batch=BATCHES, gateways=st.integers(1, 63), fraction=FRACTIONS)
    def test_few_gateways_train_alone(self, batch: int, gateways: int, fraction: float) -> None:
        assert self.of(batch, gateways, fraction) == 1

    @pytest.mark.parametrize(
        ("batch", "gateways", "fraction", "expected"),
        [
            (64, 1000, 1.0, 16), (1, 1000, 1.0, 16), (128, 1000, 1.0, 8), (129, 1000, 1.0, 1),
            (100, 1000, 1.0, 10), (64, 64, 1.0, 8), (64, 63, 1.0, 1), (64, 100, 1.0, 12),
            (64, 1000, 0.1, 12), (64, 1000, 0.05, 1), (64, 10, 1.0, 1), (64, 1, 0.001, 1),
        ],
    )  # fmt: skip
    def test_of_some_settings(
        self, batch: int, gateways: int, fraction: float, expected: int
    ) -> None:
        assert self.of(batch, gateways, fraction) == expected

    def test_does_not_depend_on_where_it_runs(self) -> None:
        places = [{"run__engine": "processes"}, {"run__workers": 7}, {"run__seed": 9}]
        assert {self.of(64, 100, **place) for place in places} == {self.of(64, 100)}

    def test_of_the_defaults_is_1(self) -> None:
        assert stack_size(Config()) == 1


class TestLogitAdjustment:
    def test_is_the_scaled_logarithm_of_the_frequencies(self) -> None:
        expected = [2.5 * np.log(count / SAMPLE.sum()) for count in SAMPLE]
        np.testing.assert_allclose(logit_adjustment(SAMPLE, 2.5), expected, rtol=1e-6)

    def test_a_class_without_flows_counts_as_one(self) -> None:
        found = logit_adjustment(np.array([0, 8, 1]), 1.0)
        np.testing.assert_allclose(found, np.log([1 / 9, 8 / 9, 1 / 9]), rtol=1e-6)

    def test_the_task_has_one_only_if_it_is_asked_for(self) -> None:
        config, adjusted = small_config(), small_config(train__logit_adjustment=0.5)
        dataset = FederatedDataset.open(config).pooled()
        statistics = Statistics(0, dataset.moments(0), dataset.initial_support(0))
        assert initial_task([statistics], config).adjustment is None
        np.testing.assert_array_equal(
            initial_task([statistics], adjusted).adjustment,
            logit_adjustment(statistics.train_support, 0.5),
        )


class TestPrior:
    OWN = np.array([90, 0, 10])

    def test_without_one_nothing_is_added(self) -> None:
        train = TrainConfig(logit_adjustment=0)
        assert federation_adjustment(SAMPLE, train) is None
        assert client_adjustment(self.OWN, None, train) is None

    @pytest.mark.parametrize("kept", [0.0, 0.25, 1.0])
    def test_the_federations_is_alike_at_all_clients(self, kept: float) -> None:
        train = TrainConfig(prior="federation", logit_adjustment=2.0, answer_prior=kept)
        shared = federation_adjustment(SAMPLE, train)
        if kept == 1.0:
            assert shared is None
        else:
            expected = 2 * (1 - kept) * np.log(SAMPLE / SAMPLE.sum())
            np.testing.assert_allclose(shared, expected, rtol=1e-6)
        assert client_adjustment(self.OWN, shared, train) is shared

    def test_a_clients_own_leaves_out_what_it_lacks(self) -> None:
        train = TrainConfig(prior="own")
        shared = federation_adjustment(np.array([100, 20, 30]), train)
        assert shared is None
        found = client_adjustment(self.OWN, shared, train)
        np.testing.assert_allclose(found, [np.log(0.9), MASKED, np.log(0.1)], rtol=1e-6)

    def test_or_counts_it_as_some_flows(self) -> None:
        train = TrainConfig(prior="own", absent_class=0.5)
        found = client_adjustment(self.OWN, None, train)
        np.testing.assert_allclose(found, np.log([0.9, 0.005, 0.1]), rtol=1e-6)

    def test_what_the_answer_adds_is_taken_off_in_training(self) -> None:
        train = TrainConfig(prior="own", answer_prior=0.5)
        everyone = np.array([100, 20, 80])
        found = client_adjustment(self.OWN, federation_adjustment(everyone, train), train)
        expected = np.log([0.9, 1.0, 0.1]) - 0.5 * np.log(everyone / 200)
        np.testing.assert_allclose(found[[0, 2]], expected[[0, 2]], rtol=1e-6)
        assert found[1] == MASKED

    def test_a_gateway_with_the_federations_classes_trains_plainly_for_its_prior(self) -> None:
        """All of the prior in the answer, and in the loss: nothing is left to add."""
        train = TrainConfig(prior="own", answer_prior=1.0)
        found = client_adjustment(2 * SAMPLE, federation_adjustment(SAMPLE, train), train)
        np.testing.assert_allclose(found, 0, atol=1e-6)

    @pytest.mark.parametrize(
        ("given", "expected"), [(0, "none"), ("0.0", "none"), ("0.5", "federation")]
    )
    def test_a_factor_alone_means_the_federations(self, given: object, expected: str) -> None:
        assert Config.resolve({"train.logit_adjustment": given}).train.prior == expected


class TestBalance:
    """Class weights that the settings leave open, or not."""

    @pytest.mark.parametrize(
        ("settings", "algorithm", "expected"),
        [
            ({}, "all", 0.25),
            ({}, "square-root", 0.0),
            ({"train__balance": 0.5}, "square-root", 0.5),
            ({"train__sampling": "balanced"}, "square-root", 0.25),
            ({"train__sampling": "all"}, "square-root", 0.25),
        ],
    )
    def test_follow_the_algorithm_where_they_are_left_open(
        self, settings: dict[str, object], algorithm: str, expected: float
    ) -> None:
        config = small_config(**settings)
        dataset = FederatedDataset.open(config).pooled()
        statistics = Statistics(0, dataset.moments(0), dataset.initial_support(0))
        task = initial_task([statistics], config, algorithm)
        np.testing.assert_array_equal(
            task.class_weights, class_weights(statistics.train_support, expected)
        )


class TestOpening:
    def test_the_task_is_that_of_the_pooled_flows(self) -> None:
        config = small_config()
        dataset = FederatedDataset.open(config)
        statistics = [
            Statistics(k, dataset.moments(k), dataset.support(dataset.training(k)))
            for k in range(dataset.gateways)
        ]
        task, pooled = initial_task(statistics, config), dataset.pooled()
        central = Scaler.fit(pooled.moments(0))
        np.testing.assert_allclose(task.scaler.mean, central.mean, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(task.scaler.scale, central.scale, rtol=1e-12)
        support = reduce(add, [each.train_support for each in statistics])
        np.testing.assert_array_equal(support, pooled.support(pooled.training(0)))
        np.testing.assert_array_equal(task.class_weights, class_weights(support, 0.25))
        assert task.server_round == 1

    def test_architecture_and_weights_fit_what_is_scaled(self) -> None:
        config = small_config()
        dataset = FederatedDataset.open(config)
        statistics = Statistics(0, dataset.pooled().moments(0), np.array([1, 1, 1, 1, 1]))
        architecture = run_architecture(initial_task([statistics], config), config)
        assert architecture.features == len(dataset.flows.features)
        assert (architecture.window, architecture.classes) == (4, 5)
        first, again = (initial_weights(architecture, config) for _ in range(2))
        other = initial_weights(architecture, small_config(run__seed=2))
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()
