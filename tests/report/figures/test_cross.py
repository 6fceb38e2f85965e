"""The cross-gateway heatmap keeps every pair, and its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from picture_checks import NOTE, check_readable, check_repeats, title

from fednids.report.figures.cross import cross_heatmap
from fednids.report.figures.layout import gather_mean

TWO = ("federated fedprox-mu-0.1", "centralised")


def rates(rows: int, gateways: int) -> NDArray[np.float64]:
    return np.random.default_rng([rows, gateways]).random((rows, gateways))


@pytest.mark.parametrize(
    ("gateways", "names"),
    [(1, ()), (1, TWO), (12, TWO), (30, TWO), (31, ()), (200, TWO), (1000, TWO)],
)
def test_it_can_be_read(gateways: int, names: tuple[str, ...]) -> None:
    local, overall = rates(gateways, gateways), rates(len(names), gateways)
    figure = cross_heatmap(local, overall, names, order=np.arange(gateways), note=NOTE)
    check_readable(figure)
    assert NOTE in title(figure)


@pytest.mark.parametrize("gateways", [3, 200])
def test_global_detectors_alone_will_do(gateways: int) -> None:
    order = np.arange(gateways)
    figure = cross_heatmap(np.empty((0, gateways)), rates(1, gateways), ("federated",), order=order)
    check_readable(figure)
    assert len([axes for axes in figure.axes if axes.images]) == 1


def test_rows_and_columns_follow_the_order_and_global_ones_come_first() -> None:
    local, overall, order = rates(4, 4), rates(1, 4), np.array([2, 0, 3, 1])
    figure = cross_heatmap(local, overall, ("federated",), order=order)
    top, own = (axes.images[0].get_array() for axes in figure.axes[:2])
    np.testing.assert_array_equal(top, overall[:, order])
    np.testing.assert_array_equal(own, local[order][:, order])
    labels = [text.get_text() for text in figure.axes[1].get_xticklabels()]
    assert labels == [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert labels == ["2", "0", "3", "1"]


def test_undefined_cells_are_no_numbers() -> None:
    local = rates(5, 5)
    local[:, 2] = np.nan
    figure = cross_heatmap(local, rates(0, 5), (), order=np.arange(5))
    image = np.ma.masked_invalid(figure.axes[0].images[0].get_array())
    assert image.mask[:, 2].all()
    assert image.mask.sum() == 5
    assert len(figure.axes[0].texts) == 20


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 2), (7, 7), (2, 50)])
def test_cells_are_means_of_what_is_known(rows: int, columns: int) -> None:
    values = rates(40, 40)
    values[values < 0.3] = np.nan
    values[:7, :7] = np.nan
    found = gather_mean(values, rows, columns)
    assert found.shape == (-(-40 // rows), -(-40 // columns))
    for row, column in np.ndindex(found.shape):
        block = values[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
        known = block[~np.isnan(block)]
        wanted = known.mean() if len(known) else np.nan
        np.testing.assert_allclose(found[row, column], wanted)


def test_the_same_matrix_gives_the_same_bytes(tmp_path: Path) -> None:
    check_repeats(
        lambda: cross_heatmap(rates(4, 4), rates(1, 4), ("federated",), order=np.arange(4)),
        tmp_path,
    )
