"""Worker processes, one bound to each processor, that take the next group when they are free.

A worker compiles its network once and serves any gateway: what a group's training gives
depends on its flows, the weights and the seed alone. So which worker serves it, and how
many there are, changes no bit of a result. Flows are not sent: every worker maps the same
prepared columns. The weights of a round are pickled once for all gateways and sent once to
each worker.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue

from flwr.app import Error, Message, RecordDict
from flwr.app.message.message import make_message

from fednids.engine.base import Clients, LocalGrid, take_identity

_APP_CRASHED = 8
_AHEAD = 2
_END_SECONDS = 5.0


@dataclass
class _Worker:
    """A worker process, the contents it holds, and the groups that it has not answered."""

    process: SpawnProcess
    pipe: Connection
    contents: frozenset[int] = frozenset()
    groups: deque[list[Message]] = field(default_factory=deque)


class ProcessGrid(LocalGrid):
    """Spreads messages over worker processes.

    Parameters
    ----------
    clients : Clients
        Who answers.
    workers : int
        Number of processes, at least 1.
    """

    def __init__(self, clients: Clients, workers: int):
        super().__init__(clients)
        processors = sorted(os.sched_getaffinity(0))
        self._workers = [_start_worker(clients, processors, place) for place in range(workers)]
        self._contents = _Contents()

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
            while key not in replies and self._workers and self._wait(pending, until):
                self._collect(replies)
            if key not in replies and not self._workers:
                replies[key] = _crashed(group)
            yield from (self._stamp(reply) for reply in replies.pop(key, ()))
        self._contents.forget()

    def _wait(self, pending: deque[list[Message]], until: float | None) -> bool:
        """Keep all workers busy until one has an answer; False where none came in time."""
        for ahead in range(1, _AHEAD + 1):
            for worker in self._workers:
                if pending and len(worker.groups) < ahead:
                    self._feed(worker, pending.popleft())
        left = None if until is None else max(until - time.monotonic(), 0.0)
        return bool(wait([worker.pipe for worker in self._workers], left))

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            with suppress(OSError):
                worker.pipe.send_bytes(b"")
        for worker in self._workers:
            worker.process.join(_END_SECONDS)
            worker.process.kill()
            worker.pipe.close()
        self._workers = []

    def _feed(self, worker: _Worker, group: list[Message]) -> None:
        """Give a worker a group, and the contents of its messages that it does not hold."""
        worker.groups.append(group)
        numbers = [self._contents.number(message) for message in group]
        fresh = {n: self._contents.pickled(n) for n in numbers if n not in worker.contents}
        worker.contents = frozenset(numbers)
        bare = [
            (make_message(message.metadata, content=RecordDict()), self._state(message), number)
            for message, number in zip(group, numbers, strict=True)
        ]
        worker.pipe.send_bytes(pickle.dumps((fresh, bare), protocol=5))

    def _collect(self, replies: dict[str, list[Message]]) -> None:
        """Take what workers have answered, or note that they have died."""
        ready = wait([worker.pipe for worker in self._workers], 0)
        for worker in [worker for worker in self._workers if worker.pipe in ready]:
            try:
                answered = pickle.loads(worker.pipe.recv_bytes())
            except (EOFError, OSError):
                replies |= {_key(group): _crashed(group) for group in worker.groups}
                self._workers.remove(worker)
                worker.process.join(_END_SECONDS)
                continue
            group = worker.groups.popleft()
            for message, (_, state) in zip(group, answered, strict=True):
                self._keep(message, state)
            replies[_key(group)] = [reply for reply, _ in answered]


class _Contents:
    """Numbers and pickles each content once, however many gateways it goes to."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.forget()

    def forget(self) -> None:
        """Let go of all contents; numbers are not given again."""
        self._known: dict[int, tuple[int, RecordDict]] = {}
        self._pickled: dict[int, bytes] = {}

    def number(self, message: Message) -> int:
        """Give the number of a message's content."""
        content = message.content
        if id(content) not in self._known:
            number = next(self._numbers)
            self._known[id(content)] = number, content
            self._pickled[number] = pickle.dumps(content, protocol=5)
        return self._known[id(content)][0]

    def pickled(self, number: int) -> bytes:
        """Give the bytes of a content."""
        return self._pickled[number]


def _key(group: list[Message]) -> str:
    return group[0].metadata.message_id


def _crashed(group: list[Message]) -> list[Message]:
    error = Error(_APP_CRASHED, "the worker process died")
    return [Message(error, reply_to=message) for message in group]


def _start_worker(clients: Clients, processors: list[int], place: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_work, args=(theirs, clients, processors, place, list(sys.path)), daemon=True
    )
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(
    pipe: Connection, clients: Clients, processors: list[int], place: int, path: list[str]
) -> None:
    """Answer groups until an empty one comes, or whoever sends them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:] = path
    take_identity()
    _settle(clients, processors, place)
    contents: dict[int, RecordDict] = {}
    inbox: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, inbox), daemon=True).start()
    while received := inbox.get():
        fresh, asked = pickle.loads(received)
        needed = {number for _, _, number in asked}
        contents = {number: content for number, content in contents.items() if number in needed}
        contents |= {number: pickle.loads(pickled) for number, pickled in fresh.items()}
        for message, _, number in asked:
            message.content = contents[number]
        replies = clients.answer([(message, state) for message, state, _ in asked])
        states = [state for _, state, _ in asked]
        pipe.send_bytes(pickle.dumps(list(zip(replies, states, strict=True)), protocol=5))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # an orderly end of MindSpore takes a second and saves nothing


def _receive(pipe: Connection, inbox: SimpleQueue[bytes]) -> None:
    """Take what comes at once, so that whoever sends it is never kept waiting."""
    with suppress(EOFError, OSError):
        while received := pipe.recv_bytes():
            inbox.put(received)
    inbox.put(b"")


def _settle(clients: Clients, processors: list[int], place: int) -> None:
    """Bind the threads that compute to one processor, and move out of their way.

    The app's import starts the threads that compute. Where this thread shares their
    processor, it spins for the rest of its slice, 4 ms, while it waits for them.
    """
    own = processors[place % len(processors)]
    os.sched_setaffinity(0, {own})
    clients.load()
    os.sched_setaffinity(0, set(processors) - {own} or {own})
