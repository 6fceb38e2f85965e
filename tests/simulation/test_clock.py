"""The clock: seconds by hand, steps against a slow twin, spreads as told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fednids.config import ClockConfig
from fednids.simulation.clock import VirtualClock, Workload, windows_of
from fednids.simulation.trace import Trace


def opened(
    gateways: int = 3, seed: int = 1, trace: Trace | None = None, **settings: object
) -> VirtualClock:
    told = ClockConfig(**settings)  # type: ignore[arg-type]
    return VirtualClock.open(told, seed, gateways=gateways, trace=trace)


def test_seconds_by_hand() -> None:
    clock = opened(speed=50.0, up=2.0, down=8.0, latency=0.5)
    work = Workload(epochs=1, batch_size=10, bytes_down=2_000_000, bytes_up=1_000_000)
    found = clock.seconds(1, np.array([0, 2]), np.array([0, 100]), work)
    np.testing.assert_allclose(found, [0.5 + 2 + 0 + 0.5 + 4, 0.5 + 2 + 2 + 0.5 + 4])
    np.testing.assert_allclose(clock.download_seconds(1, np.array([1]), work), [2.5])


def test_spreads_are_log_normal_around_the_median_and_links_go_both_ways() -> None:
    rates = opened(gateways=20_000, speed_spread=1.5, link_spread=0.5).rates(1)
    speeds, ups = np.log(rates.speed / 1000), np.log(rates.up / 1.0)
    assert abs(np.median(speeds)) < 0.05
    assert speeds.std() == pytest.approx(1.5, rel=0.02)
    assert ups.std() == pytest.approx(0.5, rel=0.02)
    np.testing.assert_allclose(rates.down / 10, rates.up)
    assert abs(np.corrcoef(speeds, ups)[0, 1]) < 0.03


def test_the_same_are_slow_whatever_the_spread_the_number_and_the_median() -> None:
    base = np.log(opened(gateways=50, speed_spread=1).rates(3).speed / 1000)
    more = np.log(opened(gateways=90, speed_spread=2, speed=7).rates(1).speed / 7)
    np.testing.assert_allclose(more[:50], 2 * base)
    other = opened(gateways=50, seed=2, speed_spread=1).rates(3).speed
    assert not np.allclose(np.log(other / 1000), base)


def test_a_trace_says_otherwise_for_its_rounds() -> None:
    told = Trace(2, np.array([[1, 2, 2]]), np.array([[10.0, np.nan, np.nan, np.nan]]))
    clock = opened(gateways=2, trace=told, speed=40.0, latency=0)
    work, windows = Workload(1, 8, 0, 0), np.array([80, 80])
    assert clock.seconds(1, np.arange(2), windows, work).tolist() == [2, 2]
    assert clock.seconds(2, np.arange(2), windows, work).tolist() == [2, 8]


def slow_steps(windows: int, epochs: int, batch: int, affordable: float) -> tuple[int, int]:
    """Make steps one by one while the windows so far can be afforded."""
    steps = done = 0
    for _ in range(epochs):
        for start in range(0, windows, batch):
            size = min(batch, windows - start)
            if done + size > affordable:
                return steps, done
            steps, done = steps + 1, done + size
    return steps, done


@given(
    windows=st.integers(0, 60), epochs=st.integers(1, 4), batch=st.integers(1, 70),
    affordable=st.integers(0, 200),
)  # fmt: skip
def test_most_steps_against_a_slow_twin(
    windows: int, epochs: int, batch: int, affordable: int
) -> None:
    clock = opened(deadline=1.2 + affordable / 7.0, speed=7.0, latency=0.5, up=1, down=1)
    work, owned = Workload(epochs, batch, 12_500, 12_500), np.array([windows])
    steps = clock.most_steps(1, np.array([1]), owned, work)
    expected, counted = slow_steps(windows, epochs, batch, affordable)
    assert steps.tolist() == [expected]
    assert windows_of(steps, owned, batch).tolist() == [counted]


def test_without_a_deadline_everything_fits_and_with_a_short_one_nothing() -> None:
    work, who, owned = Workload(3, 10, 0, 0), np.array([0, 1]), np.array([25, 0])
    assert opened().most_steps(1, who, owned, work).tolist() == [9, 0]
    assert opened(deadline=0.05).most_steps(1, who, owned, work).tolist() == [0, 0]
    assert opened(deadline=1e9).most_steps(1, who, owned, work).tolist() == [9, 0]


@given(
    settings=st.fixed_dictionaries(
        {
            "speed": st.sampled_from([1e-6, 1.0, 1e9]), "speed_spread": st.sampled_from([0, 5.0]),
            "up": st.sampled_from([1e-6, 1e6]), "down": st.sampled_from([1e-6, 1e6]),
            "link_spread": st.sampled_from([0, 5.0]), "latency": st.sampled_from([0, 1e6]),
            "deadline": st.sampled_from([0, 1e-9, 1e9]),
        }
    )
)  # fmt: skip
def test_extreme_settings_give_finite_seconds(settings: dict[str, float]) -> None:
    clock, who = opened(gateways=100, **settings), np.arange(100)
    work, owned = Workload(100, 64, 10**9, 10**9), np.full(100, 10**6)
    assert np.isfinite(clock.seconds(1, who, owned * 100, work)).all()
    steps = clock.most_steps(1, who, owned, work)
    assert ((steps >= 0) & (steps <= 100 * 15_625)).all()
