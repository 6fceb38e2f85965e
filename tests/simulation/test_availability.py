"""Late joiners, leavers for good, and traces that must stand alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.config import AvailabilityConfig
from fednids.errors import ConfigError
from fednids.simulation.availability import NEVER, Availability
from fednids.simulation.trace import Trace


def opened(
    *, seed: int = 1, gateways: int = 40, rounds: int = 10, **settings: object
) -> Availability:
    told = AvailabilityConfig(**settings)  # type: ignore[arg-type]
    return Availability.open(told, seed, gateways=gateways, rounds=rounds)


def history(availability: Availability, rounds: int) -> np.ndarray:
    return np.array([availability.present(number) for number in range(1, rounds + 1)])


SHARES = st.floats(0, 0.99)


@given(late=SHARES, leaving=SHARES, rounds=st.integers(1, 30), seed=st.integers(0, 99))
def test_each_is_there_once_without_a_gap(
    late: float, leaving: float, rounds: int, seed: int
) -> None:
    availability = opened(seed=seed, rounds=rounds, late=late, leaving=leaving)
    found = history(availability, rounds + 2)
    assert (availability.joins > 1).sum() == round(late * 40)
    assert (availability.leaves < NEVER).sum() == round(leaving * 40)
    assert availability.joins.max() <= max(rounds, 2)
    assert (availability.leaves > availability.joins).all()
    for k in range(40):
        there = np.flatnonzero(found[:, k]) + 1
        last = min(availability.leaves[k] - 1, rounds + 2)
        np.testing.assert_array_equal(there, np.arange(availability.joins[k], last + 1))


def test_late_ones_come_in_any_later_round_of_the_run() -> None:
    joins = opened(gateways=2000, rounds=6, late=0.5).joins
    assert set(joins[joins > 1]) == {2, 3, 4, 5, 6}


def test_leavers_are_gone_within_the_run_unless_they_came_in_its_last_round() -> None:
    availability = opened(gateways=2000, rounds=6, leaving=0.5, late=0.3)
    leavers = availability.leaves < NEVER
    early = leavers & (availability.joins < 6)
    assert set(availability.leaves[early & (availability.joins == 1)]) == {2, 3, 4, 5, 6}
    assert (availability.leaves[early] <= 6).all()
    assert (availability.leaves[leavers & (availability.joins == 6)] == 7).all()


@pytest.mark.parametrize("name", ["late", "leaving"])
def test_those_of_a_smaller_share_are_among_those_of_a_larger(name: str) -> None:
    few, many = history(opened(**{name: 0.2}), 10), history(opened(**{name: 0.6}), 10)
    assert (many <= few).all()
    assert (many < few).any()
    assert not np.array_equal(few, history(opened(seed=2, **{name: 0.2}), 10))


def test_who_has_left_stays_away_whatever_the_pattern_says() -> None:
    plain = history(opened(pattern="random", share=0.7), 10)
    availability = opened(pattern="random", share=0.7, late=0.4, leaving=0.4)
    number = np.arange(1, 11)[:, None]
    member = (availability.joins <= number) & (number < availability.leaves)
    np.testing.assert_array_equal(history(availability, 10), plain & member)


STAYS = Trace(2, np.array([[1, 2, 3]]), np.full((1, 4), np.nan))


def test_a_trace_says_all() -> None:
    told = AvailabilityConfig(trace="trace.csv")
    availability = Availability.open(told, 1, gateways=2, rounds=4, trace=STAYS)
    np.testing.assert_array_equal(
        history(availability, 4), [[False, False], [False, True], [False, True], [False, False]]
    )


@pytest.mark.parametrize(
    "settings", [{"pattern": "daily"}, {"late": 0.1}, {"leaving": 0.5}], ids=str
)
def test_a_trace_beside_what_contradicts_it_is_refused(settings: dict[str, object]) -> None:
    told = AvailabilityConfig(trace="trace.csv", **settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"expected availability\.trace alone, got .*; leave"):
        Availability.open(told, 1, gateways=2, rounds=4, trace=STAYS)
