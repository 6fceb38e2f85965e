"""Pictures can be drawn of any run, and show what was counted."""

from __future__ import annotations

import numpy as np
import pytest

from fednids.metrics import ConfusionCounts, scores
from fednids.runs import pictures

CLASSES = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")


def result(rounds: int, matrix: np.ndarray) -> dict:  # type: ignore[type-arg]
    final = scores(ConfusionCounts(matrix), CLASSES).to_json()
    test = {"loss": 0.5, **final, "novel": final}
    entries = [{"round": n + 1, "train": {"loss": 1.0}, "test": test} for n in range(rounds)]
    return {"rounds": entries, "final": final, "majority": final, "data": {"synthetic": True}}


@pytest.mark.parametrize("rounds", [1, 100])
def test_curves_have_a_point_a_round(rounds: int) -> None:
    figure = pictures.curves(result(rounds, np.eye(5, dtype=int)))
    assert {len(line.get_xdata()) for line in figure.axes[0].lines} == {rounds}


def test_undefined_rates_leave_gaps() -> None:
    figure = pictures.curves(result(2, np.zeros((5, 5), int)))
    assert np.isnan(figure.axes[1].lines[0].get_ydata()).all()


def test_the_matrix_shows_every_count() -> None:
    matrix = np.arange(25).reshape(5, 5) * 1000
    figure = pictures.confusion(scores(ConfusionCounts(matrix), CLASSES).to_json())
    shown = [text.get_text().splitlines()[0] for text in figure.axes[0].texts]
    assert shown == [f"{count:,}" for count in matrix.ravel()]


@pytest.mark.parametrize("gateways", [1, 10, 1000])
def test_gateways_stay_readable(gateways: int) -> None:
    owned = np.random.default_rng(0).integers(0, 50, (gateways, 5))
    figure = pictures.gateways(owned, CLASSES)
    bars = figure.axes[1].patches
    assert len(bars) == min(gateways, 100)
    assert len(figure.axes[1].get_xticklabels()) <= 50


def test_all_pictures_are_written_and_say_synthetic(tmp_path) -> None:  # type: ignore[no-untyped-def]
    owned = np.ones((3, 5), int)
    pictures.draw_run(result(2, np.eye(5, dtype=int)), owned, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "confusion.png",
        "curves.png",
        "gateways.png",
    ]
    assert "synthetic" in pictures.gateways(owned, CLASSES, " · synthetic").axes[0].get_title()
