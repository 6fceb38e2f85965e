"""Ridgelines show where the flows of a gateway lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_checks import NOTE, check_readable, check_repeats

from fednids.report.figures.ridgelines import measure_ridges, ridgelines


def flows(gateways: int, each: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Values that rise with the gateway's number, over six powers of ten."""
    rng = np.random.default_rng(0)
    assignment = np.repeat(np.arange(gateways, dtype=np.int32), each)
    exponents = 6 * assignment / gateways + rng.uniform(0, 0.5, len(assignment))
    return np.floor(10**exponents), assignment


@pytest.mark.parametrize("gateways", [1, 3, 10, 1000])
def test_readable_at_any_size(gateways: int) -> None:
    check_readable(ridgelines(*flows(gateways), "IN_BYTES", NOTE))


@pytest.mark.parametrize("values", [[6.0] * 4, [0.0] * 4, [-5e6, 1, 2, 5e7], [0, 0.5, 1, 2]])
def test_readable_whatever_the_values(values: list[float]) -> None:
    check_readable(ridgelines(np.array(values), np.zeros(4, np.int32), "FLOW_DURATION", NOTE))


def test_up_to_twelve_are_picked_evenly_by_rising_mean() -> None:
    values, assignment = flows(23)
    shuffled = np.random.default_rng(1).permutation(23).astype(np.int32)
    ridges = measure_ridges(values, shuffled[assignment])
    assert list(ridges.gateways) == list(shuffled[::2])
    assert (np.diff(ridges.means) > 0).all()
    assert list(ridges.sizes) == [40] * 12
    assert list(measure_ridges(*flows(5)).gateways) == [0, 1, 2, 3, 4]


def test_shares_are_of_the_gateways_own_flows() -> None:
    values, assignment = np.array([0.0, 0, 0, 100]), np.array([0, 0, 0, 1], np.int32)
    ridges = measure_ridges(values, assignment)
    np.testing.assert_allclose(ridges.shares.sum(axis=1), 1)
    np.testing.assert_allclose(ridges.overall, (3 * ridges.shares[0] + ridges.shares[1]) / 4)
    peaks = np.sinh(ridges.at[ridges.shares.argmax(axis=1)])
    assert peaks == pytest.approx([0, 100], rel=0.02, abs=0.02)


def test_rare_far_values_do_not_widen_the_picture_and_are_counted() -> None:
    values = np.append(np.full(999, 10.0), 1e9)
    ridges = measure_ridges(values, np.zeros(1000, np.int32))
    assert np.sinh(ridges.at[-1]) < 20
    assert ridges.beyond == pytest.approx(0.001)
    figure = ridgelines(values, np.zeros(1000, np.int32), "IN_BYTES")
    assert "0.1% of them beyond the edges" in figure.axes[0].get_title("left")


def test_gateways_without_flows_are_left_out() -> None:
    figure = ridgelines(np.array([1.0, 2.0]), np.array([1, 4], np.int32), "IN_PKTS")
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown == ["gateway 1\n1 flow", "gateway 4\n1 flow"]
    assert "all gateways" in figure.axes[0].get_title("left")


def test_every_row_has_the_fleet_a_ridge_and_a_mean() -> None:
    figure = ridgelines(*flows(30), "IN_BYTES")
    assert len(figure.axes[0].collections) == 2 * 12
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "^"]
    assert [mark.get_xdata()[0] for mark in marks] == list(measure_ridges(*flows(30)).means)
    assert [mark.get_ydata()[0] for mark in marks] == list(range(12))
    assert "12 of 30 gateways" in figure.axes[0].get_title("left")


def test_the_same_bytes_again(tmp_path: Path) -> None:
    check_repeats(lambda: ridgelines(*flows(4), "IN_BYTES"), tmp_path)
