"""Pictures can be drawn of any run, and show what was counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_checks import CLASSES, check_readable

from fednids.metrics import ConfusionCounts, scores
from fednids.report.figures.confusion import confusion
from fednids.report.figures.curves import curves
from fednids.report.figures.run import draw_run


def result(rounds: int, matrix: np.ndarray) -> dict:  # type: ignore[type-arg]
    final = scores(ConfusionCounts(matrix), CLASSES).to_json()
    test = {"loss": 0.5, **final, "novel": final}
    entries = [{"round": n + 1, "train": {"loss": 1.0}, "test": test} for n in range(rounds)]
    return {"rounds": entries, "final": final, "majority": final, "data": {"synthetic": True}}


@pytest.mark.parametrize("rounds", [1, 100])
def test_curves_have_a_point_a_round(rounds: int) -> None:
    figure = curves(result(rounds, np.eye(5, dtype=int)))
    assert {len(line.get_xdata()) for line in figure.axes[0].lines} == {rounds}


def test_undefined_rates_leave_gaps() -> None:
    figure = curves(result(2, np.zeros((5, 5), int)))
    assert np.isnan(figure.axes[1].lines[0].get_ydata()).all()


def test_the_matrix_shows_every_count() -> None:
    matrix = np.arange(25).reshape(5, 5) * 1000
    figure = confusion(scores(ConfusionCounts(matrix), CLASSES).to_json())
    shown = [text.get_text().splitlines()[0] for text in figure.axes[0].texts]
    assert shown == [f"{count:,}" for count in matrix.ravel()]
    check_readable(figure)


def test_all_pictures_are_written_and_say_synthetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, str] = {}
    owned, run = np.ones((3, 5), int), result(2, np.eye(5, dtype=int))
    draw_run(run, owned, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "confusion.png",
        "curves.png",
        "gateways.png",
    ]

    def keep(figure, path: Path) -> None:  # type: ignore[no-untyped-def]
        written[path.stem] = figure.get_suptitle() or figure.axes[0].get_title("left")

    monkeypatch.setattr("fednids.report.figures.run.save", keep)
    draw_run(run, owned, tmp_path)
    assert all("synthetic" in title for title in written.values()), written
    run["data"]["synthetic"] = False
    draw_run(run, owned, tmp_path)
    assert not any("synthetic" in title for title in written.values()), written
