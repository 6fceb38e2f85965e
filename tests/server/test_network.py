"""Waiting for replies: often, not for ever, and only for those that were asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest
from flwr.app import Message, MetricRecord, RecordDict

from fednids.config import Config
from fednids.simulation.engines.base import Clients, LocalGrid, take_identity
from server.link import LocalLink, NetworkLink, Polling, open_link
from server.replies import Replies


@dataclass
class Time:
    """A clock that goes on only while somebody sleeps."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    def polling(self, timeout: float) -> Polling:
        return Polling(timeout, now=lambda: self.now, sleep=self.sleep)


class Network(LocalGrid):
    """Answers each node's message after some seconds; never, where none are told."""

    def __init__(self, time: Time, delays: dict[int, float], odd: int = 0):
        super().__init__(Clients("", 3, {}))
        self.time, self.delays, self.odd = time, delays, odd
        self.pulls = 0
        self.sent: dict[str, tuple[Message, float]] = {}
        self.old: list[Message] = []

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        stamped = [self._stamp(message) for message in messages]
        taken = [m for m in stamped if m.metadata.dst_node_id != self.odd]
        self.sent |= {m.metadata.message_id: (m, self.time.now) for m in taken}
        return [m.metadata.message_id for m in taken]

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        self.pulls += 1
        found = list(self.old)
        for name in message_ids:
            message, started = self.sent[name]
            delay = self.delays.get(message.metadata.dst_node_id)
            if delay is not None and self.time.now >= started + delay:
                found.append(reply_to(message))
        return found

    stream = None  # type: ignore[assignment]


Network.__abstractmethods__ = frozenset()


def reply_to(message: Message) -> Message:
    metrics = MetricRecord({"node": message.metadata.dst_node_id})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


def messages(*nodes: int) -> list[Message]:
    take_identity()
    return [Message(RecordDict(), node, "train") for node in nodes]


def nodes_of(replies: Iterable[Message]) -> list[int | None]:
    found = [None if r.has_error() else r.content.metric_records["metrics"] for r in replies]
    return [None if metrics is None else int(metrics["node"]) for metrics in found]


def waiting(delays: dict[int, float], timeout: float = 0.0) -> tuple[NetworkLink, Network]:
    time = Time()
    network = Network(time, delays)
    return NetworkLink(network, Config(), time.polling(timeout)), network


def test_replies_come_in_the_order_of_the_messages() -> None:
    link, _ = waiting({1: 3.0, 2: 0.0, 3: 1.0})
    assert nodes_of(link.exchange(messages(1, 2, 3))) == [1, 2, 3]


def test_nothing_is_slept_for_where_all_have_answered() -> None:
    link, network = waiting({1: 0.0, 2: 0.0})
    list(link.exchange(messages(1, 2)))
    assert (network.pulls, network.time.pauses) == (1, [])


@pytest.mark.parametrize("delay", [0.2, 1.0, 10.0, 100.0])
def test_a_reply_is_seen_soon_and_looked_for_seldom(delay: float) -> None:
    link, network = waiting({1: delay})
    list(link.exchange(messages(1)))
    assert network.time.now - delay <= 0.5
    assert network.pulls <= 12 + delay / 0.5
    assert network.time.pauses[0] == 0.05
    assert network.time.pauses == sorted(network.time.pauses)


def test_after_a_reply_the_next_is_looked_for_at_once() -> None:
    link, network = waiting({1: 10.0, 2: 12.0})
    list(link.exchange(messages(1, 2)))
    assert network.time.pauses.count(0.05) == 2


def test_who_does_not_answer_in_time_has_failed_and_the_rest_counts() -> None:
    link, network = waiting({1: 0.1, 3: 2.0}, timeout=5.0)
    replies = list(link.exchange(messages(1, 2, 3)))
    assert nodes_of(replies) == [1, None, 3]
    assert replies[1].error.reason == "no answer in 5 s (federation.timeout)"
    assert network.time.now == pytest.approx(5.0)


def test_a_late_reply_is_not_the_next_rounds() -> None:
    link, network = waiting({1: 0.0, 2: 7.0}, timeout=5.0)
    first = messages(1, 2)
    list(link.exchange(first))
    network.old = [reply_to(first[1]), reply_to(first[0])]
    network.delays[2] = 0.0
    second = messages(1, 2)
    replies = list(link.exchange(second))
    answered = {reply.metadata.reply_to_message_id for reply in replies}
    assert answered == {message.metadata.message_id for message in second}
    assert link.ignored == 2


def test_a_second_reply_to_one_message_is_ignored() -> None:
    link, network = waiting({1: 1.0, 2: 2.0})
    honest: Callable[[Iterable[str]], list[Message]] = network.pull_messages

    def twice(message_ids: Iterable[str]) -> list[Message]:
        return [each for reply in honest(message_ids) for each in (reply, reply)]

    network.pull_messages = twice  # type: ignore[method-assign]
    assert nodes_of(link.exchange(messages(1, 2))) == [1, 2]
    assert link.ignored == 2


def test_a_message_that_was_not_taken_is_a_failure_and_not_waited_for() -> None:
    link, network = waiting({1: 0.0, 2: 0.0})
    network.odd = 2
    replies = list(link.exchange(messages(1, 2)))
    assert nodes_of(replies) == [1, None]
    assert "did not take" in replies[1].error.reason
    assert network.time.now == 0.0


def test_a_grid_of_our_own_needs_no_network() -> None:
    assert isinstance(open_link(Network(Time(), {}), Config()), LocalLink)


def test_no_messages_no_look() -> None:
    link, network = waiting({})
    assert list(link.exchange([])) == []
    assert network.pulls == 0


def test_the_failures_name_who_was_late() -> None:
    link, _ = waiting({1: 0.0}, timeout=5.0)
    sent = dict(enumerate(messages(1, 2)))
    replies = Replies("train", lambda content: _Answer(0))  # type: ignore[arg-type, return-value]
    list(replies.usable(sent, link.exchange(list(sent.values()))))
    assert [(f.partition, f.reason) for f in replies.failures] == [
        (1, "no answer in 5 s (federation.timeout)")
    ]


@dataclass
class _Answer:
    partition_id: int
