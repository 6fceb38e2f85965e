"""Pictures can be drawn of any run, and show what was counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from picture_checks import CLASSES, check_readable
from whole_result import whole_result

from fednids.metrics import ConfusionCounts, scores
from fednids.report.figures.confusion import confusion
from fednids.report.figures.rounds import RoundCurves, curves
from fednids.report.figures.run import draw_run
from fednids.runs.records import ResultRecord


def result(rounds: int, matrix: np.ndarray, *, synthetic: bool) -> ResultRecord:
    final, found = scores(ConfusionCounts(matrix), CLASSES).to_json(), whole_result(rounds)
    found["data"]["synthetic"] = synthetic
    return ResultRecord.model_validate({**found, "final": final, "majority": final})


def course(rounds: int, rate: float) -> RoundCurves:
    losses, rates = [0.5] * rounds, dict.fromkeys(("macro_f1", "false_alarm_rate"), [rate] * rounds)
    return RoundCurves(range(1, rounds + 1), losses, losses, rates, rates, {"macro_f1": 0.2})


@pytest.mark.parametrize("rounds", [1, 100])
def test_curves_have_a_point_a_round(rounds: int) -> None:
    figure = curves(course(rounds, 0.8))
    assert {len(line.get_xdata()) for line in figure.axes[0].lines} == {rounds}


def test_undefined_rates_leave_gaps() -> None:
    figure = curves(course(2, float("nan")))
    assert np.isnan(figure.axes[1].lines[0].get_ydata()).all()


def test_the_matrix_shows_every_count() -> None:
    matrix = np.arange(25).reshape(5, 5) * 1000
    figure = confusion(matrix, CLASSES)
    shown = [text.get_text().splitlines()[0] for text in figure.axes[0].texts]
    assert shown == [f"{count:,}" for count in matrix.ravel()]
    check_readable(figure)


def test_a_class_without_flows_has_no_shares() -> None:
    figure = confusion(np.array([[3, 1], [0, 0]]), CLASSES[:2])
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown == ["3\n75.0%", "1\n25.0%", "0\n–", "0\n–"]


@pytest.mark.parametrize("classes", [2, 15])
def test_the_matrix_can_be_read_with_any_number_of_classes(classes: int) -> None:
    matrix = np.full((classes, classes), 123_456)
    check_readable(confusion(matrix, [f"class {k}" for k in range(classes)]))


def test_all_pictures_are_written_and_say_synthetic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: dict[str, str] = {}
    owned, matrix = np.ones((3, 5), int), np.eye(5, dtype=int)
    run = result(2, matrix, synthetic=True)
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
    draw_run(result(2, matrix, synthetic=False), owned, tmp_path)
    assert not any("synthetic" in title for title in written.values()), written
