"""What engines with many workers share: which worker gets which group, and the order of replies.

A worker holds the next group while it works on one. The contents of a round are pickled
once for all clients and sent once to each worker. A worker that dies leaves error replies
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
"""A message without its content, the state of its client, and the number of the content."""

Answered = Sequence[tuple[Message, RecordDict]]
"""The replies of a group, each with the state of its client."""


@dataclass
class PoolWorker:
    """A worker, as the engine knows it.

    Attributes
    ----------
    contents : frozenset[int]
        Numbers of the message contents that it holds.
    groups : deque[list[Message]]
        Groups that it has not answered yet, in the order in which it received them.
    """

    contents: frozenset[int] = frozenset()
    groups: deque[list[Message]] = field(default_factory=deque)


Worker = TypeVar("Worker", bound=PoolWorker)


class PoolGrid(LocalGrid, Generic[Worker]):
    """Spreads groups of messages over workers.

    Parameters
    ----------
    clients : Clients
        The clients of the run.
    workers : list[Worker]
        The workers, started.
    store : callable, optional
        Stores a pickled content for all workers, and returns the reference to it.
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
        """Send a worker a group, and the stored contents that it does not hold."""

    @abstractmethod
    def _ready(self, seconds: float | None) -> list[Worker]:
        """Return workers that have answered or died, none after the time is over."""

    @abstractmethod
    def _receive(self, worker: Worker) -> Answered | None:
        """Return a worker's first answer; None where it has died, after ending it."""

    def stream(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Send messages, and yield the replies as they come, in the order of the messages.

        A worker that dies leaves error replies for the tasks it had; the others go on.
        `timeout` is in seconds; what is not answered by then is left out.
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


class WorkerContents:
    """The message contents that a worker holds, and the clients that it answers for.

    Parameters
    ----------
    clients : Clients
        The clients of the run.
    """

    def __init__(self, clients: Clients):
        self._clients = clients
        self._contents: dict[int, RecordDict] = {}

    def answer(self, fresh: Mapping[int, bytes], asked: Sequence[Asked]) -> Answered:
        """Answer a group; contents that the group does not need are dropped.

        Parameters
        ----------
        fresh : Mapping[int, bytes]
            Pickled contents that the worker does not hold, by number.
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


def bind_threads(clients: Clients, processors: Sequence[int], place: int) -> None:
    """Bind the computing threads to one processor, and this thread to the others.

    Importing the app starts the computing threads. If this thread shared their processor, it
    would spin for the rest of its time slice, 4 ms, while it waits for them.

    Parameters
    ----------
    clients : Clients
        Whose app is imported.
    processors : Sequence[int]
        Processors that the process may use.
    place : int
        Number of the worker on its machine; taken modulo the number of processors.
    """
    own = processors[place % len(processors)]
    os.sched_setaffinity(0, {own})
    clients.load()
    os.sched_setaffinity(0, set(processors) - {own} or {own})


class _Contents:
    """Numbers, pickles and stores each content once, whatever the number of its receivers."""

    def __init__(self, store: Callable[[bytes], Any]) -> None:
        self._numbers, self._store = itertools.count(1), store
        self.forget()

    def forget(self) -> None:
        self._known: dict[int, tuple[int, RecordDict]] = {}
        self._stored: dict[int, Any] = {}

    def number(self, message: Message) -> int:
        content = message.content
        if id(content) not in self._known:
            number = next(self._numbers)
            self._known[id(content)] = number, content
            self._stored[number] = self._store(pickle.dumps(content, protocol=5))
        return self._known[id(content)][0]

    def stored(self, number: int) -> Any:
        return self._stored[number]


def _key(group: list[Message]) -> str:
    return group[0].metadata.message_id


def _crashed(group: list[Message]) -> list[Message]:
    error = Error(_APP_CRASHED, "the worker process died")
    return [Message(error, reply_to=message) for message in group]
