from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Error, Message, MessageType, MetricRecord, RecordDict

from fednids.errors import FederationError
from fednids.messages.records import (
    content_bytes,
    evaluation_content,
    query_content,
    update_content,
)
from fednids.messages.values import Evaluation, Update
from fednids.metrics import ConfusionCounts
from fednids.simulation.engines import Clients, InProcessGrid
from server.replies import Expected, Replies, evaluation_reader, update_reader

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


def taken(sent: dict[int, Message], replies: list[Message]) -> tuple[Replies[Update], list[Any]]:
    """Put replies to training into an checked; give it and what was usable."""
    checked = Replies("train", update_reader(Expected(SIZE)))
    return checked, list(checked.usable(sent, replies))


def failures(checked: Replies[Any]) -> list[tuple[int, str]]:
    return [(failure.partition, failure.reason) for failure in checked.failures]


def test_answers_come_in_the_order_of_the_replies() -> None:
    sent, order = asked(5), (3, 0, 4, 1, 2)
    checked, usable = taken(sent, [answer(sent[k], update(k)) for k in order])
    assert [found.partition_id for found in usable] == list(order)
    for k, found in zip(order, usable, strict=True):
        np.testing.assert_array_equal(found.weights, np.full(SIZE, k, np.float32))
    assert checked.failures == []


def test_answers_are_given_as_they_come() -> None:
    sent = asked(3)
    checked = Replies("train", update_reader(Expected(SIZE)))
    usable = checked.usable(sent, (answer(sent[k], update(k)) for k in range(3)))
    for k in range(3):
        assert next(usable).partition_id == k
        assert failures(checked) == [(later, "no answer") for later in range(k + 1, 3)]


def test_messages_may_get_their_numbers_when_they_are_sent() -> None:
    sent = asked(2)
    for message in sent.values():
        message.metadata.__dict__["_message_id"] = ""
    checked = Replies("train", update_reader(Expected(SIZE)))

    def sending():  # type: ignore[no-untyped-def]
        for k, message in sent.items():
            message.metadata.__dict__["_message_id"] = f"late{k}"
        yield from (answer(sent[k], update(k)) for k in (1, 0))

    assert [found.partition_id for found in checked.usable(sent, sending())] == [1, 0]


def poisoned(value: float) -> np.ndarray:
    weights = np.zeros(SIZE, np.float32)
    weights[1] = value
    return weights


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (update(1, poisoned(np.nan)), "finite"),
        (update(1, poisoned(np.inf)), "finite"),
        (update(1, poisoned(-np.inf)), "finite"),
        (update(1, np.zeros(1, np.float32)), r"\(4,\) float32"),
        (update(1, np.zeros((2, 2), np.float32)), r"\(4,\) float32"),
        (update(1, loss=float("nan")), "finite loss"),
        (update(1, loss=float("inf")), "finite loss"),
        (update(1, examples=-1), "-1"),
        (update(0), "answer of 1, got 0's"),
    ],
)
def test_unusable_updates_are_refused_and_recorded(bad: Update, reason: str) -> None:
    sent = asked(3)
    replies = [answer(sent[0], update(0)), answer(sent[1], bad), answer(sent[2], update(2))]
    checked, usable = taken(sent, replies)
    assert [found.partition_id for found in usable] == [0, 2]
    assert [(f.partition, f.stage) for f in checked.failures] == [(1, "train")]
    assert re.search(reason, checked.failures[0].reason)


def test_other_types_are_refused() -> None:
    sent = asked(1)
    content = update_content(update(0))
    content["arrays"]["weights"] = Array(np.zeros(SIZE))  # type: ignore[index]
    checked, usable = taken(sent, [Message(content, reply_to=sent[0])])
    assert not usable
    assert "float64" in checked.failures[0].reason


def with_data(data: bytes, stype: str = "numpy.ndarray") -> RecordDict:
    content = update_content(update(0))
    array = Array(dtype="float32", shape=(SIZE,), stype=stype, data=data)
    return RecordDict({**content, "arrays": ArrayRecord({"weights": array})})


def with_metric(**changed: Any) -> RecordDict:
    content = update_content(update(0))
    metrics = {**content.metric_records["metrics"], **changed}
    return RecordDict({**content, "metrics": MetricRecord(metrics)})


STRANGE: dict[str, Callable[[], RecordDict]] = {
    "nothing": RecordDict,
    "no bytes": lambda: with_data(b""),
    "half an array": lambda: with_data(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'"),
    "a pickle": lambda: with_data(b"\x80\x04K\x01."),
    "a broken zip": lambda: with_data(b"PK\x03\x04 and so on"),
    "another library's": lambda: with_data(b"", stype="torch.Tensor"),
    "infinitely many windows": lambda: with_metric(**{"num-examples": float("inf")}),
    "no number of windows": lambda: with_metric(**{"num-examples": float("nan")}),
    "many numbers of windows": lambda: with_metric(**{"num-examples": [1, 2]}),
}


@pytest.mark.parametrize("what", STRANGE)
def test_strange_contents_are_failures_of_one_line(what: str) -> None:
    sent = asked(2)
    replies = [Message(STRANGE[what](), reply_to=sent[0]), answer(sent[1], update(1))]
    checked, usable = taken(sent, replies)
    assert [found.partition_id for found in usable] == [1]
    assert [failure.partition for failure in checked.failures] == [0]
    assert len(checked.failures[0].reason.splitlines()) == 1


def test_errors_are_failures_of_one_line() -> None:
    sent = asked(2)
    error = Error(code=2, reason="ValueError: no such\nfile")
    checked, usable = taken(sent, [Message(error, reply_to=sent[0]), answer(sent[1], update(1))])
    assert [found.partition_id for found in usable] == [1]
    assert failures(checked) == [(0, "ValueError: no such file")]


def test_a_long_reason_is_cut() -> None:
    sent = asked(1)
    checked, _ = taken(sent, [Message(Error(code=2, reason="no " * 500), reply_to=sent[0])])
    assert len(checked.failures[0].reason) == 300


def test_silence_is_a_failure_and_strangers_are_ignored() -> None:
    sent = asked(2)
    stranger = asked(1)[0]
    stranger.metadata.__dict__["_message_id"] = "elsewhere"
    checked, usable = taken(sent, [answer(stranger, update(0)), answer(sent[1], update(1))])
    assert [found.partition_id for found in usable] == [1]
    assert failures(checked) == [(0, "no answer")]


def test_only_the_first_of_two_usable_replies_counts() -> None:
    sent = asked(1)
    second = update(0, np.ones(SIZE, np.float32))
    for last in (answer(sent[0], second), Message(Error(code=2, reason="!"), reply_to=sent[0])):
        checked, usable = taken(sent, [answer(sent[0], update(0)), last])
        assert [found.weights.sum() for found in usable] == [0]
        assert checked.failures == []


def test_bytes_of_usable_replies_are_counted() -> None:
    sent = asked(3)
    good = [answer(sent[k], update(k)) for k in (0, 2)]
    bad = answer(sent[1], update(1, poisoned(np.nan)))
    checked, _ = taken(sent, [good[0], bad, good[1], good[1]])
    assert checked.received == sum(content_bytes(reply.content) for reply in good) > 0


def test_failures_are_in_the_order_of_partitions() -> None:
    sent = dict(reversed(asked(4).items()))
    replies = [answer(sent[k], update(k, poisoned(np.nan))) for k in (3, 1)]
    checked, _ = taken(sent, [*replies, answer(sent[2], update(2))])
    assert [partition_id for partition_id, _ in failures(checked)] == [0, 1, 3]


def test_a_gateway_without_windows_is_no_failure() -> None:
    sent = asked(1)
    empty = update(0, examples=0, loss=float("nan"))
    checked, usable = taken(sent, [answer(sent[0], empty)])
    assert len(usable) == 1
    assert checked.failures == []


class TestEvaluations:
    def taken(
        self, classes: int, novel: int, triggered: int = 5
    ) -> tuple[Replies[Evaluation], list[Any]]:
        counts = ConfusionCounts.zero(classes), ConfusionCounts.zero(novel)
        sent = asked(1)
        checked = Replies("evaluate", evaluation_reader(5))
        with_trigger = ConfusionCounts.zero(triggered)
        content = evaluation_content(Evaluation(0, *counts, 0.0, 0.0, with_trigger))
        return checked, list(checked.usable(sent, [Message(content, reply_to=sent[0])]))

    def test_of_the_classes_of_the_run_are_usable(self) -> None:
        checked, usable = self.taken(5, 5)
        assert [found.partition_id for found in usable] == [0]
        assert checked.failures == []

    @pytest.mark.parametrize(
        ("classes", "novel", "triggered"), [(3, 3, 3), (3, 5, 5), (5, 2, 5), (5, 5, 2)]
    )
    def test_of_other_classes_are_refused(self, classes: int, novel: int, triggered: int) -> None:
        checked, usable = self.taken(classes, novel, triggered)
        assert not usable
        assert "5 classes" in checked.failures[0].reason
        assert checked.failures[0].stage == "evaluate"

    def test_are_not_what_an_update_is(self) -> None:
        sent = asked(1)
        checked = Replies("evaluate", evaluation_reader(5))
        assert not list(checked.usable(sent, [answer(sent[0], update(0))]))
        assert [failure.partition for failure in checked.failures] == [0]


class TestDemand:
    @pytest.mark.parametrize(
        ("failing", "most", "stops"),
        [(0, 0.0, False), (1, 0.0, True), (1, 0.5, False), (2, 0.5, False), (3, 0.5, True),
         (4, 0.9, True)],
    )  # fmt: skip
    def test_too_many_failures_stop_the_run(self, failing: int, most: float, stops: bool) -> None:
        sent = asked(4)
        checked, _ = taken(sent, [answer(sent[k], update(k)) for k in range(failing, 4)])
        if not stops:
            checked.demand(most, 7)
            return
        expected = rf"round 7: expected at most {most:.0%} of 4 gateways to fail, got {failing} "
        with pytest.raises(FederationError, match=expected) as caught:
            checked.demand(most, 7)
        assert "(gateway 0: no answer); correct" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1

    def test_the_first_reason_is_told(self) -> None:
        sent = asked(2)
        checked, _ = taken(sent, [answer(sent[0], update(0, poisoned(np.nan)))])
        with pytest.raises(FederationError, match="gateway 0: expected finite weights"):
            checked.demand(0.5, 1)

    def test_nobody_asked_is_too_few(self) -> None:
        checked, _ = taken({}, [])
        with pytest.raises(FederationError, match="none was asked"):
            checked.demand(0.5, 1)
