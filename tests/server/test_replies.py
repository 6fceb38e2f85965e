from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from flwr.app import Array, Error, Message, MessageType, RecordDict

from fednids.engine import Clients, InProcessGrid
from fednids.errors import FederationError
from fednids.exchange import Evaluation, Update
from fednids.metrics import ConfusionCounts
from fednids.protocol import evaluation_content, query_content, update_content
from server.replies import check_evaluations, check_updates, demand

SIZE = 4


def asked(gateways: int) -> dict[int, Message]:
    grid = InProcessGrid(Clients("nobody:app", gateways, {}))
    nodes = list(grid.get_node_ids())
    sent = {}
    for k, node in enumerate(nodes):
        message = grid.create_message(query_content(), MessageType.TRAIN, node, "1")
        message.metadata.__dict__["_message_id"] = f"m{k}"
        sent[k] = message
    return sent


def update(partition_id: int, weights: np.ndarray | None = None, **changed: float) -> Update:
    values = {"examples": 3, "steps": 1, "loss": 0.5, "seconds": 0.1, "compile_seconds": 0.0}
    values.update(changed)
    given = np.full(SIZE, partition_id, np.float32) if weights is None else weights
    return Update(partition_id, given, **values)  # type: ignore[arg-type]


def answer(message: Message, content: Update) -> Message:
    return Message(update_content(content), reply_to=message)


def test_answers_come_in_the_order_of_partitions() -> None:
    sent = asked(5)
    replies = [answer(sent[k], update(k)) for k in (3, 0, 4, 1, 2)]
    checked = check_updates(replies, sent, SIZE)
    assert [found.partition_id for found in checked.answers] == [0, 1, 2, 3, 4]
    assert [m.metadata.reply_to_message_id for m in checked.messages] == [f"m{k}" for k in range(5)]
    assert not checked.failures


def poisoned(value: float) -> np.ndarray:
    weights = np.zeros(SIZE, np.float32)
    weights[1] = value
    return weights


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (update(1, poisoned(np.nan)), "finite"),
        (update(1, poisoned(np.inf)), "finite"),
        (update(1, np.zeros(1, np.float32)), r"\(4,\) float32"),
        (update(1, np.zeros((2, 2), np.float32)), r"\(4,\) float32"),
        (update(1, loss=float("nan")), "finite loss"),
        (update(1, examples=-1), "-1"),
        (update(0), "answer of 1, got 0's"),
    ],
)
def test_unusable_updates_are_refused_and_recorded(bad: Update, reason: str) -> None:
    sent = asked(3)
    replies = [answer(sent[0], update(0)), answer(sent[1], bad), answer(sent[2], update(2))]
    checked = check_updates(replies, sent, SIZE)
    assert [found.partition_id for found in checked.answers] == [0, 2]
    assert [failure.partition_id for failure in checked.failures] == [1]
    assert re.search(reason, checked.failures[0].reason)


def test_other_types_are_refused() -> None:
    sent = asked(1)
    content = update_content(update(0))
    content["arrays"]["weights"] = Array(np.zeros(SIZE))  # type: ignore[index]
    checked = check_updates([Message(content, reply_to=sent[0])], sent, SIZE)
    assert "float64" in checked.failures[0].reason


@pytest.mark.parametrize(
    "reply",
    [
        lambda message: Message(RecordDict(), reply_to=message),
        lambda message: Message(
            Error(code=2, reason="ValueError: no such\nfile"), reply_to=message
        ),
    ],
)
def test_errors_and_strange_contents_are_failures_of_one_line(
    reply: Callable[[Message], Message],
) -> None:
    sent = asked(2)
    checked = check_updates([reply(sent[0]), answer(sent[1], update(1))], sent, SIZE)
    assert [failure.partition_id for failure in checked.failures] == [0]
    assert "\n" not in checked.failures[0].reason


def test_silence_is_a_failure_and_strangers_are_ignored() -> None:
    sent = asked(2)
    stranger = asked(1)[0]
    stranger.metadata.__dict__["_message_id"] = "elsewhere"
    checked = check_updates([answer(stranger, update(0)), answer(sent[1], update(1))], sent, SIZE)
    assert [(f.partition_id, f.reason) for f in checked.failures] == [(0, "no answer")]


def test_only_the_first_of_two_replies_counts() -> None:
    sent = asked(1)
    second = update(0, np.ones(SIZE, np.float32))
    checked = check_updates([answer(sent[0], update(0)), answer(sent[0], second)], sent, SIZE)
    assert len(checked.answers) == 1
    assert checked.answers[0].weights.sum() == 0


def test_a_gateway_without_windows_is_no_failure() -> None:
    sent = asked(1)
    empty = update(0, examples=0, loss=float("nan"))
    assert not check_updates([answer(sent[0], empty)], sent, SIZE).failures


def test_counts_of_other_classes_are_refused() -> None:
    sent = asked(1)
    counts = ConfusionCounts.zero(3)
    content = evaluation_content(Evaluation(0, counts, counts, 0.0, 0.0))
    checked = check_evaluations([Message(content, reply_to=sent[0])], sent, 5)
    assert "5 classes" in checked.failures[0].reason


@pytest.mark.parametrize(
    ("failing", "most", "stops"), [(1, 0.5, False), (3, 0.5, True), (4, 0.9, True)]
)
def test_too_many_failures_stop_the_run(failing: int, most: float, stops: bool) -> None:
    sent = asked(4)
    replies = [answer(sent[k], update(k)) for k in range(failing, 4)]
    checked = check_updates(replies, sent, SIZE)
    if not stops:
        demand(checked, 4, most, 7)
        return
    with pytest.raises(FederationError, match=rf"round 7: .* got {failing}"):
        demand(checked, 4, most, 7)
