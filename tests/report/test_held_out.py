"""What training never saw has its tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from runs_factory import small_config

from fednids.experiment.execution import execute
from fednids.metrics import ConfusionCounts, scores
from fednids.report.page import Page
from fednids.report.run_tables import unseen_gateways_table, unseen_table
from fednids.report.writing import render_page
from fednids.runs.reader import read_run
from fednids.runs.records import UnseenGatewaysRecord, UnseenRecord

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
    table = unseen_table(UnseenRecord.model_validate(UNSEEN))
    assert table is not None
    assert table.caption == "Theft, never trained on: shares of 8 flows"
    rows = dict(table.rows)
    assert (rows["raise an alarm"], rows["taken for Benign"]) == ("0.750", "0.250")
    assert rows["told from known classes by energy score: area"] == "0.900"
    assert rows["pass where 95 % of known flows do: highest probability"] == "–"


def test_gateways_have_theirs() -> None:
    seen, unseen = (
        scores(ConfusionCounts(np.array(counts)), ("Benign", "DoS")).to_json()
        for counts in ([[5, 0], [0, 5]], [[0, 0], [5, 5]])
    )
    found = {"partitions": [3, 7], "seen": seen, "unseen": unseen}
    table = unseen_gateways_table(UnseenGatewaysRecord.model_validate(found))
    assert table is not None
    assert table.caption.endswith("3, 7")
    assert table.rows[0] == ("macro-F1", "0.667", "1.000")
    assert table.rows[2] == ("benign false alarms", "–", "0.000")


def test_nothing_gives_no_table() -> None:
    assert unseen_table(None) is None
    assert unseen_gateways_table(None) is None


@pytest.mark.slow
def test_they_stand_on_the_page_of_a_run(tmp_path: Path) -> None:
    config = small_config(data__unseen="DoS", partition__unseen_gateways=1, partition__alpha=10.0)
    execute("federated", config, tmp_path / "run")
    page = render_page(Page.of([read_run(tmp_path / "run")]))
    assert "What training never saw" in page
    assert "DoS, never trained on" in page
    assert "Gateways that never trained" in page
