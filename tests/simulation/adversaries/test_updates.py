"""Lies about weights against their formulas, weight by weight."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from fednids.simulation.adversaries.updates import (
    AttackContext,
    Knowledge,
    free_ride,
    gaussian_noise,
    inner_product,
    largest_z,
    little_is_enough,
    scaled,
    sign_flipped,
)

SIZE = 40
STRENGTH = st.floats(0.01, 100)


def draw(seed: int, count: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-3, 3, SIZE)
    return [scale * rng.standard_normal(SIZE) for _ in range(count)]


def situation(strength: float, server_round: int = 1) -> AttackContext:
    return AttackContext(server_round, strength, np.random.default_rng(0))


@given(strength=STRENGTH)
def test_scale_and_sign_flip_by_weight(strength: float) -> None:
    change = draw(1)[0]
    for p, moved in enumerate(change.tolist()):
        assert scaled(change, situation(strength))[p] == strength * moved
        assert sign_flipped(change, situation(strength))[p] == -strength * moved


@pytest.mark.parametrize("strength", [0.5, 10.0])
def test_noise_is_as_long_as_the_change(strength: float) -> None:
    change = np.random.default_rng(5).standard_normal(20_000) * 3
    found = gaussian_noise(change, situation(strength))
    lengths = np.linalg.norm(found), np.linalg.norm(change)
    assert lengths[0] / lengths[1] == pytest.approx(strength, rel=0.03)
    assert abs(found.mean()) < 0.1 * strength
    assert abs(np.corrcoef(found, change)[0, 1]) < 0.03


def test_a_liar_that_did_not_move_sends_no_noise() -> None:
    assert not gaussian_noise(np.zeros(SIZE), situation(10)).any()


def test_free_riders_ignore_what_they_trained_and_fade() -> None:
    first, other = (free_ride(change, situation(0.01)) for change in draw(1, 2))
    np.testing.assert_array_equal(first, other)
    later = free_ride(draw(1)[0], situation(0.01, server_round=4))
    np.testing.assert_allclose(later, first / 4, rtol=1e-12)
    assert 0.005 < first.std() < 0.02


class TestLittleIsEnough:
    @given(seed=st.integers(0, 1000), count=st.integers(1, 6), z=st.floats(0.1, 3))
    def test_by_weight(self, seed: int, count: int, z: float) -> None:
        own = draw(seed, count)
        found = little_is_enough(Knowledge(draw(7)[0], 9, own), z)
        for p in range(SIZE):
            values = [float(each[p]) for each in own]
            mean = sum(values) / count
            deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / count)
            assert found[p] == pytest.approx(mean + z * deviation, rel=1e-6, abs=1e-9)

    def test_spread_far_from_zero_is_seen(self) -> None:
        own = [np.full(3, 1e4 + step) for step in (0.0, 0.25, 0.5)]
        found = little_is_enough(Knowledge(None, 5, own), 1.0)
        np.testing.assert_allclose(found, 1e4 + 0.25 + 0.25 * math.sqrt(2 / 3), rtol=1e-12)

    def test_without_a_strength_takes_the_papers_z(self) -> None:
        own = draw(3, 4)
        heard = Knowledge(None, 6, own)
        paper = little_is_enough(heard, largest_z(10, 4))
        np.testing.assert_array_equal(little_is_enough(heard, 0.0), paper)

    def test_one_liar_alone_is_honest(self) -> None:
        own = draw(3)
        found = little_is_enough(Knowledge(None, 6, own), 2.0)
        np.testing.assert_array_equal(found, own[0])


class TestLargestZ:
    @pytest.mark.parametrize(("n", "m"), [(50, 24), (51, 12), (10, 4), (10, 5), (20, 8), (7, 3)])
    def test_is_the_papers(self, n: int, m: int) -> None:
        s = math.floor(n / 2 + 1) - m
        assert largest_z(n, m) == pytest.approx(max(norm.ppf((n - m - s) / (n - m)), 0))
        assert (n, m) != (50, 24) or largest_z(n, m) == pytest.approx(1.426, abs=1e-3)

    @given(n=st.integers(1, 500), data=st.data())
    def test_is_never_below_zero_and_rises_with_the_liars(
        self, n: int, data: st.DataObject
    ) -> None:
        m = data.draw(st.integers(0, n))
        assert 0 <= largest_z(n, m) < 5
        if 1 <= m <= n // 2:
            assert largest_z(n, m) >= largest_z(n, m - 1)


class TestInnerProduct:
    @given(seed=st.integers(0, 1000), epsilon=STRENGTH)
    def test_is_the_honest_change_backwards(self, seed: int, epsilon: float) -> None:
        mean = draw(seed)[0]
        found = inner_product(Knowledge(mean, 5, draw(4, 2)), epsilon)
        np.testing.assert_array_equal(found, -epsilon * mean)
        assert found @ mean < 0

    def test_of_liars_alone_is_their_own(self) -> None:
        own = draw(4, 3)
        found = inner_product(Knowledge(None, 0, own), 0.5)
        np.testing.assert_allclose(found, -0.5 * np.mean(own, axis=0), rtol=1e-12)


def test_what_is_overheard_stays_as_it_is() -> None:
    own, mean = draw(4, 3), draw(5)[0]
    before = [each.copy() for each in (*own, mean)]
    for lie in (little_is_enough, inner_product):
        lie(Knowledge(mean, 5, own), 1.0)
        lie(Knowledge(None, 0, own), 1.0)
    for now, then in zip((*own, mean), before, strict=True):
        np.testing.assert_array_equal(now, then)
