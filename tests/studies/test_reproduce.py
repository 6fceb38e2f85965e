"""Rows become runs, runs a table with findings and a page; the whole thing once, small."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from reproduction_factory import filled, keep

from fednids.cli.main import run as fednids
from fednids.errors import InterruptedRunError, RunError
from fednids.experiment.execution import check_settings
from fednids.metrics import ConfusionCounts
from fednids.networks.interface import Architecture
from fednids.studies import engine, reproduce
from fednids.studies.child import RUN_KINDS
from fednids.studies.engine import FITTED, Failed, Step, StepEnd, StudyFolder
from fednids.studies.published import CLEAN, CLEAN_LONG, LEAKING, PUBLISHED
from fednids.studies.reproduce import (
    EXPERIMENTS,
    PARTS,
    Measured,
    ReproductionPlan,
    ReproductionTable,
    reproduction_markdown,
    run_reproduction,
    worst_of,
    write_table,
)
from fednids.studies.study import StudyRun

SMALL = ReproductionPlan(flows=800, seeds=(1, 2))


class Pool:
    """Runs nothing: leaves a made result for each run that is wanted, until one fails."""

    def __init__(self, folder: Path, fails: str = ""):
        self.folder, self.fails, self.given = StudyFolder(folder), fails, list[str]()
        self.crossed: list[str] = []

    def __call__(self, steps: Sequence[Step], processors: Sequence[int]) -> Iterator[StepEnd]:
        for step in steps:
            self.crossed += [step.name] if not step.runs else []
            for run in step.runs:
                self.given.append(run.name)
                if run.name == self.fails:
                    yield StepEnd(step, 1.0, "it fell")
                    break
                keep(self.folder, run, 0.5)
            else:
                yield StepEnd(step, 1.0)


def test_every_row_is_run_with_every_seed_and_finished_ones_are_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    pool = Pool(out, fails=f"{LEAKING}@2")
    monkeypatch.setattr(engine, "run_steps", pool)
    table = run_reproduction(SMALL, out)
    assert sorted(pool.given) == sorted(f"{name}@{seed}" for name in EXPERIMENTS for seed in (1, 2))
    assert pool.crossed == ["cross five-centralised@1", "cross five-centralised@2"]
    assert [(each.name, each.reason) for each in table.failed] == [(f"{LEAKING}@2", "it fell")]
    assert list(table.rows) == list(EXPERIMENTS)
    again = Pool(out)
    monkeypatch.setattr(engine, "run_steps", again)
    assert not run_reproduction(SMALL, out).failed
    assert again.given == [f"{LEAKING}@2"]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_alone_is_its_rows_alone(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(tmp_path / "out")
    monkeypatch.setattr(engine, "run_steps", pool)
    run_reproduction(SMALL, tmp_path / "out", parts=[part])
    assert {EXPERIMENTS[label.partition("@")[0]].part for label in pool.given} == {part}
    assert bool(pool.crossed) == (part == "federation")


def test_quick_rows_share_as_many_processes_as_there_are_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Sequence[Step]] = []

    def take(steps: Sequence[Step], processors: Sequence[int]) -> Iterator[StepEnd]:
        seen.append(steps)
        yield from ()

    monkeypatch.setattr(engine, "run_steps", take)
    monkeypatch.setattr(reproduce, "processors", lambda workers: (0, 1))
    run_reproduction(ReproductionPlan(quick=True, seeds=(1,)), tmp_path / "out")
    ((first, second, cross),) = seen
    assert first.seconds == pytest.approx(second.seconds, rel=0.2)
    (needed,) = cross.needs
    (holder,) = (step for step in (first, second) if step.name == needed)
    assert "five-centralised@1" in [run.name for run in holder.runs]
    module, folder, *which = first.command()
    assert (module, folder) == ("fednids.studies.child", str(tmp_path / "out"))
    assert which == [text for run in first.runs for text in (run.arm, run.name)]


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(steps: Sequence[Step], processors: Sequence[int]) -> Iterator[StepEnd]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(engine, "run_steps", stop)
    with pytest.raises(InterruptedRunError, match="the same command goes on"):
        run_reproduction(SMALL, tmp_path / "out")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", "1,x"], "--seeds as numbers"),
        (["--parts", "honest,dishonest"], "--parts among"),
        (["--data", "/nowhere.csv"], "/nowhere.csv"),
        (["--workers", "999"], "--workers from 1"),
    ],
)
def test_mistakes_get_one_line_and_leave_nothing(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fednids(["reproduce", "--out", str(tmp_path / "out"), *arguments]) == 2
    message = capsys.readouterr().err.strip()
    assert words in message
    assert "\n" not in message
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_quick_runs_every_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert fednids(["reproduce", "--quick", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in found["rows"]] == list(EXPERIMENTS)
    assert not found["failures"]
    for row in found["rows"]:
        (measured,) = row["seeds"].values()
        assert 0 <= measured["all"]["accuracy"] <= 1
        assert measured["synthetic"]
        if row["part"] == "federation":
            assert 0 <= measured["worst_recall"] <= 1
    assert (out / "index.html").is_file()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", b'{"final": 1}'])
@pytest.mark.parametrize(("row", "file"), [("five-default", "result.json"), (CLEAN, FITTED)])
def test_a_damaged_result_is_run_again(row: str, file: str, content: bytes, tmp_path: Path) -> None:
    folder, plan = filled(tmp_path / "out", {row: [0.5]})
    run = plan.run(row, 1)
    found = Measured.read(folder, row, run)
    assert found is not None
    assert found.value("all.macro_f1") == 0.5
    assert math.isnan(found.value("worst_recall"))
    assert found.to_json()["worst_recall"] is None
    (folder.run(run) / file).write_bytes(content)
    assert not folder.is_finished(run)
    assert Measured.read(folder, row, run) is None


def test_more_seeds_go_on_and_other_flows_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    filled(out, {"five-default": [0.5]}, flows=900)
    pool = Pool(out)
    monkeypatch.setattr(engine, "run_steps", pool)
    run_reproduction(ReproductionPlan(flows=900, seeds=(1, 2)), out, parts=["honest"])
    assert "five-default@2" in pool.given
    assert "five-default@1" not in pool.given
    for other in ({"flows": 901}, {"flows": 900, "data": "x"}, {"flows": 900, "quick": True}):
        with pytest.raises(RunError, match="expected the data, flows and --quick") as caught:
            run_reproduction(ReproductionPlan.model_validate(other), out)
        assert "\n" not in str(caught.value)


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(RunError, match="new or empty folder"):
        run_reproduction(SMALL, tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_a_damaged_plan_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"
    filled(out, {"five-default": [0.5]})
    (out / "plan.json").write_text("{")
    with pytest.raises(RunError, match="expected the plan of a reproduction"):
        run_reproduction(SMALL, out)


def test_the_worst_gateway_is_the_least_of_those_with_such_flows() -> None:
    good = ConfusionCounts.from_labels([0, 1, 1], [0, 1, 1], 2)
    poor = ConfusionCounts.from_labels([0, 1, 1], [0, 0, 1], 2)
    benign = ConfusionCounts.from_labels([0, 0], [0, 0], 2)
    empty = ConfusionCounts.from_labels([], [], 2)
    found = worst_of([good, poor, benign, empty], ("Benign", "Attack"))
    assert found["worst_recall"] == 0.5
    assert found["worst_macro_f1"] == pytest.approx(2 / 3)
    assert math.isnan(worst_of([benign], ("Benign", "Attack"))["worst_recall"])


def test_a_detector_of_one_place_is_measured_at_all_gateways(tmp_path: Path) -> None:
    folder, plan = filled(tmp_path / "out", {"five-centralised": [0.5]})
    run = plan.run("five-centralised", 1)

    def worst() -> float:
        found = Measured.read(folder, "five-centralised", run)
        assert found is not None
        return found.value("worst_recall")

    assert math.isnan(worst())
    counts = np.zeros((1, 2, 5, 5), np.int32)
    counts[0, :, 2, 2], counts[0, 1, 2, 0] = 3, 1
    folder.cross(run.name).mkdir(parents=True)
    np.savez_compressed(folder.cross(run.name) / "cross.npz", counts=counts)
    assert worst() == 0.75
    (folder.cross(run.name) / "cross.npz").write_bytes(b"x")
    assert math.isnan(worst())


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_settings_of_every_row_fit_together(name: str, quick: bool) -> None:
    row = EXPERIMENTS[name]
    assert row.part in PARTS
    assert re.fullmatch(r"[a-z0-9-]+", name)
    run = ReproductionPlan(quick=quick).run(name, 7)
    assert {row.runs, run.arm} <= set(RUN_KINDS)
    check_settings(run.config)
    assert run.config.run.seed == 7
    for setting, value in row.settings.items():
        if not (quick and setting == "federation.rounds"):
            assert run.config.flat()[setting] == value
    if quick:
        assert run.config.federation.rounds == 2


def test_quick_rows_are_not_longer() -> None:
    assert ReproductionPlan().run(CLEAN_LONG, 1).arm == CLEAN_LONG
    assert ReproductionPlan(quick=True).run(CLEAN_LONG, 1).arm == CLEAN


def test_titles_tell_rows_apart() -> None:
    titles = [(row.part, row.title) for row in EXPERIMENTS.values()]
    assert len(set(titles)) == len(titles)


def test_only_the_rows_that_say_so_are_of_the_published_protocol() -> None:
    published = [name for name, row in EXPERIMENTS.items() if row.runs in PUBLISHED]
    assert published == list(PUBLISHED)
    assert published[:2] == [LEAKING, CLEAN]
    assert all(EXPERIMENTS[name].part == "published" for name in published)
    assert all(name.startswith("published-") for name in published)


def test_halves_and_windows_differ_from_their_whole_in_that_alone() -> None:
    def flat(name: str) -> dict[str, object]:
        return dict(ReproductionPlan().run(name, 1).config.flat())

    for name, whole in (("five-paper-cnn", "five-paper"), ("five-default-bilstm", "five-default")):
        ours, theirs = flat(name), flat(whole)
        assert {s for s in ours if ours[s] != theirs[s]} == {"model.parts"}
        model = ReproductionPlan().run(name, 1).config.model
        assert Architecture.of(model, 8, 10, 5).size > 0
    ours, theirs = flat("five-default-window-5"), flat("five-default")
    assert {s for s in ours if ours[s] != theirs[s]} == {"data.window"}


ROW_SCORES = {
    LEAKING: [0.9, 0.95, 0.98],
    CLEAN: [0.5, 0.6, 0.7],
    "five-default": [0.6, 0.7, 0.8],
    "five-default-cnn": [0.61, 0.69, 0.80],
    "five-centralised": [0.5, 0.6, 0.7],
    "five-federated-skewed": [0.4],
}


@pytest.fixture
def given(tmp_path: Path) -> tuple[StudyFolder, ReproductionPlan]:
    return filled(tmp_path / "out", ROW_SCORES)


def test_differences_are_of_pairs_of_seeds(given: tuple[StudyFolder, ReproductionPlan]) -> None:
    lines = ReproductionTable.read(*given).findings()
    leak = next(line for line in lines if line.startswith("macro-F1 of “published: the"))
    assert "is higher than of “published, without that column”: +0.343" in leak
    assert "3 seeds" in leak
    cnn = next(line for line in lines if "CNN alone" in line)
    assert "no difference seen" in cnn
    skewed = next(line for line in lines if line.startswith("macro-F1 of “federated, dirichlet"))
    assert "less that of “centralised”: -0.100, 1 seed." in skewed
    losses = next(line for line in lines if line.startswith("Training loss of “published: the"))
    assert "from 0.5000 to 0.2500 in 2 epochs (seed by seed 0.2500, 0.2500, 0.2500)" in losses
    assert "0.1650 to 0.0002 in 20" in losses


def test_rows_that_are_missing_are_not_spoken_of(tmp_path: Path) -> None:
    table = ReproductionTable.read(*filled(tmp_path / "out", {"five-default": [0.6]}))
    assert table.findings() == []
    text = reproduction_markdown(table, [])
    assert "## The honest protocol" in text
    assert "## The published protocol" not in text
    assert "## Training loss" not in text


def test_every_number_stands_beside_the_majority_and_synthetic_flows_are_named(
    given: tuple[StudyFolder, ReproductionPlan],
) -> None:
    table = ReproductionTable.read(
        *given, [Failed("five-lite@1", "no room", "logs/five-lite@1.log")]
    )
    text = reproduction_markdown(table, ["scores.png"])
    assert "majority's macro-F1" in text
    assert "| 0.200 | 3 | 100 (120) |" in text
    assert "The flows are synthetic" in text
    assert "1,000 synthetic flows a seed" in text
    assert "0.943 (0.900 to 0.980)" in text
    assert "0.400 (n/a)" in text
    assert "five-lite@1: no room" in text
    for name in ROW_SCORES:
        assert f"| {EXPERIMENTS[name].title} |" in text


def test_json_has_every_seed_and_the_page_needs_nothing_else(
    given: tuple[StudyFolder, ReproductionPlan],
) -> None:
    folder, _ = given
    write_table(ReproductionTable.read(*given), folder)
    found = json.loads((folder.path / "reproduce.json").read_text())
    rows = {row["name"]: row for row in found["rows"]}
    assert list(rows) == [name for name in EXPERIMENTS if name in ROW_SCORES]
    assert [rows[LEAKING]["seeds"][s]["all"]["accuracy"] for s in "123"] == [0.9, 0.95, 0.98]
    assert rows[LEAKING]["mean"]["worst_recall"]["mean"] is None
    assert rows["five-federated-skewed"]["mean"]["worst_recall"]["mean"] == 1
    assert found["findings"] == ReproductionTable.read(*given).findings()
    page = (folder.path / "index.html").read_text()
    assert "data:image/png;base64," in page
    assert "http" not in page.replace("http-equiv", "")
    assert all(EXPERIMENTS[name].title in page for name in ROW_SCORES)
    assert page.count("<img") == page.count('alt="')


def test_the_same_rows_give_the_same_files(given: tuple[StudyFolder, ReproductionPlan]) -> None:
    folder, _ = given
    names = ("reproduce.json", "reproduce.md", "index.html", "scores.png", "losses.png")
    write_table(ReproductionTable.read(*given), folder)
    before = [(folder.path / name).read_bytes() for name in names]
    write_table(ReproductionTable.read(*given), folder)
    assert [(folder.path / name).read_bytes() for name in names] == before


def test_a_row_keeps_its_name_whatever_its_settings() -> None:
    assert ReproductionPlan().run("five-lite", 3).name == "five-lite@3"
    config = ReproductionPlan().run("five-lite", 3).config
    assert StudyRun("centralised", config).name.startswith("centralised-seed3-")
