"""Scaler: fitted from sums, and so the same over gateways as over all flows."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import oracles
import pytest
from flow_factory import Version, random_table
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from fednids.flows.prepared import PreparedFlows, prepare_table
from fednids.flows.scaling import LEAST_SCALE, Moments, Scaler
from fednids.flows.windows import Windows

FLOWS = {
    version: prepare_table(
        random_table(np.random.default_rng(2), 1500, version),
        version,
        path="",
        sha256="",
    )
    for version in ("v1", "v2")
}


def windows_of(order: NDArray[Any]) -> Windows:
    return Windows(order.astype(np.int32), np.zeros(len(order), dtype=np.int32))


def moments_of(flows: PreparedFlows, rows: NDArray[Any]) -> Moments:
    return Moments.of(flows.vectors, windows_of(flows.vector[rows]))


def fit_column(*values: float) -> tuple[float, float]:
    """Fit to one feature; give its mean and scale."""
    table = np.array(values, dtype=np.float32)[:, None]
    scaler = Scaler.fit(Moments.of(table, windows_of(np.arange(len(values)))))
    return float(scaler.mean[0]), float(scaler.scale[0])


class TestFederated:
    @settings(max_examples=50)
    @given(
        gateways=st.integers(1, 60), seed=st.integers(0, 999), version=st.sampled_from(("v1", "v2"))
    )
    def test_equals_centralised_over_any_partition(
        self, gateways: int, seed: int, version: Version
    ) -> None:
        flows = FLOWS[version]
        owner = np.random.default_rng(seed).integers(gateways, size=len(flows))
        sent = [moments_of(flows, np.flatnonzero(owner == each)) for each in range(gateways)]
        federated, centralised = reduce(add, sent), moments_of(flows, np.arange(len(flows)))
        assert federated.count == centralised.count == len(flows)
        ours, right = Scaler.fit(federated), Scaler.fit(centralised)
        np.testing.assert_allclose(ours.mean, right.mean, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(ours.scale, right.scale, rtol=1e-12)

    @pytest.mark.parametrize("version", FLOWS)
    def test_sums_equal_the_slow_twin(self, version: Version) -> None:
        flows, rows = FLOWS[version], np.random.default_rng(3).integers(1500, size=400)
        moments = moments_of(flows, rows)
        count, sums, squares = oracles.sums_by_loop(flows.vectors[flows.vector[rows]])
        assert moments.count == count
        assert moments.sums.dtype == moments.squares.dtype == np.float64
        np.testing.assert_allclose(moments.sums, sums, rtol=1e-12, atol=1e-10)
        np.testing.assert_allclose(moments.squares, squares, rtol=1e-12)

    def test_a_gateway_without_training_flows_adds_nothing(self) -> None:
        flows = FLOWS["v1"]
        nothing, some = moments_of(flows, np.arange(0)), moments_of(flows, np.arange(50))
        assert nothing.count == 0
        assert nothing.sums.shape == (len(flows.features),)
        assert Scaler.fit(some + nothing) == Scaler.fit(some)


class TestFit:
    @pytest.mark.parametrize("version", FLOWS)
    def test_equals_sklearn_where_no_floor_applies(self, version: Version) -> None:
        flows = FLOWS[version]
        right = StandardScaler().fit(flows.vectors[flows.vector].astype(np.float64))
        ours = Scaler.fit(moments_of(flows, np.arange(len(flows))))
        free = np.sqrt(right.var_) > LEAST_SCALE
        assert free.sum() > 50
        np.testing.assert_allclose(ours.mean, right.mean_, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ours.scale[free], right.scale_[free], rtol=1e-9)
        np.testing.assert_array_less(LEAST_SCALE * 0.999, ours.scale)

    @pytest.mark.parametrize("value", [0.0, 1.0, 0.1, -3.3, 25.7, 700.0])
    def test_a_constant_is_divided_by_one(self, value: float) -> None:
        mean, scale = fit_column(*[value] * 1000)
        assert scale == 1
        np.testing.assert_allclose(mean, value, rtol=1e-6)

    def test_a_rare_flag_is_not_blown_up(self) -> None:
        mean, scale = fit_column(*[0.0] * 9999, 1.0)
        assert scale == LEAST_SCALE
        np.testing.assert_allclose(mean, 1e-4)

    def test_a_spread_above_the_floor_is_kept(self) -> None:
        np.testing.assert_allclose(fit_column(-0.1, 0.1), (0, 0.1), atol=1e-8)

    def test_each_flow_counts_and_not_each_vector(self) -> None:
        table = np.array([[0.0], [4.0]], dtype=np.float32)
        scaler = Scaler.fit(Moments.of(table, windows_of(np.array([0, 0, 0, 1]))))
        np.testing.assert_allclose([scaler.mean[0], scaler.scale[0]], [1, np.sqrt(3)])

    def test_vectors_of_other_flows_do_not_count(self) -> None:
        table = np.array([[0.0], [2.0], [1e9]], dtype=np.float32)
        scaler = Scaler.fit(Moments.of(table, windows_of(np.array([0, 1]))))
        assert (scaler.mean[0], scaler.scale[0]) == (1, 1)


class TestApply:
    def test_training_flows_get_mean_0_and_at_most_unit_spread(self) -> None:
        flows = FLOWS["v1"]
        scaler = Scaler.fit(moments_of(flows, np.arange(len(flows))))
        scaled = scaler.apply(flows.vectors)
        assert scaled.dtype == np.float32
        seen = scaled[flows.vector].astype(np.float64)
        np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-5)
        assert seen.std(axis=0).max() < 1 + 1e-5

    def test_is_the_formula(self) -> None:
        scaler = Scaler(np.array([1.0, -2.0]), np.array([0.5, 4.0]))
        vectors = np.array([[2.0, 6.0], [1.0, -2.0]], dtype=np.float32)
        assert scaler.apply(vectors).tolist() == [[2, 2], [0, 0]]


class TestEquality:
    def test_is_bit_for_bit(self) -> None:
        scaler = Scaler(np.array([1.0]), np.array([0.5]))
        assert scaler == Scaler(np.array([1.0]), np.array([0.5]))
        assert scaler != Scaler(np.array([np.nextafter(1.0, 2.0)]), np.array([0.5]))
        assert scaler != Scaler(np.array([1.0]), np.array([0.25]))
        assert scaler != "scaler"

    def test_is_not_hashable(self) -> None:
        with pytest.raises(TypeError):
            hash(Scaler(np.array([1.0]), np.array([0.5])))
