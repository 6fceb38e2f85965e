"""What engines with many workers share: which worker gets which group, and the order of replies.

A worker holds the next group while it works on one. The contents of a round are pickled
once for all clients and sent once to each worker. Any worker serves any group with the same
bits, so where one dies, a new one is started in its place and its groups are asked again.
"""

from __future__ import annotations

import itertools
import logging
import os
import pickle
import time
from abc import abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from flwr.app import Message, RecordDict
from flwr.app.message.message import make_message

from fednids.errors import FederationError
from fednids.simulation.engines.base import Clients, LocalGrid

_AHEAD = 2
_MOST_DEATHS = 3
"""Deaths of workers at one group, or at none, from which the run ends: another would die too."""

_log = logging.getLogger("fednids.engine")

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
    def _receive(self, worker: Worker) -> Answered | str:
        """Return a worker's first answer; where it has died, how, after ending it."""

    @abstractmethod
    def _replace(self, worker: Worker) -> Worker | None:
        """Start a worker in the place of one that has died; None where there is no place now."""

    def stream(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Send messages, and yield the replies as they come, in the order of the messages.

        `timeout` is in seconds; what is not answered by then is left out.

        Raises
        ------
        FederationError
            Workers died again and again at the same task, or none could be started.
        """
        groups = self._clients.groups([self._stamp(message) for message in messages])
        pending, replies, deaths = deque(groups), dict[str, list[Message]](), Counter[str]()
        until = None if timeout is None else time.monotonic() + timeout
        for group in groups:
            key = _key(group)
            while key not in replies:
                self._feed_all(pending)
                ready = self._ready(None if until is None else max(until - time.monotonic(), 0.0))
                if not ready:
                    break
                for worker in ready:
                    self._collect(worker, pending, replies, deaths)
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

    def _collect(
        self,
        worker: Worker,
        pending: deque[list[Message]],
        replies: dict[str, list[Message]],
        deaths: Counter[str],
    ) -> None:
        answered = self._receive(worker)
        if isinstance(answered, str):
            self._died(worker, answered, pending, deaths)
            return
        group = worker.groups.popleft()
        for message, (_, state) in zip(group, answered, strict=True):
            self._keep(message, state)
        replies[_key(group)] = [reply for reply, _ in answered]

    def _died(
        self, worker: Worker, how: str, pending: deque[list[Message]], deaths: Counter[str]
    ) -> None:
        """Have the groups of a worker that has died asked again, of others and a new one."""
        key = _key(worker.groups[0]) if worker.groups else ""
        deaths[key] += 1
        self._workers.remove(worker)
        pending.extendleft(reversed(worker.groups))
        again = deaths[key] < _MOST_DEATHS
        fresh = self._replace(worker) if again else None
        if fresh is not None:
            self._workers.append(fresh)
        if not again or not self._workers:
            count = "and no other could be started" if again else f"{_MOST_DEATHS} times at a task"
            raise FederationError(
                f"expected workers that stay alive, got one that ended ({how}), {count}; look at "
                "free memory, lower run.workers, and go on with `fednids resume`"
            )
        _log.warning("a worker ended (%s); its tasks are done again", how)


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
