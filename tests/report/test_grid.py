"""What the page holds of every gateway and round."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.made_run import Made, make_run
from fednids.report.figures.grid import CELLS, KeptCells
from fednids.report.page import RunPart
from fednids.runs.gateways import Histories
from fednids.runs.reader import Run, read_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return read_run(make_run(tmp_path / "run", Made(gateways=7, rounds=5)))


@pytest.fixture
def histories(run: Run) -> Histories:
    assert run.gateways is not None
    return run.gateways


def packed(run: Run, budget: int = CELLS) -> dict[str, Any]:
    found = RunPart.of(run, "run1", budget).gateways
    assert found is not None
    return found


def decoded(packed: dict[str, Any], name: str) -> np.ndarray:
    """Read cells as the page's script does."""
    measure = packed["measures"][name]
    cells = np.frombuffer(base64.b64decode(measure["cells"]), "<u2").astype(float)
    cells[cells == 65_535] = np.nan
    return cells.reshape(len(packed["rounds"]), len(packed["ids"])) / 65_534 * measure["top"]


def test_all_is_kept_where_there_is_room(run: Run, histories: Histories) -> None:
    histories.accuracy[2, 3] = np.nan
    found = packed(run)
    assert found["ids"] == list(range(7))
    for name in ("accuracy", "macro_f1", "loss"):
        np.testing.assert_allclose(decoded(found, name), getattr(histories, name), atol=2e-5)
    np.testing.assert_array_equal(decoded(found, "took_part"), histories.took_part)
    for measure in found["measures"].values():
        assert measure["low"] < measure["high"] <= measure["top"] * (1 + 1e-9)


def test_what_is_left_out_is_said(run: Run) -> None:
    kept = KeptCells.of(5, 7, budget=15)
    assert kept.rounds.tolist() == [0, 1, 2, 3, 4]
    assert kept.gateways.tolist() == [0, 3, 6]
    assert kept.note == "3 of 7 gateways are kept, evenly spaced by id."
    assert KeptCells.of(5, 7).note == ""
    assert packed(run, 15)["ids"] == [0, 3, 6]
    assert RunPart.of(run, "run1", 15).figures["heatmap"].note == kept.note


def test_rounds_are_thinned_before_gateways_are() -> None:
    kept = KeptCells.of(500, 40, budget=6_000)
    assert (len(kept.rounds), len(kept.gateways)) == (150, 40)
    assert kept.rounds[0] == 0
    assert kept.rounds[-1] == 499
    assert kept.note == "150 of 500 rounds are kept, evenly spaced."


def test_a_run_without_a_single_rate_is_packed(run: Run, histories: Histories) -> None:
    for values in (histories.accuracy, histories.macro_f1, histories.loss):
        values[:] = np.nan
    assert np.isnan(decoded(packed(run), "loss")).all()
