"""Gateways over rounds, as arrays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.made_run import Made, make_run
from fednids.metrics import ConfusionCounts, scores
from fednids.runs.gateways import Histories, accuracies, macro_f1s, read_gateways

NAMES = ("a", "b", "c")


@given(arrays(np.int64, (4, 3, 3), elements=st.integers(0, 4)))
def test_rates_of_many_are_the_rates_of_each(counts: np.ndarray) -> None:
    each = [scores(ConfusionCounts(matrix), NAMES) for matrix in counts]
    np.testing.assert_allclose(accuracies(counts), [found.accuracy for found in each])
    np.testing.assert_allclose(macro_f1s(counts), [found.macro_f1 for found in each])


def rows(*told: tuple[int, int, int]) -> pa.Table:
    """Rows of round, partition and right answers."""
    return pa.Table.from_pylist(
        [
            {"round": r, "partition_id": k, "participated": k == 0, "confusion": [right, 1, 0, 0]}
            for r, k, right in told
        ]
    )


def test_rows_in_any_order_find_their_place_and_gaps_are_undefined() -> None:
    found = Histories.of(rows((3, 7, 1), (1, 0, 3), (1, 7, 0), (2, 0, 1)))
    assert found.rounds.tolist() == [1, 2, 3]
    assert found.ids.tolist() == [0, 7]
    np.testing.assert_array_equal(found.accuracy, [[0.75, 0], [0.5, np.nan], [np.nan, 0.5]])
    assert found.took_part.tolist() == [[True, False], [True, False], [False, False]]
    assert found.test_flows.tolist() == [[2, 0], [2, 0]]
    assert found.final.tolist() == [[1, 1], [0, 0]]
    assert np.isnan(found.loss).all()


@pytest.mark.parametrize("cells", [[[1, 2, 3]], [[1]], [[-1, 0, 0, 0]], [[0, 0, 0, 0], [1]]])
def test_what_is_no_count_is_refused(cells: list[list[int]]) -> None:
    entries = [
        {"round": 1, "partition_id": k, "participated": True, "confusion": each}
        for k, each in enumerate(cells)
    ]
    with pytest.raises(ValueError, match="confusion"):
        Histories.of(pa.Table.from_pylist(entries))


def test_a_stopped_run_tells_the_same_and_no_round_beyond_its_last(tmp_path: Path) -> None:
    done = make_run(tmp_path / "done", Made())
    cut = make_run(tmp_path / "cut", Made(finished=False))
    path = cut / "checkpoint" / "gateways.jsonl"
    row = json.loads(path.read_text().splitlines()[0])
    later = json.dumps({**row, "round": 5})
    path.write_text(path.read_text() + later + "\n" + later[:30])
    first, second = (read_gateways(folder, 4) for folder in (done, cut))
    assert first is not None
    assert second is not None
    ours, theirs = Histories.of(first), Histories.of(second)
    for name in ("rounds", "accuracy", "macro_f1", "loss", "took_part", "last", "final"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
