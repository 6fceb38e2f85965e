"""Like gateways stand side by side in the distance matrix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from picture_checks import NOTE, check_readable, check_repeats, title

from fednids.report.figures.distances import distance_matrix, gather_pairs, order_alike

MEASURE = "Jensen-Shannon divergence, bits"


def grouped(gateways: int, groups: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Distances that are small within a group, whose members are scattered."""
    rng = np.random.default_rng(0)
    group = rng.permutation(np.arange(gateways) % groups)
    at = group + rng.uniform(0, 0.1, gateways)
    return np.abs(at[:, None] - at) / groups, group


def image(figure: Figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


@pytest.mark.parametrize("gateways", [1, 2, 30, 1000])
def test_readable_at_any_size(gateways: int) -> None:
    check_readable(distance_matrix(grouped(gateways)[0], MEASURE, highest=1, note=NOTE))


@pytest.mark.parametrize("gateways", [9, 200, 201])
def test_members_of_a_group_become_neighbours(gateways: int) -> None:
    distances, group = grouped(gateways)
    order = order_alike(distances)
    assert sorted(order) == list(range(gateways))
    assert np.count_nonzero(np.diff(group[order])) == 2


def test_few_gateways_keep_their_distances_and_numbers() -> None:
    distances, _ = grouped(9)
    figure = distance_matrix(distances, MEASURE)
    shown = [int(text.get_text()) for text in figure.axes[0].get_yticklabels()]
    np.testing.assert_array_equal(image(figure), distances[np.ix_(shown, shown)])


def test_many_gateways_share_rows_and_the_picture_says_so() -> None:
    figure = distance_matrix(grouped(1000)[0], MEASURE)
    assert image(figure).shape == (200, 200)
    assert "each row is 5 gateways together" in figure.axes[0].get_title("left")


def test_a_shared_row_is_the_mean_over_pairs() -> None:
    distances, _ = grouped(7)
    shown, width = gather_pairs(distances, 3)
    assert (shown.shape, width) == ((3, 3), 3)
    assert shown[0, 1] == pytest.approx(distances[:3, 3:6].mean())
    assert shown[0, 0] == pytest.approx((distances[0, 1] + distances[0, 2] + distances[1, 2]) / 3)
    assert shown[2, 2] == 0


def test_gateways_without_a_distance_are_left_out_and_counted() -> None:
    distances, _ = grouped(6)
    distances[[1, 4]] = np.nan
    distances[:, [1, 4]] = np.nan
    figure = distance_matrix(distances, MEASURE, note=NOTE)
    assert np.isfinite(image(figure)).all()
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert sorted(shown) == ["0", "2", "3", "5"]
    assert "2 without flows left out" in figure.axes[0].get_title("left")
    assert title(figure) == "How far 4 gateways are from each other · synthetic flows"


@pytest.mark.parametrize(("highest", "top"), [(1.0, 1.0), (None, 0.4)])
def test_colours_end_where_asked_or_at_the_largest(highest: float | None, top: float) -> None:
    distances = np.array([[0, 0.4], [0.4, 0]])
    figure = distance_matrix(distances, MEASURE, highest=highest)
    assert figure.axes[0].images[0].get_clim() == (0, top)
    assert figure.axes[1].get_ylabel() == MEASURE


def test_the_same_bytes_again(tmp_path: Path) -> None:
    check_repeats(lambda: distance_matrix(grouped(10)[0], MEASURE), tmp_path)
