"""Table, text and page say what was measured, and no more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reproduction_factory import filled

from fednids.studies.reproduce.findings import findings
from fednids.studies.reproduce.folder import ReproductionFolder
from fednids.studies.reproduce.rows import CLEAN, LEAKING, ROWS
from fednids.studies.reproduce.table import Failure, Table
from fednids.studies.reproduce.text import render
from fednids.studies.reproduce.writing import write_table

ROW_SCORES = {
    LEAKING: [0.9, 0.95, 0.98],
    CLEAN: [0.5, 0.6, 0.7],
    "five-default": [0.6, 0.7, 0.8],
    "five-default-cnn": [0.61, 0.69, 0.80],
    "five-federated-skewed": [0.4],
    "five-centralised": [0.5, 0.6, 0.7],
}


@pytest.fixture
def folder(tmp_path: Path) -> ReproductionFolder:
    return filled(tmp_path / "out", ROW_SCORES)


def test_differences_are_of_pairs_of_seeds(folder: ReproductionFolder) -> None:
    said = findings(Table.of(folder))
    leak = next(line for line in said if line.startswith("macro-F1 of “published: the"))
    assert "is higher than of “published, without that column”: +0.343" in leak
    assert "3 seeds" in leak
    cnn = next(line for line in said if "CNN alone" in line)
    assert "no difference seen" in cnn
    skewed = next(line for line in said if line.startswith("macro-F1 of “federated, dirichlet"))
    assert "less that of “centralised”: -0.100, 1 seed." in skewed
    losses = next(line for line in said if line.startswith("Training loss of “published: the"))
    assert "from 0.5000 to 0.2500 in 2 epochs (seed by seed 0.2500, 0.2500, 0.2500)" in losses
    assert "0.1650 to 0.0002 in 20" in losses


def test_rows_that_are_missing_are_not_spoken_of(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", {"five-default": [0.6]})
    assert findings(Table.of(folder)) == []
    text = render(Table.of(folder), [])
    assert "## The honest protocol" in text
    assert "## The published protocol" not in text
    assert "## Training loss" not in text


def test_every_number_stands_beside_the_majority_and_synthetic_flows_are_named(
    folder: ReproductionFolder,
) -> None:
    table = Table.of(folder, [Failure("five-lite@1", "no room", "logs/five-lite@1.log")])
    text = render(table, ["scores.png"])
    assert "majority's macro-F1" in text
    assert "| 0.200 | 3 | 100 (120) |" in text
    assert "The flows are synthetic" in text
    assert "1,000 synthetic flows a seed" in text
    assert "0.943 (0.900 to 0.980)" in text
    assert "0.400 (n/a)" in text
    assert "five-lite@1: no room" in text
    for name in ROW_SCORES:
        assert f"| {ROWS[name].title} |" in text


def test_json_has_every_seed_and_the_page_needs_nothing_else(folder: ReproductionFolder) -> None:
    write_table(Table.of(folder), folder)
    found = json.loads((folder.path / "reproduce.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == [name for name in ROWS if name in ROW_SCORES]
    assert [rows[LEAKING]["seeds"][s]["all"]["accuracy"] for s in "123"] == [0.9, 0.95, 0.98]
    assert rows[LEAKING]["mean"]["worst_recall"]["mean"] is None
    assert found["findings"] == findings(Table.of(folder))
    page = (folder.path / "index.html").read_text()
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    assert all(ROWS[name].title in page for name in ROW_SCORES)
    assert page.count("<img") == page.count('alt="')


def test_the_same_rows_give_the_same_files(folder: ReproductionFolder) -> None:
    names = ("reproduce.json", "reproduce.md", "index.html", "scores.png", "losses.png")
    write_table(Table.of(folder), folder)
    before = [(folder.path / name).read_bytes() for name in names]
    write_table(Table.of(folder), folder)
    assert [(folder.path / name).read_bytes() for name in names] == before
