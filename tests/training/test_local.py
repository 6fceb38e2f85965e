"""A process's gateways: what is trained and scored together is what each would do alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from runs_factory import small_config

from fednids.config import AttackConfig, Config, TrainConfig
from fednids.datasets.federated import FederatedDataset
from fednids.messages.values import Task, Update
from fednids.metrics import Curves
from fednids.simulation.adversaries.malicious import MaliciousClients
from fednids.training.initial import initial_task, initial_weights, run_architecture
from fednids.training.local import LocalTrainer, open_trainer, round_rate
from fednids.training.together import run_together
from fednids.training.trainer import Trainer

CONFIG = small_config(
    partition__gateways=4, partition__scheme="iid", data__flows=900, train__stack=4,
    model__channels="4", model__hidden=4,
)  # fmt: skip
GATEWAYS = range(4)


@cache
def workplace() -> LocalTrainer:
    return LocalTrainer(CONFIG, FederatedDataset.open(CONFIG))


@cache
def opening() -> tuple[Task, np.ndarray]:
    task = initial_task([workplace().statistics(k) for k in GATEWAYS], CONFIG)
    return task, initial_weights(run_architecture(task, CONFIG), CONFIG)


@pytest.fixture
def sizes_seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tell how many jobs or gateways each call of the trainer had."""
    sizes: list[int] = []
    for name in ("train_all", "score_all"):
        monkeypatch.setattr(Trainer, name, noting(getattr(Trainer, name), sizes, name))
    return sizes


def noting(method: Callable, sizes: list[int], name: str) -> Callable:  # type: ignore[type-arg]
    def call(self, first, second):  # type: ignore[no-untyped-def]
        sizes.append(len(first if name == "train_all" else second))
        return method(self, first, second)

    return call


def trained(k: int, start: np.ndarray, task: Task) -> Update:
    return workplace().train(k, start, task).update


class TestTraining:
    def test_together_is_that_of_each_alone(self, sizes_seen: list[int]) -> None:
        task, start = opening()
        calls = [partial(trained, k, start, task) for k in GATEWAYS]
        together, alone = run_together(calls), [call() for call in calls]
        assert sizes_seen == [4, 1, 1, 1, 1]
        for k, one, other in zip(GATEWAYS, together, alone, strict=True):
            assert one.partition_id == other.partition_id == k
            assert (one.examples, one.steps) == (other.examples, other.steps)
            np.testing.assert_allclose(one.weights, other.weights, atol=1e-5)
            np.testing.assert_allclose(one.loss, other.loss, atol=1e-5)
            assert np.abs(one.weights - start).max() > 1e-4
        assert all(update.compile_seconds == 0 for update in together[1:])

    def test_of_different_tasks_is_done_one_by_one_to_the_bit(self, sizes_seen: list[int]) -> None:
        task, start = opening()
        tasks = [replace(task, server_round=1 + k % 2) for k in GATEWAYS]
        calls = [partial(trained, k, start, tasks[k]) for k in GATEWAYS]
        together = run_together(calls)
        assert sizes_seen == [1] * 4
        for one, call in zip(together, calls, strict=True):
            np.testing.assert_array_equal(one.weights, call().weights)

    def test_without_windows_gives_the_weights_back_and_meets_nobody(
        self, sizes_seen: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task, start = opening()
        training = FederatedDataset.training

        def none_at_2(self: FederatedDataset, k: int, server_round: int):  # type: ignore[no-untyped-def]
            found = training(self, k, server_round)
            return (
                replace(found, order=found.order[:0], labels=found.labels[:0]) if k == 2 else found
            )

        monkeypatch.setattr(FederatedDataset, "training", none_at_2)
        found = run_together([partial(trained, k, start, task) for k in GATEWAYS])
        assert sizes_seen == [3]
        assert [update.examples > 0 for update in found] == [True, True, False, True]
        np.testing.assert_array_equal(found[2].weights, start)
        assert np.isnan(found[2].loss)


class TestScoring:
    def test_together_is_that_of_each_alone(self, sizes_seen: list[int]) -> None:
        task, start = opening()
        calls = [partial(workplace().evaluate, k, start, task) for k in GATEWAYS]
        together, alone = run_together(calls), [call() for call in calls]
        assert sizes_seen == [4, 1, 1, 1, 1]
        for k, one, other in zip(GATEWAYS, together, alone, strict=True):
            assert one.partition_id == other.partition_id == k
            assert one.counts == other.counts
            assert one.novel == other.novel
            np.testing.assert_allclose(one.loss, other.loss, rtol=1e-5)

    def test_scores_are_counted_in_the_last_round(self) -> None:
        task, start = opening()
        assert workplace().evaluate(0, start, task).curves is None
        last = replace(task, server_round=CONFIG.federation.rounds)
        for k in GATEWAYS:
            found = workplace().evaluate(k, start, last)
            assert found.curves is not None
            assert (found.validation, found.curves.validation) == (None, None)
            for counts, tally in (
                (found.counts, found.curves.all),
                (found.novel, found.curves.novel),
            ):
                curves = Curves.total([tally], 5)
                scored = curves.histograms.counts.sum(axis=2)
                np.testing.assert_array_equal(scored, np.tile(counts.support, (5, 1)).T)
                right = curves.reliability.grades[1].sum()
                assert right == counts.matrix.diagonal().sum()

    def test_validation_flows_are_scored_in_every_round(self) -> None:
        config = small_config(data__validation_share=0.25, data__flows=900)
        place = LocalTrainer(config, FederatedDataset.open(config))
        task = initial_task([place.statistics(k) for k in range(3)], config)
        found = place.evaluate(0, initial_weights(run_architecture(task, config), config), task)
        windows = place.dataset.validating(0)
        assert found.validation is not None
        assert windows is not None
        assert found.validation.total == len(windows) > 0
        assert found.curves is not None
        assert found.curves.validation is not None
        checked = Curves.total([found.curves.validation], 5)
        assert checked.reliability.total == len(windows)

    def test_of_different_weights_is_of_each_its_own(self, sizes_seen: list[int]) -> None:
        task, start = opening()
        weights = [start * (1 + k % 2) for k in GATEWAYS]
        calls = [partial(workplace().evaluate, k, weights[k], task) for k in GATEWAYS]
        together = run_together(calls)
        assert sizes_seen == [1] * 4
        assert [one.loss for one in together] == [call().loss for call in calls]


class TestRate:
    @given(rounds=st.integers(1, 300), first=st.floats(1e-5, 1), share=st.floats(0.01, 1))
    def test_falls_from_the_first_to_the_final(
        self, rounds: int, first: float, share: float
    ) -> None:
        train = TrainConfig(learning_rate=first, final_rate_share=share)
        rates = [round_rate(train, number, rounds) for number in range(1, rounds + 1)]
        assert rates[0] == pytest.approx(first)
        assert rounds == 1 or rates[-1] == pytest.approx(first * share)
        assert (np.diff(rates) <= 1e-12).all()


def test_a_run_opens_one_workplace() -> None:
    assert open_trainer(CONFIG) is open_trainer(Config.from_json(CONFIG.to_json()))
    assert open_trainer(CONFIG).config == CONFIG


class TestLiars:
    config = CONFIG.model_copy(
        update={"attack": AttackConfig(kind="label-flip", share=0.5, schedule="on-off")}
    )

    def test_train_on_falsified_flows_while_they_are_at_it(self) -> None:
        dataset, malicious = FederatedDataset.open(self.config), MaliciousClients.of(self.config, 4)
        place, (task, start) = LocalTrainer(self.config, dataset, malicious), opening()
        for number in (1, 2):
            now = replace(task, server_round=number)
            for k in GATEWAYS:
                found = place.train(k, start, now).update
                same = np.array_equal(found.weights, trained(k, start, now).weights)
                assert same == (k not in malicious.ids or number == 2)
                assert found.examples == trained(k, start, now).examples

    def test_tell_the_truth_before_round_1_and_about_the_test(self) -> None:
        dataset, malicious = FederatedDataset.open(self.config), MaliciousClients.of(self.config, 4)
        place, (task, start) = LocalTrainer(self.config, dataset, malicious), opening()
        k = malicious.ids[0]
        honest, found = workplace().statistics(k), place.statistics(k)
        np.testing.assert_array_equal(found.train_support, honest.train_support)
        np.testing.assert_array_equal(found.moments.sums, honest.moments.sums)
        expected = workplace().evaluate(k, start, task)
        assert place.evaluate(k, start, task).counts == expected.counts
        assert expected.triggered is None

    def test_every_process_of_a_run_knows_them(self) -> None:
        place, (task, start) = open_trainer(self.config), opening()
        k = MaliciousClients.of(self.config, 4).ids[0]
        found = place.train(k, start, task).update
        assert (found.weights != trained(k, start, task).weights).any()
