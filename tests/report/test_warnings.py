"""What a reader is warned of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.made_run import Made, make_run
from fednids.cli.screen import show_result
from fednids.metrics import ConfusionCounts, scores
from fednids.report.groups import grouped
from fednids.report.warnings import warn_of_run, warn_of_runs
from fednids.runs.reader import Run, read_run

NAMES = ("Benign", "DDoS", "DoS", "Reconnaissance", "Theft")


def warned_of(run: Run) -> str:
    return "\n".join(warn_of_run(run))


def judged(diagonal: list[int], wrong: int = 0) -> dict[str, object]:
    """Scores of so many flows found of each class, and some Theft taken for benign."""
    matrix = np.diag(diagonal)
    matrix[4, 0] = wrong
    return scores(ConfusionCounts(matrix), NAMES).to_json()


def test_made_up_flows_duplicates_rare_classes_and_one_seed_are_told(tmp_path: Path) -> None:
    final = judged([100, 100, 100, 100, 0], wrong=5)
    novel = judged([100, 20, 100, 20, 0], wrong=0)
    run = read_run(make_run(tmp_path / "r", Made(result={"final": final, "final_novel": novel})))
    warned = warned_of(run)
    assert "synthetic" in warned
    assert "Theft (5)" in warned
    assert "40.7% of the test flows (165) are duplicates" in warned
    assert "DDoS (20), Reconnaissance (20), Theft (0)" in warned
    assert "precision of Theft" in warned
    assert "One run with one seed" in warned


def test_real_novel_plenty_flows_are_not_warned_of(tmp_path: Path) -> None:
    final = judged([100] * 5)
    data = {"synthetic": False, "path": "flows.csv", "sha256": "ab"}
    settings = {"data.path": "flows.csv"}
    made = Made(settings=settings, result={"final": final, "final_novel": final, "data": data})
    assert warn_of_run(read_run(make_run(tmp_path / "r", made))) == [
        "One run with one seed: nothing here says how much another seed would change."
    ]


def test_a_detector_no_better_than_the_majority_is_told(tmp_path: Path) -> None:
    final = judged([100] * 5)
    made = Made(result={"majority": final, "majority_novel": final})
    assert "no better than always answering" in warned_of(read_run(make_run(tmp_path / "r", made)))


def test_stopped_few_gateways_failures_and_malicious_gateways_are_told(tmp_path: Path) -> None:
    made = Made(gateways=4, finished=False, attacked=True, failures={1: "nan"})
    warned = warned_of(read_run(make_run(tmp_path / "r", made)))
    for words in (
        "stopped early: 4 of 4 rounds",
        "4 gateways are few",
        "could not be used: 1.",
        "malicious",
    ):
        assert words in warned
    assert "synthetic" in warned


def test_many_runs_that_do_not_compare_or_have_few_seeds_are_told(tmp_path: Path) -> None:
    data = {"synthetic": False, "path": "a", "sha256": "other", "flows": 9}
    runs = [
        read_run(make_run(tmp_path / "a", Made())),
        read_run(make_run(tmp_path / "b", Made(kind="local", result={"data": data}))),
        read_run(make_run(tmp_path / "c", Made(seed=2, finished=False))),
    ]
    warned = "\n".join(warn_of_runs(grouped(runs)))
    assert "do not compare" in warned
    assert "Stopped early" in warned
    assert "1 seed:" in warned
    assert "In 2 of 3 runs the flows are synthetic" in warned


def test_enough_seeds_of_the_same_flows_are_not_warned_of(tmp_path: Path) -> None:
    data = {"synthetic": False, "path": "a", "sha256": "ab", "flows": 9}
    final = judged([100] * 5)
    more = {"data": data, "final": final}
    runs = [read_run(make_run(tmp_path / str(k), Made(seed=k, result=more))) for k in range(1, 4)]
    assert warn_of_runs(grouped(runs)) == []


def test_scores_that_lack_flows_are_told_wherever_they_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = [{"partition": k, "stage": "evaluate", "reason": "no answer"} for k in (3, 7)]
    final, data = judged([100] * 5), {"test_flows": 600}
    made = Made(result={"final": final, "unscored": lost, "data": data})
    run = read_run(make_run(tmp_path / "r", made))
    whole = read_run(make_run(tmp_path / "whole", Made()))
    wanted = "lack 100 of 600 flows, those of gateway 3, 7, which did not answer (no answer)"
    assert wanted in warned_of(run)
    assert "lack" not in warned_of(whole)
    assert any("some gateways: r." in each for each in warn_of_runs(grouped([run, whole])))
    show_result(run.result)
    assert wanted in capsys.readouterr().out
