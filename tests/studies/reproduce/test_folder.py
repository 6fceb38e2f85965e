"""What is kept, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from reproduction_factory import filled, measured

from fednids.errors import RunError
from fednids.metrics import ConfusionCounts
from fednids.studies.reproduce.folder import Plan, ReproductionFolder
from fednids.studies.reproduce.measured import Measured, worst_of


def test_what_is_kept_comes_back_with_nan(tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", {"five-default": [0.5]})
    found = folder.kept("five-default", 1)
    assert found is not None
    assert found.all.macro_f1 == 0.5
    assert math.isnan(found.worst_recall)
    again = Measured.model_validate_json(found.content())
    assert again.content() == found.content()
    assert folder.kept("five-default", 2) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"all": 1}'])
def test_a_damaged_row_is_run_again(content: bytes, tmp_path: Path) -> None:
    folder = filled(tmp_path / "out", {"five-default": [0.5]})
    (tmp_path / "out" / "rows" / "five-default@1.json").write_bytes(content)
    assert folder.kept("five-default", 1) is None


def test_more_seeds_go_on_and_other_flows_do_not(tmp_path: Path) -> None:
    out = tmp_path / "out"
    filled(out, {"five-default": [0.5]}, flows=900)
    with ReproductionFolder(out).opened(Plan(flows=900, seeds=(1, 2))):
        pass
    folder = ReproductionFolder(out)
    assert folder.plan.seeds == (1, 2)
    assert folder.kept("five-default", 1) is not None
    for other in (Plan(flows=901), Plan(flows=900, data="x.csv"), Plan(flows=900, quick=True)):
        with pytest.raises(RunError, match="expected the data, flows and --quick") as caught:
            ReproductionFolder(out).check(other)
        assert "\n" not in str(caught.value)


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with (
        pytest.raises(RunError, match="new or empty folder"),
        ReproductionFolder(tmp_path).opened(Plan()),
    ):
        pass
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_a_damaged_plan_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    filled(out, {"five-default": [0.5]})
    (out / "plan.json").write_text("{")
    with pytest.raises(RunError, match="expected the plan of a reproduction"):
        ReproductionFolder(out).check(Plan())


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    other = ReproductionFolder(out).opened(Plan())
    with ReproductionFolder(out).opened(Plan()), pytest.raises(RunError, match="at work"), other:
        pass


def test_the_worst_gateway_is_the_least_of_those_with_such_flows() -> None:
    good = ConfusionCounts.from_labels([0, 1, 1], [0, 1, 1], 2)
    poor = ConfusionCounts.from_labels([0, 1, 1], [0, 0, 1], 2)
    benign = ConfusionCounts.from_labels([0, 0], [0, 0], 2)
    empty = ConfusionCounts.from_labels([], [], 2)
    found = worst_of([good, poor, benign, empty], ("Benign", "Attack"))
    assert found["worst_recall"] == 0.5
    assert found["worst_macro_f1"] == pytest.approx(2 / 3)
    assert measured(0.5, **found).worst_recall == 0.5
    assert math.isnan(worst_of([benign], ("Benign", "Attack"))["worst_recall"])
