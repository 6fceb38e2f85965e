"""One axis laid out along another."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
from study_factory import rows_of, study

from fednids.studies.report import Row, StudyReport, draw_report, group, report_markdown, sheets
from fednids.studies.statistics import RUN_METRICS

TEXT = """
title = "Malicious gateways"
arms = ["federated"]
seeds = [1, 2, 3]

[grid]
strategy.name = ["fedavg", "krum"]
train.epochs = [1, 2]

[[axes.malicious]]
name = "none"

[[axes.malicious]]
name = "some"
attack.kind = "sign-flip"
attack.share = 0.2

[report]
compare = "strategy.name"
along = "malicious"
"""
SCORES = {
    "malicious=none strategy=fedavg": 0.9,
    "malicious=some strategy=fedavg seed=1": 0.3,
    "malicious=some strategy=fedavg seed=2": 0.4,
    "malicious=some strategy=fedavg seed=3": 0.5,
    "malicious=some strategy=krum epochs=1": 0.8,
}


def rows(folder: Path, text: str = TEXT) -> list[Row]:
    return rows_of(study(folder, text), SCORES)


def test_lines_are_values_of_one_axis_at_the_values_of_the_other(tmp_path: Path) -> None:
    one, two = sheets(rows(tmp_path), ("strategy.name", "malicious"), "macro_f1")
    assert (one.place, two.place) == ("epochs 1", "epochs 2")
    assert one.along == ("none", "some")
    assert list(one.lines) == ["fedavg", "krum"]
    assert list(two.lines) == ["fedavg"]
    none, some = one.lines["fedavg"]
    assert (none.mean, none.count) == (pytest.approx(0.9), 3)
    assert (some.mean, some.low, some.high) == pytest.approx((0.4, 0.3, 0.5))
    missing, there = one.lines["krum"]
    assert (missing.count, there.count) == (0, 3)
    assert math.isnan(missing.mean)


def test_a_metric_that_nobody_has_gives_no_sheet(tmp_path: Path) -> None:
    assert sheets(rows(tmp_path), ("strategy.name", "malicious"), "attack_success") == ()


def test_an_arm_that_does_not_read_the_axis_is_one_line(tmp_path: Path) -> None:
    given = study(tmp_path, TEXT.replace('["federated"]', '["federated", "local"]'))
    found = [
        dataclasses.replace(
            row, metrics=row.metrics or dict.fromkeys(RUN_METRICS, math.nan) | {"macro_f1": 0.5}
        )
        for row in rows_of(given, {**SCORES, "local": 0.6})
    ]
    (one, _) = sheets(found, ("strategy.name", "malicious"), "macro_f1")
    assert list(one.lines) == ["federated, fedavg", "local", "federated, krum"]
    assert [value.count for value in one.lines["local"]] == [3, 3]


def report(folder: Path) -> StudyReport:
    given, found = study(folder, TEXT), tuple(rows(folder))
    return StudyReport(given, found, group(found, "jensen_shannon"), (), (), (), 0.6)


def test_the_report_has_a_table_and_a_picture_of_it(tmp_path: Path) -> None:
    drawn = draw_report(report(tmp_path), tmp_path)
    assert drawn == ["along-macro-f1.png"]
    assert (tmp_path / drawn[0]).read_bytes().startswith(b"\x89PNG")
    text = report_markdown(report(tmp_path), drawn)
    table = text.partition("## macro-F1: strategy along malicious (epochs 1)")[2].splitlines()
    assert table[2:6] == [
        "| strategy | none | some |",
        "|---|---|---|",
        "| fedavg | 0.900 (0.900 to 0.900) | 0.400 (0.300 to 0.500) |",
        "| krum | – | 0.800 (0.800 to 0.800) |",
    ]
    assert "## Attacks" not in text


def test_attacks_are_told_where_there_are_any(tmp_path: Path) -> None:
    found = tuple(
        dataclasses.replace(
            row, metrics={**row.metrics, "attack_success": 0.4, "attack_over_clean": 0.3}
        )
        if row.metrics and "malicious=some" in row.cell.label
        else row
        for row in rows(tmp_path)
    )
    given = dataclasses.replace(report(tmp_path), rows=found, groups=group(found, "jensen_shannon"))
    text = report_markdown(given, [])
    attacks = text.partition("## Attacks")[2].partition("\n## ")[0]
    assert len([line for line in attacks.splitlines() if line.startswith("| federated")]) == 3
    assert "none" not in attacks.partition("|")[2]
    assert "along-attack-success.png" in draw_report(given, tmp_path)
