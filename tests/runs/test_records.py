from __future__ import annotations

import math

import numpy as np
import pytest

from fednids.messages.values import Evaluation, Update
from fednids.metrics import ConfusionCounts
from fednids.runs.rounds import Round, add_counts


def update(partition_id: int, examples: int, loss: float) -> Update:
    return Update(partition_id, np.zeros(0, np.float32), examples, 1, loss, 0.0, 0.0)


def evaluation(matrix: list[list[int]], loss: float) -> Evaluation:
    counts = ConfusionCounts(np.array(matrix))
    return Evaluation(0, counts, counts, loss, 0.0)


def test_counts_add_and_losses_are_means_over_flows() -> None:
    evaluations = [evaluation([[1, 0], [1, 2]], 2.0), evaluation([[0, 1], [0, 5]], 8.0)]
    updates = [update(0, 30, 0.1), update(1, 10, 0.5), update(2, 0, math.nan)]
    found = Round(2, updates, evaluations, [], 1.0, 1.0)
    assert found.counts.to_json() == [[1, 1], [1, 7]]
    assert found.train_loss == pytest.approx((30 * 0.1 + 10 * 0.5) / 40)
    assert found.test_loss == pytest.approx(1.0)
    shown = found.record(("Benign", "Attack")).to_json()
    assert shown["train"]["examples"] == 40
    assert shown["participants"] == [0, 1, 2]
    assert shown["test"]["false_alarm_rate"] == pytest.approx(0.5)


def test_adding_counts_needs_no_order() -> None:
    parts = [evaluation([[1, 2], [3, 4]], 0).counts, evaluation([[5, 0], [0, 1]], 0).counts]
    assert add_counts(parts) == add_counts(parts[::-1])
