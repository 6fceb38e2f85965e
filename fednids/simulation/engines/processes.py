"""Worker processes, one bound to each processor, that take the next group when they are free.

A worker compiles its network once and serves any client: the result of a group's training
depends on its flows, the weights and the seed alone. So which worker serves it, and how many
there are, changes no bit of a result. Flows are not sent: every worker maps the same prepared
columns into memory.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from queue import SimpleQueue

from fednids.simulation.engines.base import Clients, take_identity
from fednids.simulation.engines.pool import (
    Answered,
    Asked,
    PoolGrid,
    PoolWorker,
    WorkerContents,
    bind_threads,
)

_END_SECONDS = 5.0


@dataclass(kw_only=True)
class _Worker(PoolWorker):
    process: SpawnProcess
    pipe: Connection
    place: int


class ProcessGrid(PoolGrid[_Worker]):
    """Spreads messages over worker processes.

    Parameters
    ----------
    clients : Clients
        The clients of the run.
    workers : int
        Number of processes, at least 1.
    """

    def __init__(self, clients: Clients, workers: int):
        self._processors = sorted(os.sched_getaffinity(0))
        started = [_start_worker(clients, self._processors, place) for place in range(workers)]
        super().__init__(clients, started)

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

    def _send(self, worker: _Worker, fresh: Mapping[int, bytes], asked: Sequence[Asked]) -> None:
        with suppress(OSError):  # it has died; _receive finds that out
            worker.pipe.send_bytes(pickle.dumps((fresh, asked), protocol=5))

    def _ready(self, seconds: float | None) -> list[_Worker]:
        ready = wait([worker.pipe for worker in self._workers], seconds)
        return [worker for worker in self._workers if worker.pipe in ready]

    def _receive(self, worker: _Worker) -> Answered | str:
        try:
            answered: Answered = pickle.loads(worker.pipe.recv_bytes())
        except (EOFError, OSError):
            worker.process.join(_END_SECONDS)
            worker.process.kill()
            worker.pipe.close()
            return _how_it_ended(worker.process.exitcode)
        return answered

    def _replace(self, worker: _Worker) -> _Worker:
        return _start_worker(self._clients, self._processors, worker.place)


def _how_it_ended(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "killed by signal 9, as the system does where memory runs out"
    if code is not None and code < 0:
        return f"killed by signal {-code}, {signal.strsignal(-code)}"
    return f"with exit code {code}" if code is not None else "it does not answer"


def _start_worker(clients: Clients, processors: list[int], place: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=_work, args=(theirs, clients, processors, place, list(sys.path)), daemon=True
    )
    process.start()
    theirs.close()
    return _Worker(process=process, pipe=ours, place=place)


def _work(
    pipe: Connection, clients: Clients, processors: list[int], place: int, path: list[str]
) -> None:
    """Answer groups until an empty one comes, or the sender is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[:] = path
    take_identity()
    bind_threads(clients, processors, place)
    held = WorkerContents(clients)
    inbox: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, inbox), daemon=True).start()
    while received := inbox.get():
        pipe.send_bytes(pickle.dumps(held.answer(*pickle.loads(received)), protocol=5))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # an orderly end of MindSpore takes a second and saves nothing


def _receive(pipe: Connection, inbox: SimpleQueue[bytes]) -> None:
    """Receive at once, so that the sender never has to wait."""
    with suppress(EOFError, OSError):
        while received := pipe.recv_bytes():
            inbox.put(received)
    inbox.put(b"")
