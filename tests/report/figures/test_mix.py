"""Label bars show the shares and sizes of all gateways."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from picture_checks import CLASSES, NOTE, check_readable, check_repeats, deal, steps, title

from fednids.report.figures.layout import arrange
from fednids.report.figures.mix import label_bars


@pytest.mark.parametrize(
    ("gateways", "classes"), [(1, 5), (1, 2), (10, 5), (30, 5), (31, 2), (1000, 5)]
)
def test_readable_at_any_size(gateways: int, classes: int) -> None:
    check_readable(label_bars(deal(gateways, classes), CLASSES[:classes], NOTE))


@pytest.mark.parametrize(("gateways", "columns"), [(1, 1), (10, 10), (1000, 100)])
def test_every_stack_reaches_from_0_to_1(gateways: int, columns: int) -> None:
    owned = deal(gateways, alpha=5)
    stack = steps(label_bars(owned, CLASSES).axes[0])
    shares = np.array([step.get_data().values - step.get_data().baseline for step in stack])
    assert shares.shape == (5, columns)
    assert (stack[0].get_data().baseline == 0).all()
    for lower, upper in pairwise(stack):
        assert (lower.get_data().values == upper.get_data().baseline).all()
    np.testing.assert_allclose(stack[-1].get_data().values, 1)
    np.testing.assert_allclose(shares.T, arrange(owned).shares)


def test_the_band_leads_from_the_smallest_to_the_largest() -> None:
    owned = deal(1000)
    band, mean = (step.get_data() for step in steps(label_bars(owned, CLASSES).axes[2]))
    assert (band.baseline <= mean.values).all()
    assert (mean.values <= band.values).all()
    assert band.values.max() == owned.sum(axis=1).max()
    assert (mean.values * np.diff(mean.edges)).sum() == pytest.approx(owned.sum())


def test_few_gateways_have_their_size_and_their_number() -> None:
    owned = np.array([[0, 9], [4, 0], [3, 1]])
    figure = label_bars(owned, CLASSES[:2])
    assert list(steps(figure.axes[2])[0].get_data().values) == [4, 4, 9]
    assert [text.get_text() for text in figure.axes[2].get_xticklabels()] == ["1", "2", "0"]


def test_a_gateway_without_flows_stays_empty_and_is_said() -> None:
    figure = label_bars(np.array([[0, 0], [4, 1]]), CLASSES[:2], NOTE)
    assert np.isnan(steps(figure.axes[0])[0].get_data().values[1])
    assert title(figure) == "Class mix of 2 gateways, 1 of them without flows · synthetic flows"
    check_readable(figure)


def test_the_legend_names_classes_from_the_top_with_the_fleets_shares() -> None:
    figure = label_bars(np.array([[1, 1, 2], [0, 0, 4]]), CLASSES[:3])
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["DoS 75.0%", "DDoS 12.5%", "Benign 12.5%"]


def test_a_column_of_several_says_so() -> None:
    assert label_bars(deal(1000), CLASSES).axes[0].get_title("left") == (
        "each column is 10 gateways together"
    )


def test_the_same_bytes_again(tmp_path: Path) -> None:
    check_repeats(lambda: label_bars(deal(1000), CLASSES), tmp_path)
