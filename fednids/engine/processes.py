"""Worker processes, one bound to each processor, that take the longest task first.

A worker compiles its network once and serves any gateway: what a gateway's training gives
depends on its flows, the weights and the seed alone. So which worker serves it, and how
many there are, changes no bit of a result. Flows are not sent: every worker maps the same
prepared columns. The weights of a round are pickled once for all gateways and sent once to
each worker.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from flwr.app import Error, Message, RecordDict
from flwr.app.message.message import make_message

from fednids.engine.base import Clients, LocalGrid, take_identity

_APP_CRASHED = 8
_AHEAD = 2
_END_SECONDS = 5.0


@dataclass
class _Worker:
    """A worker process and the tasks that it has not answered."""

    process: SpawnProcess
    pipe: Connection
    content: int = 0
    tasks: deque[Message] = field(default_factory=deque)


class ProcessGrid(LocalGrid):
    """Spreads messages over worker processes; replies come in the order of the messages.

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
        self._workers = [
            _start_worker(clients, processors[place % len(processors)]) for place in range(workers)
        ]
        self._contents = 0
        self._seconds: dict[tuple[str, int], float] = {}

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Answer every message.

        A worker that dies leaves error replies for the tasks it had; the others go on.
        `timeout` in seconds; what is not answered by then is left out.
        """
        asked = [self._stamp(message) for message in messages]
        waiting = {message.metadata.message_id for message in asked}
        replies: dict[str, Message] = {}
        until = None if timeout is None else time.monotonic() + timeout
        pending, contents = self._longest_first(asked), _Contents(self._contents)
        while waiting - replies.keys() and self._workers:
            for worker in list(self._workers):
                self._feed(worker, pending, contents)
            left = None if until is None else max(until - time.monotonic(), 0.0)
            ready = wait([worker.pipe for worker in self._workers], left)
            if not ready:
                break
            for worker in [w for w in self._workers if w.pipe in ready]:
                self._collect(worker, replies)
        self._contents = contents.last
        if not self._workers:
            for message in pending:
                replies[message.metadata.message_id] = self._stamp(_crashed(message))
        known = (message.metadata.message_id for message in asked)
        return [replies[number] for number in known if number in replies]

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

    def _longest_first(self, messages: list[Message]) -> deque[Message]:
        """Order tasks by how long the same took last time, so that workers end together."""
        return deque(sorted(messages, key=lambda m: self._seconds.get(_kind(m), 0.0), reverse=True))

    def _feed(self, worker: _Worker, pending: deque[Message], contents: _Contents) -> None:
        """Give a worker its next tasks, one ahead of the one it works on."""
        while pending and len(worker.tasks) < _AHEAD:
            message = pending.popleft()
            worker.tasks.append(message)
            number, pickled = contents.of(message)
            if worker.content != number:
                worker.pipe.send_bytes(pickled)
                worker.content = number
            bare = make_message(message.metadata, content=RecordDict())
            worker.pipe.send_bytes(pickle.dumps((bare, self._state(message))))

    def _collect(self, worker: _Worker, replies: dict[str, Message]) -> None:
        """Take a worker's next reply, or note that it has died."""
        try:
            reply, state, seconds = pickle.loads(worker.pipe.recv_bytes())
        except (EOFError, OSError):
            for task in worker.tasks:
                replies[task.metadata.message_id] = self._stamp(_crashed(task))
            self._workers.remove(worker)
            worker.process.join(_END_SECONDS)
            return
        task = worker.tasks.popleft()
        self._states[task.metadata.dst_node_id] = state
        self._seconds[_kind(task)] = seconds
        replies[task.metadata.message_id] = self._stamp(reply)


class _Contents:
    """Pickles each content once, however many gateways it goes to."""

    def __init__(self, last: int):
        self.last = last
        self._known: dict[int, tuple[RecordDict, int, bytes]] = {}

    def of(self, message: Message) -> tuple[int, bytes]:
        """Give the number and the bytes of a message's content."""
        content = message.content
        if id(content) not in self._known:
            self.last += 1
            self._known[id(content)] = (content, self.last, pickle.dumps(content, protocol=5))
        _, number, pickled = self._known[id(content)]
        return number, pickled


def _kind(message: Message) -> tuple[str, int]:
    return message.metadata.message_type, message.metadata.dst_node_id


def _crashed(message: Message) -> Message:
    return Message(Error(_APP_CRASHED, "the worker process died"), reply_to=message)


def _start_worker(clients: Clients, processor: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_work, args=(theirs, clients, processor, list(sys.path)), daemon=True
    )
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection, clients: Clients, processor: int, path: list[str]) -> None:
    """Answer tasks until an empty one comes, or whoever sends them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.sched_setaffinity(0, {processor})
    sys.path[:] = path
    take_identity()
    content = RecordDict()
    while True:
        try:
            received = pipe.recv_bytes()
        except (EOFError, OSError):
            return
        if not received:
            return
        task = pickle.loads(received)
        if isinstance(task, RecordDict):
            content = task
            continue
        message, state = task
        message.content = content
        started = time.perf_counter()
        reply = clients.answer(message, state)
        pipe.send_bytes(pickle.dumps((reply, state, time.perf_counter() - started), protocol=5))
