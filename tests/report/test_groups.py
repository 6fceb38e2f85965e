"""Groups of runs by what differs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.made_run import Made, make_run
from fednids.report.groups import differing, grouped
from fednids.runs.reader import Run, read_run


def runs_of(tmp_path: Path, *made: Made) -> list[Run]:
    return [read_run(make_run(tmp_path / str(k), each)) for k, each in enumerate(made)]


def test_seeds_are_one_group_and_arms_are_not(tmp_path: Path) -> None:
    runs = runs_of(tmp_path, Made(), Made(seed=2), Made(kind="local"), Made(kind="centralised"))
    groups = grouped(runs)
    assert {name: len(each) for name, each in groups.items()} == {
        "federated": 2, "local": 1, "centralised": 1,
    }  # fmt: skip


def test_groups_are_named_by_what_differs(tmp_path: Path) -> None:
    krum = {"strategy.name": "krum"}
    runs = runs_of(tmp_path, Made(settings=krum), Made(), Made(settings={"partition.alpha": 0.1}))
    assert differing(runs) == ("partition.alpha", "strategy.name")
    assert list(grouped(runs)) == [
        "alpha=0.5 · krum", "alpha=0.5 · classwise", "alpha=0.1 · classwise",
    ]  # fmt: skip


def test_what_an_arm_does_not_read_does_not_tell_runs_apart(tmp_path: Path) -> None:
    mu = {"attack.strength": 0.5}
    assert list(grouped(runs_of(tmp_path, Made(), Made(settings=mu)))) == ["federated"]
