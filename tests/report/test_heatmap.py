"""What the page holds of every gateway and round."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.made_run import Made, make_run
from fednids.report.charts.heatmap import Kept, pack
from fednids.runs.gateways import Histories
from fednids.runs.reader import read_run


@pytest.fixture
def histories(tmp_path: Path) -> Histories:
    found = read_run(make_run(tmp_path / "run", Made(gateways=7, rounds=5))).gateways
    assert found is not None
    return found


def decoded(packed: dict[str, Any], name: str) -> np.ndarray:
    """Read cells as the page's script does."""
    measure = packed["measures"][name]
    cells = np.frombuffer(base64.b64decode(measure["cells"]), "<u2").astype(float)
    cells[cells == 65_535] = np.nan
    return cells.reshape(len(packed["rounds"]), len(packed["ids"])) / 65_534 * measure["top"]


def test_all_is_kept_where_there_is_room(histories: Histories) -> None:
    histories.accuracy[2, 3] = np.nan
    kept = Kept.of(histories)
    packed = pack(histories, kept)
    assert kept.note == ""
    assert packed["ids"] == list(range(7))
    for name in ("accuracy", "macro_f1", "loss"):
        np.testing.assert_allclose(decoded(packed, name), getattr(histories, name), atol=2e-5)
    np.testing.assert_array_equal(decoded(packed, "took_part"), histories.took_part)
    for measure in packed["measures"].values():
        assert measure["low"] < measure["high"] <= measure["top"] * (1 + 1e-9)


def test_what_is_left_out_is_said(histories: Histories) -> None:
    kept = Kept.of(histories, budget=15)
    assert kept.rounds.tolist() == [0, 1, 2, 3, 4]
    assert kept.gateways.tolist() == [0, 3, 6]
    assert kept.note == "3 of 7 gateways are kept, evenly spaced by id."
    assert pack(histories, kept)["ids"] == [0, 3, 6]


def test_rounds_are_thinned_before_gateways_are() -> None:
    shape = (500, 40)
    blank = np.zeros(shape)
    none = np.zeros(0, np.int64)
    found = Histories(
        np.arange(1, 501), np.arange(40), blank, blank, blank, blank > 0, none, none, none
    )
    kept = Kept.of(found, budget=6_000)
    assert (len(kept.rounds), len(kept.gateways)) == (150, 40)
    assert kept.rounds[0] == 0
    assert kept.rounds[-1] == 499
    assert kept.note == "150 of 500 rounds are kept, evenly spaced."


def test_a_run_without_a_single_rate_is_packed(histories: Histories) -> None:
    for values in (histories.accuracy, histories.macro_f1, histories.loss):
        values[:] = np.nan
    assert np.isnan(decoded(pack(histories, Kept.of(histories)), "loss")).all()
