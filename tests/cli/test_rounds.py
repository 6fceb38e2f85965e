"""Rounds on a terminal and off it."""

from __future__ import annotations

import io

import numpy as np
import pytest

from fednids.cli.progress import RoundProgress
from fednids.cli.screen import ERRORS
from fednids.messages.values import Evaluation, Update
from fednids.metrics import ConfusionCounts
from fednids.runs.callbacks import RoundEnd
from fednids.runs.rounds import Round


def ended(number: int) -> RoundEnd:
    counts = ConfusionCounts(np.array([[3, 1], [0, 6]]))
    update = Update(0, np.zeros(0, np.float32), 10, 2, 0.5, 0.1, 0.0)
    evaluation = Evaluation(0, counts, ConfusionCounts.zero(2), 4.0, 0.0)
    found = Round(number, [update], [evaluation], [], 1.0, 0.5)
    return RoundEnd(found.record(("Benign", "Attack")), {})


def shown(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> str:
    stream = io.StringIO()
    monkeypatch.setattr(ERRORS, "_file", stream)
    monkeypatch.setattr(ERRORS, "_force_terminal", terminal)
    monkeypatch.setattr(ERRORS, "_width", 120)
    progress = RoundProgress(12)
    with progress.showing():
        for number in range(1, 12):
            progress.round_ended(ended(number))
    return stream.getvalue()


def test_a_pipe_gets_a_line_a_round(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(False, monkeypatch).splitlines()
    assert len(lines) == 11
    assert lines[0] == "round 1/12  loss 0.5000  macro-F1 0.890  1.5 s"


def test_a_terminal_gets_the_last_rounds_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    last = shown(True, monkeypatch).split("round  ")[-1]
    assert "false alarms" in last
    assert [f"\n{n:>7}  " in last for n in (3, 4, 11)] == [False, True, True]
    assert "0.250" in last
    assert "round 12/12" in last
    assert "left" in last
