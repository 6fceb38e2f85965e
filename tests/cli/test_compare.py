"""`fednids compare` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from finished_factory import gateway, write_run
from runs_factory import SMALL
from study_factory import study

from fednids.cli.compare import read_seeds_or_count
from fednids.cli.main import run
from fednids.errors import ConfigError
from fednids.runs.layout import STUDY
from fednids.studies.engine import StudyFolder
from fednids.studies.study import Study, expand
from fednids.studies.sweep import plan_sweep

GOOD = [gateway(9), gateway(8), gateway(7)]
BAD = [gateway(4, 5), gateway(4, 4), gateway(2, 5)]
KRUM: dict[str, object] = {"strategy.name": "krum"}
TINY = [
    f"{name}={value}"
    for name, value in {**SMALL, "data.flows": 600}.items()
    if name != "strategy.name"
]


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    runs = [write_run(tmp_path / "a", BAD), write_run(tmp_path / "b", GOOD, KRUM)]
    return [str(each) for each in runs]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(["compare", *arguments]) == code
    return capsys.readouterr().out


def test_folders_are_ranked_in_one_table_and_in_words(
    folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, *folders, "--target", "0.5")
    ranked = [line.split()[:2] for line in shown.splitlines() if line.split()[:1] in (["1"], ["2"])]
    assert ranked == [["1", "krum"], ["2", "classwise"]]
    assert "majority class" in shown
    assert "0.200" in shown
    assert "classwise against krum: lower, -" in shown
    assert "gateways drawn again" in shown
    assert "at least three seeds" in shown
    assert "virtual" not in shown.partition("classwise against")[0]
    assert "nan" not in shown


def test_no_difference_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / "a", BAD)
    write_run(tmp_path / "b", [gateway(4, 4), gateway(4, 5), gateway(2, 4)], KRUM)
    shown = printed(capsys, str(tmp_path / "a"), str(tmp_path / "b"))
    assert "no difference seen" in shown


def test_json_is_the_ranking_and_nothing_else(
    folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(printed(capsys, *folders, "--json"))
    assert [each["name"] for each in found["ranking"]] == ["krum", "classwise"]
    assert found["over"] == "gateways"
    assert printed(capsys, *folders, "--quiet") == ""


def test_seeds_are_a_list_or_how_many() -> None:
    assert read_seeds_or_count(None) == (1, 2, 3)
    assert read_seeds_or_count("4") == (1, 2, 3, 4)
    assert read_seeds_or_count("7, 9") == (7, 9)
    for text in ("", "0", "x", "1,", "1;2", "-1", "1.5", "99999", "²"):
        with pytest.raises(ConfigError, match="--seeds"):
            read_seeds_or_count(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--strategies"),
        (["--out", "x"], "--strategies"),
        (["--strategies", "fedavg"], "--out"),
        (["no-such-run", "other"], "no-such-run"),
        (["x", "--seeds", "3"], "nothing to run them by"),
        (["--strategies", "fedavg,", "--out", "x"], "an empty name"),
        (["--strategies", "fedbest", "--out", "x", "data.flows=600"], "fedbest"),
        (["--strategies", "krum(malicious=8)", "--out", "x", "data.flows=600"], "krum"),
        (["--strategies", "fedavg", "--out", "x", "rounds"], "section.key=value"),
        (["--strategies", "fedavg", "--out", "x", "train.epoch=2"], "train.epochs"),
        (["--strategies", "fedavg", "--out", "x", "run.seed=2"], "run.seed"),
        (["--strategies", "fedavg", "--out", "x", "strategy.name=krum"], "alone"),
        (["--strategies", "fedavg", "--out", "x", "--seeds", "1,1"], "1 twice"),
        (["--strategies", "fedavg", "--out", "x", "--target", "2"], "--target"),
        (["--strategies", "fedavg", "--out", "x", "--config", "no.toml"], "no.toml"),
        (["--strategies", "fedavg", "--out", "x", "attack.share=0.7"], "attack.share"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["compare", *arguments]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.strip().splitlines()
    assert captured.out == ""
    assert words in line
    assert list(tmp_path.iterdir()) == []


def parsed_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str) -> Study:
    """Give the study that would be run."""
    seen: list[Study] = []

    def stop(given: Study, out: Path, **_: object) -> None:
        seen.append(given)
        raise ConfigError("stopped")

    monkeypatch.setattr("fednids.studies.sweep.run_study", stop)
    run(["compare", *arguments, "--out", str(tmp_path / "out")])
    return seen[0]


def test_flags_win_over_settings_and_these_over_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(
        tmp_path / "a", GOOD,
        {**KRUM, "run.seed": 9, "train.epochs": 4, "data.window": 3, "federation.rounds": 3},
    )  # fmt: skip
    given = parsed_study(
        monkeypatch, tmp_path,
        "--strategies", "fedavg,rfa", "--config", str(tmp_path / "a" / "config.toml"),
        "train.epochs=5", "federation.rounds=6", "--rounds", "7", "--seeds", "2",
    )  # fmt: skip
    runs = [cell.run for cell in expand(given)]
    assert {run.config.strategy.name for run in runs} == {"fedavg", "rfa"}
    assert {run.config.run.seed for run in runs} == {1, 2}
    for each in runs:
        config = each.config
        assert (config.train.epochs, config.data.window) == (5, 3)
        assert (config.federation.rounds, config.partition.gateways) == (7, 3)


def test_a_contest_grows_and_its_study_can_be_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = parsed_study(monkeypatch, tmp_path, "--strategies", "fedavg", *TINY)
    grown = parsed_study(monkeypatch, tmp_path, "--strategies", "fedavg,rfa(iterations=5)", *TINY)
    out = tmp_path / "out"
    with StudyFolder(out).opened(STUDY, small.to_toml()):
        pass
    assert len(plan_sweep(grown, out).planned) == 6
    again = study(tmp_path, grown.to_toml())
    assert [cell.run for cell in expand(again)] == [cell.run for cell in expand(grown)]


@pytest.mark.slow
def test_strategies_are_run_ranked_and_not_run_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["--strategies", "fedavg,fedmedian", "--out", str(out), "--seeds", "1", *TINY]
    shown = printed(capsys, *arguments)
    assert all(words in shown for words in ("fedavg", "fedmedian", "synthetic", "ranking.json"))
    runs = sorted((out / "runs").iterdir())
    assert len(runs) == 2
    before = [(each / "result.json").stat().st_mtime_ns for each in runs]
    found = json.loads(printed(capsys, *arguments, "--json"))
    assert found == json.loads((out / "ranking.json").read_text())
    assert before == [(each / "result.json").stat().st_mtime_ns for each in runs]
    named = json.loads(printed(capsys, str(out), "--json"))
    assert named == found


@pytest.mark.slow
def test_liars_stand_beside_their_clean_twins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    attack = ["attack.kind=sign-flip", "attack.share=0.34", "attack.strength=100"]
    found = json.loads(
        printed(
            capsys, "--strategies", "fedavg", "--out", str(out), "--seeds", "1", *TINY, *attack,
            "--json",
        )
    )  # fmt: skip
    (only,) = found["ranking"]
    assert only["name"] == "fedavg"
    for name in ("attack_success", "attack_over_clean", "macro_f1_over_clean"):
        assert only["metrics"][name]["count"] == 1, name
    assert only["metrics"]["macro_f1_over_clean"]["mean"] < 0
    named = json.loads(printed(capsys, str(out), "--json"))["ranking"]
    assert [each["name"] for each in named] == ["clean", "sign-flip share=0.34"]
