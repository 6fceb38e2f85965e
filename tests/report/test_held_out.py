"""What training never saw has its tables, whatever a damaged result holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs_factory import small_config

from fednids.experiment.execution import execute
from fednids.report.held_out import unseen_gateways_table, unseen_table
from fednids.report.page import Page
from fednids.report.writing import render
from fednids.runs.reader import read_run

UNSEEN = {
    "name": "Theft",
    "flows": 8,
    "alarms": 0.75,
    "taken_for": {"Benign": 0.25, "DoS": 0.75},
    "rejection": {
        "max_probability": {"auroc": 0.5, "passed": None},
        "energy": {"auroc": 0.9, "passed": 0.125},
    },
}


def test_a_class_has_its_table() -> None:
    table = unseen_table(UNSEEN)
    assert table is not None
    assert table.caption == "Theft, never trained on: shares of 8 flows"
    rows = dict(table.rows)
    assert (rows["raise an alarm"], rows["taken for Benign"]) == ("0.750", "0.250")
    assert rows["told from known classes by energy score: area"] == "0.900"
    assert rows["pass where 95 % of known flows do: highest probability"] == "–"


def test_gateways_have_theirs() -> None:
    sides = {"seen": {"macro_f1": 0.9}, "unseen": {"macro_f1": 0.5}}
    table = unseen_gateways_table({"partitions": [3, 7], **sides})
    assert table is not None
    assert table.caption.endswith("3, 7")
    assert table.rows[0] == ("macro-F1", "0.500", "0.900")
    assert table.rows[1] == ("balanced accuracy", "–", "–")


@pytest.mark.parametrize("build", [unseen_table, unseen_gateways_table])
def test_nothing_gives_no_table_and_damage_gives_dashes(build) -> None:  # type: ignore[no-untyped-def]
    assert build({}) is None
    for damage in ({"rejection": 5}, {"taken_for": [1]}, {"seen": "x"}, {"partitions": None}):
        table = build(damage)
        assert table is not None
        assert all(cell == "–" for row in table.rows for cell in row[1:])


@pytest.mark.slow
def test_they_stand_on_the_page_of_a_run(tmp_path: Path) -> None:
    config = small_config(data__unseen="DoS", partition__unseen_gateways=1, partition__alpha=10.0)
    execute("federated", config, tmp_path / "run")
    page = render(Page.of([read_run(tmp_path / "run")]))
    assert "What training never saw" in page
    assert "DoS, never trained on" in page
    assert "Gateways that never trained" in page
