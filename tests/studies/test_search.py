"""Searches: what is tried, who goes on, and that no test flow is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_factory import TINY
from whole_result import whole_result, write_whole

from fednids.errors import ConfigError, RunError
from fednids.runs.records import ResultRecord
from fednids.studies import search as searching
from fednids.studies.engine import Step, StepEnd
from fednids.studies.search import DEFAULT, SEARCH, Band, Search, read_search, run_search
from fednids.studies.study import checked

SPACE = {"train.learning_rate": [0.001, 0.01], "train.epochs": [1, 2]}
CASES = (
    {"name": "even", "partition.alpha": 10.0},
    {"name": "skewed", "partition.alpha": 0.1},
)


def search(**changes: Any) -> Search:
    tables = {"title": "tiny", "seeds": [1, 2, 3], "settings": TINY, "space": SPACE, **changes}
    return checked(Search, tables, "a test")


class TestWhatIsTried:
    def test_all_combinations_after_the_default(self) -> None:
        found = {each.name: each.settings for each in search().drawn()}
        assert next(iter(found)) == DEFAULT
        assert found.pop(DEFAULT) == {}
        assert len(found) == 4
        assert found["learning_rate=0.01, epochs=2"] == {
            "train.learning_rate": 0.01,
            "train.epochs": 2,
        }

    def test_draws_are_the_same_each_time_and_named_candidates_stand_before(self) -> None:
        space = {"train.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}
        named = [{"name": "slow", "train.learning_rate": 1e-4, "train.epochs": 3}]
        made = [search(space=space, trials=5, candidates=named).drawn() for _ in range(2)]
        assert made[0] == made[1]
        assert [each.name for each in made[0]][:2] == [DEFAULT, "slow"]
        assert len(made[0]) == 7

    @given(
        low=st.floats(1e-6, 1e3), factor=st.floats(1.5, 1e4), log=st.booleans(),
        seed=st.integers(0, 9),
    )  # fmt: skip
    def test_draws_lie_between_the_ends(
        self, low: float, factor: float, log: bool, seed: int
    ) -> None:
        wish = Band(low=low, high=low * factor, log=log)
        assert low <= wish.draw(np.random.default_rng(seed)) <= low * factor

    def test_whole_ends_give_all_whole_numbers_between(self) -> None:
        rng, wish = np.random.default_rng(1), Band(low=2, high=4)
        drawn = [wish.draw(rng) for _ in range(100)]
        assert set(drawn) == {2, 3, 4}
        assert all(isinstance(each, int) for each in drawn)

    @pytest.mark.parametrize(
        ("changes", "line"),
        [
            ({"space": {}}, r"expected a \[space\] or"),
            ({"space": {"partition.alpha": [1.0]}}, "leave the flows as they are"),
            ({"space": {"data.test_share": [0.1]}}, "leave the flows as they are"),
            ({"space": {"train.rate": [0.1]}}, "train.rate"),
            ({"space": {"train.epochs": {"low": 1, "high": 3}}}, "expected trials above 0"),
            ({"space": {"train.epochs": {"low": 3, "high": 1}}, "trials": 2}, "low below high"),
            ({"settings": {"data.score_on": "test"}}, "test flows choose nothing"),
            ({"settings": {"data.validation_share": 0.0}}, "validation_share above 0"),
            ({"keep": 0.0}, "expected keep"),
            ({"trails": 3}, "expected a key of a search"),
            ({"space": {"train.epochs": 3}}, "expected a list of values, or low and high"),
            ({"space": {"train.epochs": []}}, "expected a list of values, or low and high"),
            ({"space": {"train.epochs": {"lo": 1, "high": 2}}, "trials": 2}, "in the space, train"),
            ({"candidates": [{"name": DEFAULT, "train.epochs": 2}]}, "without repeats"),
            ({"cases": [{"name": "a", "train.epochs": 2}]}, "in the case a"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_line_before_anything_runs(
        self, changes: dict[str, Any], line: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError, match=line) as caught:
            run_search(search(**changes), tmp_path / "out")
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "out").exists()

    def test_every_run_is_scored_on_validation_flows(self) -> None:
        for cell in searching.expand(search(cases=CASES).study()):
            assert cell.run.config.data.score_on == "validation"
            assert cell.run.config.data.validation_share > 0

    def test_a_missing_file_is_a_line(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="expected a search file"):
            read_search(str(tmp_path / "none.toml"))


def scored(macro_f1: float) -> dict[str, Any]:
    """A result whose two classes both have this F1."""
    found = whole_result()
    for each in found["final"]["per_class"].values():
        each["f1"] = macro_f1
    found["final"] |= {"macro_f1": macro_f1, "false_alarm_rate": 0.5}
    return found


class TestRace:
    """Runs are written as numbers: candidates are as good as their learning rate is low."""

    @pytest.fixture
    def began(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        began: list[str] = []

        def carry_out(folder: Any, steps: list[Step], *_: Any, **__: Any) -> tuple[()]:
            for run in [run for step in steps for run in step.runs]:
                began.append(run.name)
                rate = run.config.train.learning_rate
                if rate < 0.009:
                    write_whole(folder.run(run), scored(0.9 - rate))
            return ()

        monkeypatch.setattr(searching, "carry_out", carry_out)
        return began

    RATES = (0.001, 0.002, 0.004, 0.005, 0.006, 0.01)

    def test_the_better_ones_go_on_and_the_default_always(
        self, tmp_path: Path, began: list[str]
    ) -> None:
        wanted = search(space={"train.learning_rate": list(self.RATES)}, keep=0.5)
        report = run_search(wanted, tmp_path)
        seeds = {each.name: len(each.scores) for each in report.candidates}
        assert seeds == {
            DEFAULT: 3,
            "learning_rate=0.001": 3,
            "learning_rate=0.002": 3,
            "learning_rate=0.004": 2,
            "learning_rate=0.005": 1,
            "learning_rate=0.006": 1,
            "learning_rate=0.01": 0,
        }
        assert report.best.name == "learning_rate=0.001"
        assert report.candidates[-1].reason == "failed with seed 1"
        assert len(began) == 7 + 4 + 3
        page = (tmp_path / "report.md").read_text()
        assert "No test flow was read" in page
        shared = " ".join(f"{name}={value}" for name, value in TINY.items())
        assert f"$ fednids simulate {shared} train.learning_rate=0.001 --out run" in page
        found = json.loads((tmp_path / "report.json").read_text())
        assert found == report.to_json()
        assert found["test_flows"] == 0

    def test_settings_that_the_default_has_are_no_candidate(
        self, tmp_path: Path, began: list[str]
    ) -> None:
        shared = {**TINY, "train.learning_rate": 0.001}
        wanted = search(settings=shared, space={"train.learning_rate": [0.001, 0.002, 1e-3]})
        report = run_search(wanted, tmp_path)
        assert [each.name for each in report.candidates] == [DEFAULT, "learning_rate=0.002"]
        assert len(set(began)) == len(began) == 6

    def test_it_goes_on_where_it_stopped_and_runs_nothing_twice(
        self, tmp_path: Path, began: list[str]
    ) -> None:
        wanted = search(space={"train.learning_rate": [0.001, 0.002]})
        first = run_search(wanted, tmp_path)
        whole = len(began)
        lost = began[-1]
        shutil.rmtree(tmp_path / "runs" / lost)
        assert run_search(wanted, tmp_path).to_json() == first.to_json()
        assert began[whole:] == [lost]

    def test_another_search_is_refused(self, tmp_path: Path, began: list[str]) -> None:
        run_search(search(space={"train.learning_rate": [0.001]}), tmp_path)
        with pytest.raises(RunError, match="as it was begun"):
            run_search(search(space={"train.learning_rate": [0.002]}), tmp_path)
        assert (tmp_path / SEARCH).is_file()

    def test_the_score_is_a_mean_over_cases_less_false_alarms(
        self, tmp_path: Path, began: list[str]
    ) -> None:
        wanted = search(
            space={"train.learning_rate": [0.001]}, cases=CASES, alarm_cost=0.2, seeds=[1]
        )
        report = run_search(wanted, tmp_path)
        assert len(began) == 4
        assert report.best.score == pytest.approx(0.9 - 0.001 - 0.2 * 0.5)

    def test_none_that_ends_well_is_a_line(self, tmp_path: Path, began: list[str]) -> None:
        settings = {**TINY, "train.learning_rate": 0.02}
        wanted = search(settings=settings, space={"train.epochs": [1, 2]})
        with pytest.raises(RunError, match="a candidate whose runs end well"):
            run_search(wanted, tmp_path)


def test_rare_classes_are_left_out_of_the_score() -> None:
    found = scored(0.5)
    found["final"]["per_class"]["Attack"]["f1"] = 0.9
    result = ResultRecord.model_validate(found)
    assert search(rare=["Benign"]).score(result) == pytest.approx(0.9)
    assert search().score(result) == pytest.approx(0.7)


class Watch:
    def __init__(self) -> None:
        self.ends: list[StepEnd] = []

    def begins(self, steps: list[Step], finished: int) -> None: ...

    def ended(self, end: StepEnd) -> None:
        self.ends.append(end)


@pytest.mark.slow
def test_a_real_search_reads_no_test_flow(tmp_path: Path) -> None:
    watch = Watch()
    wanted = search(space={"train.epochs": [2, 3]}, seeds=[1, 2], settings=TINY)
    report = run_search(wanted, tmp_path, watcher=watch)
    assert report.failed == ()
    assert len(watch.ends) == 6
    plain = run_search(wanted, tmp_path)
    assert plain.to_json() == report.to_json()
    results = [json.loads(path.read_text()) for path in (tmp_path / "runs").glob("*/result.json")]
    assert len(results) == 6
    for each in results:
        assert each["settings"]["data.score_on"] == "validation"
        assert each["data"]["flows"] < TINY["data.flows"] * 0.81
    assert sum(report.flows.values()) == results[0]["data"]["test_flows"]
