"""Plans side by side, one a row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_checks import CLASSES, NOTE, check_readable, check_repeats, deal, steps, title

from fednids.report.figures.mix import ComparedPlan, comparison

MEASURES = ("JS divergence", "total variation", "Gini of sizes", "classes seen")


def plans(count: int, gateways: int = 10, classes: int = 5) -> list[ComparedPlan]:
    values = np.linspace(0.9, 0.001, count)
    return [
        ComparedPlan(
            f"extended-dirichlet-{row}", deal(gateways, classes, alpha=row + 0.1),
            (value, value / 2, 1 - value, 123.4), (0.01, 0.02, float("nan"), 0.3),
        )
        for row, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "gateways", "classes"), [(1, 1, 5), (3, 10, 2), (20, 10, 5), (20, 1000, 5)]
)
def test_readable_at_any_size(count: int, gateways: int, classes: int) -> None:
    given = plans(count, gateways, classes)
    check_readable(comparison(given, CLASSES[:classes], MEASURES, NOTE))


def test_rows_keep_their_order_and_their_names() -> None:
    figure = comparison(plans(3), CLASSES, MEASURES, NOTE)
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == [
        "extended-dirichlet-0", "extended-dirichlet-1", "extended-dirichlet-2",
    ]  # fmt: skip
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top
    assert title(figure) == "3 ways to deal the same flows · synthetic flows"


@pytest.mark.parametrize(("gateways", "columns"), [(10, 10), (1000, 59)])
def test_every_mix_fills_its_row(gateways: int, columns: int) -> None:
    every = steps(comparison(plans(3, gateways), CLASSES, MEASURES).axes[0])
    assert len(every) == 3 * 5
    for row in range(3):
        first, last = every[5 * row].get_data(), every[5 * row + 4].get_data()
        assert len(first.values) == columns
        assert (first.edges[0], first.edges[-1]) == (0, 1)
        full = ~np.isnan(last.values)
        np.testing.assert_allclose((first.baseline - last.values)[full], 0.78)
        assert np.nanmean([first.baseline, last.values]) == pytest.approx(row)


def test_bars_and_numbers_are_the_measures() -> None:
    figure = comparison(plans(2), CLASSES, MEASURES)
    assert [axes.get_title("left") for axes in figure.axes[1:]] == list(MEASURES)
    assert [bar.get_width() for bar in figure.axes[1].patches] == [0.9, 0.001]
    assert [text.get_text() for text in figure.axes[1].texts] == ["0.900", "0.001"]
    assert [text.get_text() for text in figure.axes[4].texts] == ["123", "123"]


def test_lines_mark_iid_where_it_is_known() -> None:
    figure = comparison(plans(2), CLASSES, MEASURES)
    ends = [segment[0][0] for segment in figure.axes[1].collections[0].get_segments()]
    assert ends == [0.01, 0.01]
    assert "iid at the same sizes" in figure.get_supxlabel()
    bare = [ComparedPlan("iid", deal(3), (0.1,))]
    assert "black line" not in comparison(bare, CLASSES, MEASURES[:1]).get_supxlabel()


def test_what_is_undefined_has_no_bar_and_is_said() -> None:
    figure = comparison([ComparedPlan("iid", deal(3), (float("nan"),))], CLASSES, MEASURES[:1])
    assert figure.axes[1].texts[0].get_text() == "undefined"
    assert figure.axes[1].patches[0].get_width() == 0
    check_readable(figure)


def test_the_same_bytes_again(tmp_path: Path) -> None:
    check_repeats(lambda: comparison(plans(2), CLASSES, MEASURES), tmp_path)
