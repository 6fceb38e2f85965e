"""A federated dataset is a function of the settings: each flow has one window and one owner."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest
from flow_factory import CLASSES, feature_names
from numpy.typing import NDArray
from runs_factory import small_config

from fednids.config import Config
from fednids.datasets.federated import FederatedDataset, traffic_of
from fednids.datasets.registry import class_names
from fednids.errors import ConfigError, DataError, PartitionError
from fednids.flows.scaling import Scaler
from fednids.flows.split import SPLITS
from fednids.flows.windows import Windows
from partitions import PARTITIONERS, Arrival, arrived

SIDES = (False, True)


def federated_of(**settings: object) -> FederatedDataset:
    return FederatedDataset.open(small_config(**settings))


def rows_of(dataset: FederatedDataset, partition_id: int, side: bool) -> NDArray[Any]:
    """Give the flows of a gateway on one side of the split, in file order."""
    return np.flatnonzero((dataset.plan.assignment == partition_id) & (dataset.split.test == side))


def parts_of(dataset: FederatedDataset) -> Iterator[tuple[NDArray[Any], Windows]]:
    """Give rows and windows of every gateway and side."""
    for partition_id in range(dataset.gateways):
        for side, windows in zip(SIDES, (dataset.training, dataset.testing), strict=True):
            yield rows_of(dataset, partition_id, side), windows(partition_id)


def assert_same_dataset(left: FederatedDataset, right: FederatedDataset) -> None:
    assert left.plan == right.plan
    assert left.flows.origin == right.flows.origin
    for name in ("vectors", "vector", "attack"):
        np.testing.assert_array_equal(getattr(left.flows, name), getattr(right.flows, name))
    np.testing.assert_array_equal(left.split.test, right.split.test)


class TestWindows:
    @pytest.mark.parametrize("scheme", PARTITIONERS.names())
    @pytest.mark.parametrize("how", SPLITS)
    def test_equal_copied_ones_so_none_crosses_gateways_or_splits(
        self, scheme: str, how: str
    ) -> None:
        dataset = federated_of(partition__scheme=scheme, data__split=how, data__flows=300)
        owners, test, length = dataset.plan.assignment, dataset.split.test, 6
        rows = np.arange(300)[:, None]
        copied = np.array(oracles.windows_by_copying(rows, owners, test, length))[..., 0]
        assert (owners[copied] == owners[:, None]).all()
        assert (test[copied] == test[:, None]).all()
        for flows, windows in parts_of(dataset):
            ends = np.arange(len(flows))[:, None]
            found = windows.vectors(ends, np.arange(1 - length, 1))
            np.testing.assert_array_equal(found, dataset.flows.vector[copied[flows]])

    @pytest.mark.parametrize("scheme", PARTITIONERS.names())
    def test_every_flow_has_exactly_one(self, scheme: str) -> None:
        dataset = federated_of(partition__scheme=scheme, partition__gateways=6)
        times = np.zeros(len(dataset.flows), dtype=int)
        for flows, windows in parts_of(dataset):
            assert len(windows) == len(flows)
            np.testing.assert_array_equal(windows.labels, dataset.labels[flows])
            np.testing.assert_array_equal(windows.order, dataset.flows.vector[flows])
            times[flows] += 1
        assert (times == 1).all()

    def test_novel_tells_of_the_test_windows(self) -> None:
        dataset = federated_of()
        for partition_id in range(dataset.gateways):
            rows = rows_of(dataset, partition_id, True)
            np.testing.assert_array_equal(dataset.novel(partition_id), dataset.split.novel[rows])
        assert 0 < sum(dataset.novel(k).sum() for k in range(3)) == dataset.split.novel.sum()

    def test_dtypes(self) -> None:
        windows = federated_of().training(0)
        assert windows.order.dtype == windows.labels.dtype == np.dtype(np.int32)

    def test_a_gateway_that_is_not_there(self) -> None:
        with pytest.raises(PartitionError, match="from 0 to 2"):
            federated_of().training(3)


class TestTrainingSizes:
    @pytest.mark.parametrize("scheme", PARTITIONERS.names())
    def test_count_the_training_windows_of_every_gateway(self, scheme: str) -> None:
        dataset = federated_of(partition__scheme=scheme, data__flows=300)
        counted = tuple(len(dataset.training(k)) for k in range(dataset.gateways))
        assert dataset.training_sizes == counted
        assert sum(counted) == (~dataset.split.test).sum()
        assert all(type(size) is int for size in dataset.training_sizes)

    def test_are_there_for_gateways_without_any(self) -> None:
        dataset = federated_of(data__flows=600, partition__gateways=300, partition__minimum=2)
        assert len(dataset.training_sizes) == 300
        assert 0 in dataset.training_sizes
        assert dataset.training_sizes == tuple(len(dataset.training(k)) for k in range(300))

    def test_of_the_pooled_fleet_are_one(self) -> None:
        dataset = federated_of()
        assert dataset.pooled().training_sizes == (sum(dataset.training_sizes),)


class TestOpen:
    def test_is_a_function_of_the_settings(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        first = federated_of()
        assert_same_dataset(federated_of(), first)
        monkeypatch.setenv("FEDNIDS_CACHE", str(tmp_path))
        assert_same_dataset(federated_of(), first)

    def test_training_settings_do_not_matter(self) -> None:
        other = federated_of(
            train__epochs=3,
            train__stack=4,
            model__hidden=16,
            federation__rounds=9,
            data__window=8,
            run__engine="x",
        )
        assert_same_dataset(other, federated_of())

    def test_the_seed_matters(self) -> None:
        first, other = federated_of(), federated_of(run__seed=2)
        assert first.plan != other.plan
        assert (first.split.test != other.split.test).any()

    def test_the_split_does_not_depend_on_the_partition(self) -> None:
        first, other = federated_of(), federated_of(partition__scheme="iid", partition__gateways=11)
        np.testing.assert_array_equal(first.split.test, other.split.test)
        assert (first.gateways, other.gateways) == (3, 11)

    def test_deals_as_the_settings_say(self) -> None:
        skewed, even = (federated_of(partition__alpha=alpha) for alpha in (0.05, 1000.0))
        spreads = [np.std([len(f.training(k)) for k in range(3)]) for f in (skewed, even)]
        assert spreads[0] > 3 * spreads[1]
        dataset = federated_of(partition__scheme="pathological", partition__classes_per_gateway=2)
        counts = dataset.plan.label_counts(np.asarray(dataset.flows.attack), 5)
        assert (counts > 0).sum(axis=1).tolist() == [2, 2, 2]

    @pytest.mark.parametrize("share", [0.1, 0.5])
    def test_splits_as_the_settings_say(self, share: float) -> None:
        assert abs(federated_of(data__test_share=share).split.test.mean() - share) < 0.01

    @pytest.mark.parametrize(
        ("settings", "error"),
        [
            ({"partition__scheme": "nonesuch"}, ConfigError),
            ({"partition__gateways": 1000}, PartitionError),
            ({"data__path": "no/such/file.csv"}, DataError),
            ({"data__features": "v2"}, DataError),
            ({"data__flows": 2}, DataError),
            ({"data__split": "nonesuch"}, ConfigError),
        ],
    )
    def test_what_cannot_be_is_one_clear_line(
        self, settings: dict[str, object], error: type[Exception]
    ) -> None:
        with pytest.raises(error) as caught:
            federated_of(**settings)
        assert len(str(caught.value).splitlines()) == 1
        assert ";" in str(caught.value)


class TestClasses:
    def test_names(self) -> None:
        assert class_names(small_config()) == CLASSES
        assert class_names(small_config(model__classes="binary")) == ("Benign", "Attack")
        assert len(class_names(small_config(data__dataset="nf-ton-iot"))) == 10

    def test_five_are_the_attacks(self) -> None:
        dataset = federated_of()
        np.testing.assert_array_equal(dataset.labels, dataset.flows.attack)
        assert dataset.labels.dtype == np.int32
        assert dataset.classes == CLASSES

    def test_two_are_benign_and_the_rest_over_the_same_plan(self) -> None:
        five, two = federated_of(), federated_of(model__classes="binary")
        np.testing.assert_array_equal(two.labels, five.labels > 0)
        assert two.plan == five.plan
        assert two.support(two.testing(0)).shape == (2,)

    def test_support_counts_by_class(self) -> None:
        dataset = federated_of()
        for flows, windows in parts_of(dataset):
            labels = dataset.labels[flows].tolist()
            assert dataset.support(windows).tolist() == [labels.count(c) for c in range(5)]


class TestScaler:
    def test_federated_equals_centralised(self) -> None:
        dataset = federated_of(partition__gateways=20)
        federated = Scaler.fit(reduce(add, [dataset.moments(k) for k in range(20)]))
        centralised = Scaler.fit(dataset.pooled().moments(0))
        np.testing.assert_allclose(federated.mean, centralised.mean, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(federated.scale, centralised.scale, rtol=1e-12)

    def test_test_flows_have_no_say(self) -> None:
        dataset = federated_of()
        hidden = np.setdiff1d(dataset.flows.vector, dataset.flows.vector[~dataset.split.test])
        assert len(hidden) > 0
        vectors = np.array(dataset.flows.vectors)
        vectors[hidden] = 1e6
        other = replace(dataset, flows=replace(dataset.flows, vectors=vectors))
        for partition_id in range(dataset.gateways):
            left, right = dataset.moments(partition_id), other.moments(partition_id)
            assert (
                left.count
                == right.count
                == (~dataset.split.test)[dataset.plan.assignment == partition_id].sum()
            )
            np.testing.assert_array_equal(left.sums, right.sums)
            np.testing.assert_array_equal(left.squares, right.squares)


class TestArrival:
    @pytest.mark.parametrize("how", ["at-once", "growing", "passing"])
    def test_a_round_has_its_part_of_the_flows_in_file_order(self, how: Arrival) -> None:
        dataset = federated_of(partition__arrival=how, federation__rounds=5)
        for each in (dataset, dataset.pooled()):
            for k in range(each.gateways):
                rows = rows_of(each, k, False)
                for server_round in range(1, 6):
                    found = each.training(k, server_round).order
                    part = rows[arrived(len(rows), server_round, 5, how)]
                    np.testing.assert_array_equal(found, dataset.flows.vector[part])
                assert len(each.training(k)) == len(each.training(k, 0)) == len(rows)

    @pytest.mark.parametrize("how", ["growing", "passing"])
    def test_statistics_know_no_later_round(self, how: str) -> None:
        dataset = federated_of(partition__arrival=how, federation__rounds=5)
        for k in range(dataset.gateways):
            later = np.setdiff1d(rows_of(dataset, k, False), self.first(dataset, k))
            attack, vector = np.array(dataset.flows.attack), np.array(dataset.flows.vector)
            attack[later], vector[later] = 4, vector[self.first(dataset, k)[0]]
            changed = replace(dataset.flows, attack=attack, vector=vector)
            other = replace(dataset, flows=changed)
            assert dataset.moments(k).count == len(self.first(dataset, k))
            np.testing.assert_array_equal(dataset.moments(k).sums, other.moments(k).sums)
            support = dataset.initial_support(k)
            np.testing.assert_array_equal(support, other.initial_support(k))
            np.testing.assert_array_equal(support, dataset.support(dataset.training(k, 1)) + 1)

    def first(self, dataset: FederatedDataset, partition_id: int) -> NDArray[Any]:
        rows = rows_of(dataset, partition_id, False)
        return rows[: len(rows) // 5]

    def test_at_once_statistics_are_of_all_flows(self) -> None:
        dataset = federated_of()
        assert dataset.moments(0).count == dataset.training_sizes[0]
        support = dataset.support(dataset.training(0))
        np.testing.assert_array_equal(dataset.initial_support(0), support)


class TestNoise:
    def test_each_flow_has_the_noise_of_its_gateway(self) -> None:
        noisy = federated_of(partition__scheme="noise", partition__noise=3.0, data__flows=3000)
        clean = federated_of(partition__scheme="noise", partition__noise=0.0, data__flows=3000)
        assert noisy.plan == clean.plan
        before = clean.flows.vectors[clean.flows.vector].astype(np.float64)
        scale = before[~clean.split.test].std(axis=0)
        added = (noisy.flows.vectors[noisy.flows.vector] - before)[:, scale > 0] / scale[scale > 0]
        found = [added[noisy.plan.assignment == k].std() for k in range(3)]
        np.testing.assert_allclose(found, [1.0, 2.0, 3.0], rtol=0.02)
        assert not (noisy.flows.vectors - before)[:, scale == 0].any()

    def test_the_rest_is_as_it_was(self) -> None:
        noisy, plain = (
            federated_of(partition__scheme="noise"),
            federated_of(partition__scheme="iid"),
        )
        assert noisy.plan.assignment.tolist() == plain.plan.assignment.tolist()
        np.testing.assert_array_equal(noisy.split.novel, plain.split.novel)
        np.testing.assert_array_equal(noisy.labels, plain.labels)
        raw = plain.flows.raw[plain.flows.vector]
        np.testing.assert_array_equal(noisy.flows.raw[noisy.flows.vector], raw)
        assert noisy.flows.vectors.dtype == np.float32

    def test_none_changes_no_bit(self) -> None:
        silent = federated_of(partition__scheme="noise", partition__noise=0.0)
        assert silent.flows.vectors.tobytes() == federated_of().flows.vectors.tobytes()
        np.testing.assert_array_equal(silent.flows.vector, federated_of().flows.vector)

    def test_it_is_a_function_of_the_settings(self) -> None:
        one, same = (federated_of(partition__scheme="noise") for _ in range(2))
        assert_same_dataset(one, same)


def test_traffic_has_what_every_scheme_needs() -> None:
    dataset = federated_of()
    traffic = traffic_of(dataset.flows)
    values, place = traffic.feature("IN_BYTES")
    column = list(feature_names("v1")).index("IN_BYTES")
    np.testing.assert_array_equal(values[place], dataset.flows.raw[dataset.flows.vector, column])
    assert len(traffic.hosts) > max(traffic.ends("source").max(), traffic.ends("destination").max())
    sources = {traffic.hosts[code] for code in np.unique(traffic.ends("source"))}
    assert {f"192.168.100.{last}" for last in range(147, 151)} <= sources


def test_pooled_is_one_gateway_with_all_flows_in_file_order() -> None:
    dataset = federated_of()
    pooled = dataset.pooled()
    assert pooled.gateways == 1
    assert pooled.split is dataset.split
    rows = np.flatnonzero(~dataset.split.test)
    np.testing.assert_array_equal(pooled.training(0).order, dataset.flows.vector[rows])
    np.testing.assert_array_equal(pooled.novel(0), dataset.split.novel[dataset.split.test])


def test_the_defaults_open() -> None:
    dataset = FederatedDataset.open(Config())
    assert (len(dataset.flows), dataset.gateways) == (60_000, 10)
    assert min(len(dataset.training(k)) for k in range(10)) > 0
