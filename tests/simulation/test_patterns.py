"""Patterns: the shares they promise, laws of each, and independence of what was asked before."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.config import AvailabilityConfig
from fednids.errors import ConfigError
from fednids.simulation.availability import PATTERNS, Presence

every = pytest.mark.parametrize("name", PATTERNS)
CHANCY = ("random", "daily", "sessions")


def opened(name: str, seed: int = 1, gateways: int = 400, **settings: float) -> Presence:
    return PATTERNS[name](AvailabilityConfig(**settings), seed, gateways)  # type: ignore[arg-type]


def history(presence: Presence, rounds: int) -> np.ndarray:
    return np.array([presence(number) for number in range(1, rounds + 1)])


@every
class TestAll:
    @given(order=st.permutations(range(1, 9)))
    def test_the_order_of_asking_changes_nothing(self, name: str, order: list[int]) -> None:
        expected, presence = history(opened(name), 8), opened(name)
        for number in order:
            np.testing.assert_array_equal(presence(number), expected[number - 1])

    def test_what_is_given_is_nobody_elses_to_change(self, name: str) -> None:
        presence = opened(name)
        before = presence(3).copy()
        presence(3)[:] = False
        np.testing.assert_array_equal(presence(3), before)
        np.testing.assert_array_equal(presence(4), opened(name)(4))

    def test_more_gateways_change_nothing_for_the_first(self, name: str) -> None:
        few, many = opened(name, gateways=7), opened(name, gateways=90)
        np.testing.assert_array_equal(history(many, 6)[:, :7], history(few, 6))

    def test_a_whole_share_is_everybody(self, name: str) -> None:
        found = history(opened(name, share=1.0), 30)
        assert found.dtype == bool
        assert found.all()


@pytest.mark.parametrize("name", CHANCY)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_the_mean_share_is_that_of_the_settings(name: str, share: float) -> None:
    found = history(opened(name, share=share, stay=6.0, day=12), 24 * 12)
    spread = np.sqrt(share * (1 - share) * 12 / found.size)
    assert abs(found.mean() - share) < 4 * spread
    assert abs(found[0].mean() - share) < 4 * np.sqrt(share * (1 - share) / 400)


@pytest.mark.parametrize("name", CHANCY)
def test_seeds_and_rounds_differ(name: str) -> None:
    first, second = history(opened(name), 5), history(opened(name, seed=2), 5)
    assert (first != second).any(axis=1).all()
    assert (first[1:] != first[:-1]).any(axis=1).all()


def test_random_rounds_are_independent() -> None:
    found = history(opened("random", share=0.6), 300).astype(float)
    joint = (found[1:] * found[:-1]).mean()
    assert abs(joint - 0.36) < 0.01


@pytest.mark.parametrize("share", [0.3, 0.8])
def test_daily_follows_the_sine_of_its_day(share: float) -> None:
    found = history(opened("daily", share=share, day=8), 8 * 60).reshape(60, 8, 400)
    swing = min(share, 1 - share)
    expected = share + swing * np.sin(2 * np.pi * np.arange(8) / 8)
    np.testing.assert_allclose(found.mean(axis=(0, 2)), expected, atol=0.015)


@pytest.mark.parametrize(("share", "stay"), [(0.5, 4.0), (0.8, 5.0), (0.2, 1.0)])
def test_sessions_last_as_long_as_told(share: float, stay: float) -> None:
    found = history(opened("sessions", share=share, stay=stay), 1000)
    there = found[:-1]
    leaving = (there & ~found[1:]).sum() / there.sum()
    coming = (~there & found[1:]).sum() / (~there).sum()
    assert leaving == pytest.approx(1 / stay, rel=0.03)
    assert coming == pytest.approx(share / (1 - share) / stay, rel=0.03)


def test_absences_shorter_than_a_round_are_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        opened("sessions", share=0.9, stay=5.0)
    assert str(caught.value) == (
        "expected absences of a round at least, which is availability.stay from 9 for "
        "availability.share=0.9, got 5; raise it or lower the share"
    )
    opened("sessions", share=0.9, stay=9.0)
