"""Charts of scores: their points are those of scikit-learn's curves over the binned scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from benchmarks.made_run import Made, make_run
from fednids.errors import RunError
from fednids.metrics import Curves, ScoreHistograms
from fednids.metrics.log_odds import bins_of, log_odds
from fednids.metrics.reliability import Reliability
from fednids.report.figures.histograms import precision_chart, reliability_chart, roc_chart
from fednids.report.page import Page
from fednids.report.run_tables import threshold_table
from fednids.report.writing import render_page
from fednids.runs.reader import Run, ScoreCounts, read_run
from fednids.runs.records import OperatingRecord, ThresholdRecord

CLASSES = ("Benign", "DDoS", "DoS")
SERIES = "attack against benign"


def drawn(flows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    labels = rng.integers(3, size=flows)
    return rng.normal(size=(flows, 3)) + 2 * np.eye(3)[labels], labels


def scored_of(logits: np.ndarray, labels: np.ndarray) -> ScoreCounts:
    grades = Reliability.of(logits, labels).grades
    return ScoreCounts(CLASSES, ScoreHistograms.of(logits, labels), grades)


def points(figure, series: str = SERIES) -> np.ndarray:
    return np.array([row[2:] for row in figure.rows if row[0] == series])


def test_the_roc_is_scikit_learns() -> None:
    logits, labels = drawn()
    binned = -bins_of(log_odds(logits)[:, 0])
    false, true, _ = roc_curve(labels != 0, binned, drop_intermediate=False)
    found = points(roc_chart(scored_of(logits, labels).sides()))
    np.testing.assert_allclose(found, np.stack([false, true], axis=1))


def test_precision_and_recall_are_scikit_learns() -> None:
    logits, labels = drawn()
    binned = -bins_of(log_odds(logits)[:, 0])
    precision, recall, _ = precision_recall_curve(labels != 0, binned)
    found = points(precision_chart(scored_of(logits, labels).sides()))
    theirs = np.stack([recall, precision], axis=1)[:-1][::-1]
    np.testing.assert_allclose(found, theirs)


def test_reliability_has_all_flows() -> None:
    figure = reliability_chart(scored_of(*drawn()).grades)
    assert sum(row[2] for row in figure.rows) == 300
    assert all(0 <= row[0] <= 1 and 0 <= row[1] <= 1 for row in figure.rows)


def test_classes_without_flows_of_both_sides_have_no_curve() -> None:
    logits, labels = drawn()
    assert scored_of(logits, np.zeros_like(labels)).sides() == {}
    few = scored_of(logits, np.minimum(labels, 1))
    assert list(few.sides()) == [SERIES, "Benign against the rest", "DDoS against the rest"]


def test_scores_are_read_as_they_were_written(tmp_path: Path) -> None:
    logits, labels = drawn()
    curves = Curves.of(logits, labels)
    (tmp_path / "scores.json").write_text(json.dumps({"test": curves.to_json(CLASSES)}))
    found = Run(tmp_path).scores
    assert found is not None
    assert found.histograms == curves.histograms
    np.testing.assert_array_equal(found.grades, curves.reliability.grades)
    assert Run(tmp_path / "nowhere").scores is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"test": 3}', '{"test": {"classes": ["A"], "histograms": [[[-1]]]}}',
     '{"test": {"classes": ["A", "B"], "histograms": [[1, 2]], "reliability": []}}',
     "[" * 100_000],
)  # fmt: skip
def test_damaged_scores_are_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(RunError, match=r"scores\.json") as raised:
        _ = Run(tmp_path).scores
    assert "\n" not in str(raised.value)


@pytest.mark.usefixtures("light")
def test_a_run_without_scores_is_a_page_without_their_charts(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", Made())
    (folder / "scores.json").unlink()
    assert "Precision and recall" not in render_page(Page.of([read_run(folder)]))


def test_a_threshold_has_its_table() -> None:
    point = OperatingRecord(
        benign_flows=100, attack_flows=50, false_alarm_rate=0.01, detection_rate=0.9,
        per_class={"DoS": None},
    )  # fmt: skip
    table = threshold_table(
        ThresholdRecord(wanted=0.01, probability=0.97, validation=point, test=point)
    )
    assert table is not None
    assert len(table.rows) == 2
    assert table.rows[1] == ("test flows", "0.010", "0.900", "–")
    assert threshold_table(None) is None
    assert threshold_table(ThresholdRecord(wanted=0.1, probability=None)) is None
