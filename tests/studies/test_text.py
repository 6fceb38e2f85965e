"""The report's words: what the numbers show, and no more."""

from __future__ import annotations

import re
from pathlib import Path

from study_factory import STUDY, rows_of, study

from fednids.studies.report import (
    ARM,
    Failed,
    StudyReport,
    compare_in_pairs,
    findings,
    group,
    report_markdown,
)

THREE = STUDY.replace("[1, 2]", "[1, 2, 3]")
SCORES = {
    "centralised": 0.9,
    "local alpha=0.1": 0.3,
    "local alpha=1.0": 0.5,
    "federated strategy=fedavg seed=1": 0.6,
    "federated strategy=fedavg seed=2": 0.7,
    "federated strategy=fedavg seed=3": 0.8,
    "federated strategy=fedprox": 0.7,
}


def report(folder: Path, *, synthetic: bool = True, failed: tuple[Failed, ...] = ()) -> StudyReport:
    given = study(folder, THREE)
    rows = tuple(rows_of(given, SCORES))
    comparisons = (*compare_in_pairs(rows, ARM), *compare_in_pairs(rows, "strategy.name"))
    data = (("/home/somebody/flows.csv", 600, synthetic),)
    return StudyReport(given, rows, group(rows, "jensen_shannon"), comparisons, failed, data, 0.6)


def test_it_says_what_the_numbers_show(tmp_path: Path) -> None:
    lines = findings(report(tmp_path))
    assert "centralised: macro-F1 0.900 (0.900 to 0.900)." in lines
    ranked = next(line for line in lines if line.startswith("local: "))
    assert ranked.index("alpha 0.1 (skew 1.000) with 0.300") < ranked.index(
        "alpha 1.0 (skew 0.100)"
    )
    assert any("of centralised is higher than of local: +0.500" in line for line in lines)
    assert any("of local is lower than of federated: -0.3" in line for line in lines)
    strategies = next(line for line in lines if "fedavg and fedprox" in line)
    assert strategies == "macro-F1 of fedavg and fedprox (federated): no difference seen, 6 pairs."


def test_no_run_beats_a_majority_that_is_not_known(tmp_path: Path) -> None:
    assert "are not above the majority baseline" in " ".join(findings(report(tmp_path)))


def test_tables_have_a_row_a_group_and_a_row_a_cell(tmp_path: Path) -> None:
    text = report_markdown(report(tmp_path), ["macro-f1.png"])
    scores = text.partition("## Scores")[2].partition("## Gateways")[0]
    assert len([line for line in scores.splitlines() if line.startswith("| ")]) == 1 + 7
    cells = text.partition("## Cells")[2]
    assert len([line for line in cells.splitlines() if line.startswith("| ")]) == 1 + 36
    tables = [line for line in text.splitlines() if line.startswith("|")]
    widths = {len(re.findall(r"\|", line)) for line in tables}
    assert len(widths) <= 6
    assert "![macro-f1.png](macro-f1.png)" in text
    assert "nan" not in text.lower().replace("finance", "")


def test_synthetic_flows_are_named_so_and_folders_are_not_told(tmp_path: Path) -> None:
    warning = "numbers say nothing about real traffic"
    assert warning in report_markdown(report(tmp_path), [])
    real = report_markdown(report(tmp_path, synthetic=False), [])
    assert warning not in real
    assert "600 flows of flows.csv" in real
    assert "somebody" not in real


def test_what_failed_is_said(tmp_path: Path) -> None:
    failed = (Failed("federated-x", "expected memory, got none", "logs/federated-x.log"),)
    text = report_markdown(report(tmp_path, failed=failed), [])
    assert "- federated-x: expected memory, got none (`logs/federated-x.log`)" in text
    assert "## What failed" not in report_markdown(report(tmp_path), [])
