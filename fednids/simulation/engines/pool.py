"""What engines of many workers share: who gets which group when, and in what order replies leave.

A worker holds the next group while it works on one. The contents of a round are pickled
once for all gateways and sent once to each worker. A worker that dies leaves error replies
for the groups it had; the others go on.
"""

from __future__ import annotations

import itertools
import os
import pickle
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flwr.app import Error, Message, RecordDict
from flwr.app.message.message import make_message

from fednids.simulation.engines.base import Clients, LocalGrid

_APP_CRASHED = 8
_AHEAD = 2

Asked = tuple[Message, RecordDict, int]
"""A message without its content, the state of its gateway, and the number of the content."""

Answered = Sequence[tuple[Message, RecordDict]]
"""A group's replies, each with the state that its gateway keeps."""


@dataclass
class Member:
    """A worker as the engine sees it.

    Attributes
    ----------
    contents : frozenset[int]
        Numbers of the contents that it holds.
    groups : deque[list[Message]]
        The groups that it has not answered, in the order in which it got them.
    """

    contents: frozenset[int] = frozenset()
    groups: deque[list[Message]] = field(default_factory=deque)


Worker = TypeVar("Worker", bound=Member)


class PoolGrid(LocalGrid, Generic[Worker]):
    """Spreads groups of messages over workers.

    Parameters
    ----------
    clients : Clients
        Who answers.
    workers : list[Worker]
        Ready to work.
    store : callable, optional
        Puts a pickled content where all workers find it, and gives what they find it by.
    """

    def __init__(
        self,
        clients: Clients,
        workers: list[Worker],
        store: Callable[[bytes], Any] = lambda pickled: pickled,
    ):
        super().__init__(clients)
        self._workers, self._contents = workers, _Contents(store)

    @abstractmethod
    def _send(self, worker: Worker, fresh: Mapping[int, Any], asked: Sequence[Asked]) -> None:
        """Give a worker a group, and the stored contents that it does not hold."""

    @abstractmethod
    def _ready(self, seconds: float | None) -> list[Worker]:
        """Wait until workers have answered or died; none where none did in time."""

    @abstractmethod
    def _receive(self, worker: Worker) -> Answered | None:
        """Take what a worker answered first; None where it has died, and is then buried."""

    def stream(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Answer every message; give the replies in the order of the messages, as they come.

        A worker that dies leaves error replies for the tasks it had; the others go on.
        `timeout` in seconds; what is not answered by then is left out.
        """
        groups = self._clients.groups([self._stamp(message) for message in messages])
        pending, replies = deque(groups), dict[str, list[Message]]()
        until = None if timeout is None else time.monotonic() + timeout
        for group in groups:
            key = _key(group)
            while key not in replies and self._workers:
                self._feed_all(pending)
                ready = self._ready(None if until is None else max(until - time.monotonic(), 0.0))
                if not ready:
                    break
                self._collect(ready, replies)
            if key not in replies and not self._workers:
                replies[key] = _crashed(group)
            yield from (self._stamp(reply) for reply in replies.pop(key, ()))
        self._contents.forget()

    def _feed_all(self, pending: deque[list[Message]]) -> None:
        """Keep all workers busy; none gets a second group before all have one."""
        for ahead in range(1, _AHEAD + 1):
            for worker in self._workers:
                if pending and len(worker.groups) < ahead:
                    self._feed(worker, pending.popleft())

    def _feed(self, worker: Worker, group: list[Message]) -> None:
        worker.groups.append(group)
        numbers = [self._contents.number(message) for message in group]
        fresh = {n: self._contents.stored(n) for n in numbers if n not in worker.contents}
        worker.contents = frozenset(numbers)
        bare = [
            (make_message(message.metadata, content=RecordDict()), self._state(message), number)
            for message, number in zip(group, numbers, strict=True)
        ]
        self._send(worker, fresh, bare)

    def _collect(self, ready: Sequence[Worker], replies: dict[str, list[Message]]) -> None:
        """Take what workers have answered, or note that they have died."""
        for worker in ready:
            answered = self._receive(worker)
            if answered is None:
                replies |= {_key(group): _crashed(group) for group in worker.groups}
                self._workers.remove(worker)
                continue
            group = worker.groups.popleft()
            for message, (_, state) in zip(group, answered, strict=True):
                self._keep(message, state)
            replies[_key(group)] = [reply for reply, _ in answered]


class Held:
    """The contents that a worker holds, and how it answers with them.

    Parameters
    ----------
    clients : Clients
        Who answers.
    """

    def __init__(self, clients: Clients):
        self._clients = clients
        self._contents: dict[int, RecordDict] = {}

    def answer(self, fresh: Mapping[int, bytes], asked: Sequence[Asked]) -> Answered:
        """Answer a group; what it does not need of the contents is let go.

        Parameters
        ----------
        fresh : Mapping[int, bytes]
            Pickled contents by number, of those that the worker does not hold.
        asked : Sequence[tuple[Message, RecordDict, int]]
            The group.
        """
        needed = {number for _, _, number in asked}
        held = {number: content for number, content in self._contents.items() if number in needed}
        self._contents = held | {number: pickle.loads(each) for number, each in fresh.items()}
        for message, _, number in asked:
            message.content = self._contents[number]
        replies = self._clients.answer([(message, state) for message, state, _ in asked])
        return list(zip(replies, [state for _, state, _ in asked], strict=True))


def settle(clients: Clients, processors: Sequence[int], place: int) -> None:
    """Bind the threads that compute to one processor, and move out of their way.

    The app's import starts the threads that compute. Where this thread shares their
    processor, it spins for the rest of its slice, 4 ms, while it waits for them.

    Parameters
    ----------
    clients : Clients
        Whose app is imported.
    processors : Sequence[int]
        Those that the process may use.
    place : int
        Which of the machine's workers this is; counts on from the first processor again
        where there are fewer processors.
    """
    own = processors[place % len(processors)]
    os.sched_setaffinity(0, {own})
    clients.load()
    os.sched_setaffinity(0, set(processors) - {own} or {own})


class _Contents:
    """Numbers, pickles and stores each content once, however many gateways it goes to."""

    def __init__(self, store: Callable[[bytes], Any]) -> None:
        self._numbers, self._store = itertools.count(1), store
        self.forget()

    def forget(self) -> None:
        """Let go of all contents; numbers are not given again."""
        self._known: dict[int, tuple[int, RecordDict]] = {}
        self._stored: dict[int, Any] = {}

    def number(self, message: Message) -> int:
        """Give the number of a message's content."""
        content = message.content
        if id(content) not in self._known:
            number = next(self._numbers)
            self._known[id(content)] = number, content
            self._stored[number] = self._store(pickle.dumps(content, protocol=5))
        return self._known[id(content)][0]

    def stored(self, number: int) -> Any:
        """Give what workers find a content by."""
        return self._stored[number]


def _key(group: list[Message]) -> str:
    return group[0].metadata.message_id


def _crashed(group: list[Message]) -> list[Message]:
    error = Error(_APP_CRASHED, "the worker process died")
    return [Message(error, reply_to=message) for message in group]
