"""Run folders side by side: what compares with what, under which name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from finished_factory import gateway, write_run

from fednids.errors import RunError
from fednids.studies.compare import rank_folders

GOOD = [gateway(9), gateway(8), gateway(7), gateway(9)]
BAD = [gateway(4, 5), gateway(4, 4), gateway(2, 5), gateway(6, 3)]
PROX: dict[str, object] = {"strategy.name": "fedprox", "strategy.mu": 0.1}


def plan(name: str) -> dict[str, Any]:
    return {"partition": {"scheme": "s", "gateways": 4, "fingerprint": name}}


def test_runs_are_named_by_what_differs_and_ranked(tmp_path: Path) -> None:
    runs = [
        write_run(tmp_path / "a", BAD, {"run.workers": 2}),
        write_run(tmp_path / "b", GOOD, PROX),
        write_run(tmp_path / "c", BAD, {**PROX, "strategy.mu": 0.5}),
    ]
    found = rank_folders(runs)
    best, *others = found.standings
    assert best.name == "fedprox mu=0.1"
    assert [each.name for each in others] == ["classwise", "fedprox mu=0.5"]
    assert found.over == "gateways"
    assert all(each.verdict == "lower" for each in others)
    assert best.metrics["macro_f1"].mean == 1.0
    assert found.target == pytest.approx(0.95)
    assert best.metrics["rounds_to_target"].count == 0
    given = rank_folders(runs, target=0.5).standings[0].metrics
    assert (given["rounds_to_target"].mean, given["bytes_to_target"].mean) == (2.0, 2e6)


def test_seeds_are_paired_and_three_have_intervals_over_seeds(tmp_path: Path) -> None:
    runs = []
    for seed in (1, 2, 3):
        at = {"run.seed": seed}
        runs.append(write_run(tmp_path / f"a{seed}", GOOD, at, result=plan(f"p{seed}")))
        runs.append(write_run(tmp_path / f"b{seed}", BAD, at | PROX, result=plan(f"p{seed}")))
    found = rank_folders(runs)
    assert found.over == "seeds"
    assert [each.seeds for each in found.standings] == [(1, 2, 3)] * 2
    assert found.standings[1].difference is not None
    assert found.standings[1].difference.count == 3


def test_arms_stand_beside_each_other_whatever_the_plan_of_the_centralised_one(
    tmp_path: Path,
) -> None:
    whole = sum(GOOD[1:], GOOD[0])
    runs = [
        write_run(tmp_path / "f", BAD),
        write_run(tmp_path / "l", BAD, kind="local"),
        write_run(tmp_path / "c", [whole], kind="centralised", result=plan("one gateway")),
    ]
    found = rank_folders(runs)
    assert {each.name for each in found.standings} == {"federated", "local", "centralised"}
    assert found.standings[0].name == "centralised"
    assert found.standings[1].verdict == "no interval"


def test_an_attack_stands_beside_its_clean_twin(tmp_path: Path) -> None:
    lies: dict[str, object] = {"attack.kind": "sign-flip", "attack.share": 0.2}
    attack_record = {
        "kind": "sign-flip", "share": 0.2, "schedule": "always", "strength": None,
        "poisoned": None, "malicious": [1], "success": {"DoS": 0.5}, "errors": {},
    }  # fmt: skip
    runs = [
        write_run(tmp_path / "a", GOOD),
        write_run(tmp_path / "b", BAD, lies, result={"attack": attack_record}),
    ]
    clean, second = rank_folders(runs).standings
    attacked = second.metrics
    assert (clean.name, second.name) == ("clean", "sign-flip share=0.2")
    assert attacked["attack_success"].mean == 0.5
    assert attacked["attack_over_clean"].mean == 0.5
    assert attacked["macro_f1_over_clean"].mean < 0


def test_a_sweep_stands_for_its_finished_runs(tmp_path: Path) -> None:
    write_run(tmp_path / "sweep" / "runs" / "a", GOOD)
    write_run(tmp_path / "sweep" / "runs" / "b", BAD, PROX)
    (tmp_path / "sweep" / "runs" / "half").mkdir()
    (tmp_path / "sweep" / "study.toml").write_text("")
    assert len(rank_folders([tmp_path / "sweep"]).standings) == 2


OTHER_FLOWS = {"data": {"sha256": "cd" * 32, "flows": 900, "synthetic": False}}
MADE = {"data": {"sha256": "cd" * 32, "flows": 900, "synthetic": True}}


@pytest.mark.parametrize(
    ("settings", "result", "words"),
    [
        (PROX, OTHER_FLOWS, ["sha256", "abababababab…", "cdcdcdcdcdcd…"]),
        (PROX, MADE, ["synthetic"]),
        ({**PROX, "run.seed": 2}, OTHER_FLOWS, ["sha256"]),
        ({**PROX, "data.split": "blocks"}, {}, ["data.split", "blocks"]),
        ({**PROX, "data.test_share": 0.5}, {}, ["data.test_share"]),
        (PROX, plan("plan-2"), ["one plan", "plan-1", "plan-2"]),
        ({}, {}, ["differ"]),
    ],
)
def test_runs_that_do_not_compare_are_refused_in_one_line(
    settings: dict[str, object], result: dict[str, Any], words: list[str], tmp_path: Path
) -> None:
    runs = [
        write_run(tmp_path / "a", GOOD),
        write_run(tmp_path / "b", BAD, settings, result=result),
    ]
    with pytest.raises(RunError) as caught:
        rank_folders(runs)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("expected ")
    assert all(word in message for word in words), message


def test_plans_may_differ_where_the_deal_is_compared_and_synthetic_flows_by_seed(
    tmp_path: Path,
) -> None:
    runs = [
        write_run(tmp_path / "a", GOOD, {"partition.alpha": 0.1}, result=MADE),
        write_run(tmp_path / "b", BAD, {"partition.alpha": 9.0}, result=MADE | plan("p2")),
        write_run(
            tmp_path / "c",
            BAD,
            {"partition.alpha": 9.0, "run.seed": 2},
            result={"data": {**MADE["data"], "sha256": "ef" * 32}} | plan("p3"),
        ),
    ]
    found = rank_folders(runs).standings
    assert [(each.name, each.seeds) for each in found] == [
        ("alpha=0.1", (1,)),
        ("alpha=9.0", (1, 2)),
    ]


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"kind": "federated"}', "\x00"])
def test_a_damaged_result_is_one_line(content: str, tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", GOOD), write_run(tmp_path / "b", BAD, PROX)]
    (runs[1] / "result.json").write_text(content)
    with pytest.raises(RunError, match="finished run"):
        rank_folders(runs)


@pytest.mark.parametrize("key", ["final", "final_novel", "majority", "rounds", "seconds", "data"])
@pytest.mark.parametrize("value", [None, 3, {}, [], "x"])
def test_a_result_with_a_wrong_part_is_one_line(key: str, value: object, tmp_path: Path) -> None:
    other = write_run(tmp_path / "b", BAD, PROX, result={key: value})
    with pytest.raises(RunError) as caught:
        rank_folders([write_run(tmp_path / "a", GOOD), other])
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "b") in str(caught.value)


def test_a_table_of_gateways_that_is_gone_is_one_line(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "a", GOOD), write_run(tmp_path / "b", BAD, PROX)]
    (runs[0] / "gateways.parquet").unlink()
    with pytest.raises(RunError, match=r"gateways.parquet"):
        rank_folders(runs)
    (runs[0] / "gateways.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(RunError, match=r"gateways.parquet"):
        rank_folders(runs)


def test_one_run_is_too_few(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="at least two"):
        rank_folders([write_run(tmp_path / "a", GOOD)] * 2)
    assert json.loads((tmp_path / "a" / "result.json").read_text())["kind"] == "federated"
