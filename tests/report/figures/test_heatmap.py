"""The heatmap shows what was seen, and above all what was not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from picture_checks import CLASSES, NOTE, check_readable, check_repeats, deal

from fednids.report.figures.heatmap import heatmap
from fednids.report.figures.layout import arrange, sort_gateways


def cells(figure: Figure) -> np.ma.MaskedArray:  # type: ignore[type-arg]
    (mesh,) = (each for each in figure.axes[0].collections if isinstance(each, QuadMesh))
    return mesh.get_array()  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("gateways", "classes"), [(1, 5), (1, 2), (10, 5), (30, 5), (31, 2), (1000, 5)]
)
def test_readable_at_any_size(gateways: int, classes: int) -> None:
    check_readable(heatmap(deal(gateways, classes), CLASSES[:classes], NOTE))


def test_cells_are_counts_and_never_seen_ones_are_masked() -> None:
    owned = deal(10)
    shown, sorted_ = cells(heatmap(owned, CLASSES)), owned[sort_gateways(owned)].T
    assert (owned == 0).any()
    assert (shown.mask == (sorted_ == 0)).all()
    assert (shown.filled(0) == sorted_).all()


def test_columns_of_several_gateways_show_their_mean_and_lose_no_flow() -> None:
    owned = deal(1005)
    shown, columns = cells(heatmap(owned, CLASSES)), arrange(owned)
    assert shown.shape == (5, len(columns.owned))
    np.testing.assert_allclose(shown.filled(0) @ columns.counts, owned.sum(axis=0))
    assert (shown.mask == (columns.owned.T == 0)).all()


def test_every_class_says_how_many_gateways_never_saw_it() -> None:
    owned = np.array([[3, 0, 1], [2, 0, 0], [0, 0, 0]])
    shown = [text.get_text() for text in heatmap(owned, CLASSES[:3]).axes[0].get_yticklabels()]
    assert shown == ["Benign\nunseen at 1 of 3", "DDoS\nunseen at 3 of 3", "DoS\nunseen at 2 of 3"]


def test_numbers_stand_in_the_cells_that_were_seen() -> None:
    figure = heatmap(np.array([[1234, 0], [0, 56]]), CLASSES[:2])
    assert [text.get_text() for text in figure.axes[0].texts] == ["1,234", "56"]
    assert not heatmap(deal(13), CLASSES).axes[0].texts


def test_never_seen_is_no_colour_of_the_scale() -> None:
    figure = heatmap(deal(10), CLASSES)
    (mesh,) = (each for each in figure.axes[0].collections if isinstance(each, QuadMesh))
    scale = mesh.cmap(np.linspace(0, 1, 256))[:, :3]
    behind = np.array(figure.axes[0].patches[0].get_facecolor()[:3])
    assert np.abs(scale - behind).sum(axis=1).min() > 0.5
    assert figure.axes[0].patches[0].get_hatch()


def test_the_same_bytes_again(tmp_path: Path) -> None:
    check_repeats(lambda: heatmap(deal(10), CLASSES), tmp_path)
