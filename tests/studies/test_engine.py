"""Steps in processes of their own; `fednids --version` is the shortest there is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fednids.studies import engine as pool
from fednids.studies.engine import Step, StepEnd, run_steps

OURS = sorted(os.sched_getaffinity(0))


def step(folder: Path, name: str, seconds: float = 1.0, *, fails: bool = False, needs=()) -> Step:  # type: ignore[no-untyped-def]
    command = ["fednids", "evaluate"] if fails else ["fednids", "--version"]
    return Step(name, lambda: command, folder / f"{name}.log", seconds, tuple(needs))


def test_the_longest_is_begun_first_and_what_is_needed_before(tmp_path: Path) -> None:
    steps = [
        step(tmp_path, "short", 1),
        step(tmp_path, "after", 9, needs=["short", "done before"]),
        step(tmp_path, "long", 5),
    ]
    ends = list(run_steps(steps, OURS[:1]))
    assert [end.step.name for end in ends] == ["long", "short", "after"]
    assert not any(end.reason for end in ends)
    assert all(end.seconds > 0 for end in ends)
    assert (tmp_path / "after.log").read_text().startswith("fednids ")


def test_a_failure_has_its_reason_and_stops_what_needs_it_alone(tmp_path: Path) -> None:
    steps = [
        step(tmp_path, "bad", 3, fails=True),
        step(tmp_path, "needs bad", needs=["bad"]),
        step(tmp_path, "needs that", needs=["needs bad"]),
        step(tmp_path, "good", 2),
    ]
    ends = {end.step.name: end.reason for end in run_steps(steps, OURS)}
    assert "--model" in ends["bad"]
    assert "\n" not in ends["bad"]
    assert ends["needs bad"] == "not begun: bad failed"
    assert ends["needs that"] == "not begun: needs bad failed"
    assert ends["good"] == ""


def test_a_step_that_cannot_be_begun_stops_no_other(tmp_path: Path) -> None:
    def refuse() -> list[str]:
        raise OSError("disk full")

    bad = Step("bad", refuse, tmp_path / "bad.log", 9.0)
    ends: list[StepEnd] = list(run_steps([bad, step(tmp_path, "good")], OURS[:1]))
    assert [(end.step.name, end.reason) for end in ends] == [
        ("bad", "could not be begun: disk full"),
        ("good", ""),
    ]


def test_never_more_at_once_than_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Children that end when they are asked for the third time."""
    alive: list[Fake] = []
    most = []

    class Fake:
        def __init__(self, *_: object, **__: object) -> None:
            self.polls = 0
            alive.append(self)
            most.append(len(alive))

        def poll(self) -> int | None:
            self.polls += 1
            if self.polls < 3:
                return None
            alive.remove(self)
            return 0

    monkeypatch.setattr(pool.subprocess, "Popen", Fake)
    monkeypatch.setattr(pool, "_PAUSE", 0)
    steps = [step(tmp_path, str(n)) for n in range(7)]
    assert len(list(run_steps(steps, [0, 1]))) == 7
    assert max(most) == 2
    assert most.count(2) == 3
