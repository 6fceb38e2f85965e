"""Workers on the nodes of a Ray cluster, one a processor, that take the next group when free.

The weights of a round go once to each node, through Ray's object store; flows are not sent:
every node has the flow file, or makes the same synthetic flows. Ray places a worker, and
notices when it or its node has died; everything else is as with worker processes, and so are
the results.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # or each worker warns of it

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from fednids.errors import SetupError
from fednids.extensions import INHERITED, loaded_plugins
from fednids.simulation.engines.base import Clients, take_identity
from fednids.simulation.engines.pool import (
    Answered,
    Asked,
    PoolGrid,
    PoolWorker,
    WorkerContents,
    bind_threads,
)
from fednids.simulation.engines.ray_nodes import Seen, absolute, fault, look, node_files

_CONNECT_SECONDS = 5.0
_PLACING_SECONDS = (10.0, 20.0, 30.0)
"""Seconds after which a worker that has not started is asked for again, since Ray sometimes never
finishes making an actor; after the last, its processor is taken as busy with other work."""


@dataclass(kw_only=True)
class _Worker(PoolWorker):
    actor: Any
    owed: deque[Any] = field(default_factory=deque)


class RayGrid(PoolGrid[_Worker]):
    """Spreads messages over a Ray cluster.

    Joins the cluster of ``RAY_ADDRESS`` or of ``ray start``, or starts one on this machine;
    ends only what it started.

    Parameters
    ----------
    clients : Clients
        The clients of the run.
    workers : int
        Number of workers; 0 for one a processor of the cluster, which is also the most.

    Raises
    ------
    SetupError
        No cluster answers or has a free processor, or a node lacks what the run needs.
    """

    def __init__(self, clients: Clients, workers: int):
        self._ours = connect()
        clients = replace(clients, run_config=absolute(clients.run_config))
        try:
            check_nodes(clients)
            actors = start_workers(clients, workers)
        except BaseException:
            self._leave()
            raise
        super().__init__(clients, [_Worker(actor=actor) for actor in actors], ray.put)

    def close(self) -> None:
        """End all workers, and the cluster if it was started here."""
        end_workers([worker.actor for worker in self._workers])
        self._workers = []
        self._leave()

    def _leave(self) -> None:
        if self._ours:
            ray.shutdown()
        self._ours = False

    def _send(self, worker: _Worker, fresh: Mapping[int, Any], asked: Sequence[Asked]) -> None:
        group = pickle.dumps(asked, protocol=5)
        worker.owed.append(worker.actor.answer.remote(fresh, group))

    def _ready(self, seconds: float | None) -> list[_Worker]:
        first = {worker.owed[0]: worker for worker in self._workers if worker.owed}
        ready, _ = ray.wait(list(first), num_returns=1, timeout=seconds)
        return [first[reference] for reference in ready]

    def _receive(self, worker: _Worker) -> Answered | str:
        try:
            answered: Answered = pickle.loads(ray.get(worker.owed.popleft()))
        except RayError as error:
            end_workers([worker.actor])
            return " ".join(str(error).split())[:200]
        return answered

    def _replace(self, worker: _Worker) -> _Worker | None:
        try:
            actors = start_workers(self._clients, 1)
        except SetupError:
            return None
        return _Worker(actor=actors[0])


class RayWorker:
    """An actor that calls the app for any client, in a process of its own.

    It is started in two steps: the engine first asks on which machine Ray has put it, and then
    numbers the workers of each machine.
    """

    def host(self) -> str:
        """Return the name of this machine."""
        return socket.gethostname()

    def open(
        self, clients: Clients, place: int, path: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Import the app, bound to a processor.

        Parameters
        ----------
        clients : Clients
            The clients of the run.
        place : int
            Number of the worker on its machine.
        path : Sequence[str]
            The driver's module path, searched after the node's own.
        environment : Mapping[str, str]
            The driver's variables of fednids; those of the node are kept, but not its plug-ins.
        """
        sys.path.extend(each for each in path if each not in sys.path)
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        os.environ[INHERITED] = environment.get(INHERITED, "[]")
        take_identity()
        bind_threads(clients, sorted(os.sched_getaffinity(0)), place)
        self._held = WorkerContents(clients)

    def answer(self, fresh: Mapping[int, Any], asked: bytes) -> bytes:
        """Answer a group.

        Parameters
        ----------
        fresh : Mapping[int, ObjectRef]
            References to the pickled contents that this worker does not hold.
        asked : bytes
            The pickled group.

        Returns
        -------
        bytes
            Replies and states, pickled.
        """
        fetched = dict(zip(fresh, ray.get(list(fresh.values())), strict=True))
        return pickle.dumps(self._held.answer(fetched, pickle.loads(asked)), protocol=5)


def connect() -> bool:
    """Join the cluster of ``RAY_ADDRESS`` or of ``ray start``, or start one on this machine.

    Returns
    -------
    bool
        Whether to disconnect at the end; False where this process had joined before.

    Raises
    ------
    SetupError
        The cluster does not answer, or is of another version of Ray or Python.
    """
    if ray.is_initialized():
        return False
    if address := _named():
        _reach(address)
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL)
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        ray.shutdown()
        raise _unanswered(address or "one started here", str(error)) from None
    return True


def check_nodes(clients: Clients) -> None:
    """Check that every node has what the run needs.

    Raises
    ------
    SetupError
        A node lacks a file, has another one at its path or other versions, or does not
        share the folder in which clients keep their state.
    """
    paths = node_files(clients.run_config)
    paths += [str(each.path) for each in loaded_plugins()]
    folder, token = str(clients.remembered or ""), f".shared-{uuid4().hex}"
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / token).touch()
    try:
        wanted, seen = look(paths, folder, token), _look_everywhere(paths, folder, token)
    finally:
        if folder:
            (Path(folder) / token).unlink(missing_ok=True)
    for name, each in seen.items():
        if wrong := fault(name, each, wanted, folder):
            raise SetupError(wrong)


def start_workers(clients: Clients, workers: int) -> list[Any]:
    """Start workers that have a processor each.

    Parameters
    ----------
    clients : Clients
        The clients of the run.
    workers : int
        Number of workers; 0 for one a processor. Never more than processors or clients.

    Returns
    -------
    list
        Handles of the workers that Ray has placed within a minute.

    Raises
    ------
    SetupError
        Ray has placed none.
    """
    processors = int(ray.cluster_resources().get("CPU", 0))
    count = min(workers or processors, processors, clients.gateways)
    placed = _place(count)
    if not placed:
        raise SetupError(
            f"expected a free processor in the Ray cluster, got none of {processors} within "
            f"{sum(_PLACING_SECONDS):.0f} s; wait for other work, or add nodes with `ray start`"
        )
    opened, places = [], Counter[str]()
    for reference, worker in placed.items():
        host = ray.get(reference)
        opened.append(worker.open.remote(clients, places[host], list(sys.path), _environment()))
        places[host] += 1
    ray.wait(opened, num_returns=len(opened))
    return list(placed.values())


def _place(count: int) -> dict[Any, Any]:
    """Return the workers that Ray starts in time, by the reference to the name of their host."""
    kind = ray.remote(RayWorker).options(num_cpus=1, max_restarts=0)
    placed: dict[Any, Any] = {}
    for seconds in _PLACING_SECONDS:
        if len(placed) == count:
            break
        asked = [kind.remote() for _ in range(count - len(placed))]
        hosts = {worker.host.remote(): worker for worker in asked}
        ready, late = ray.wait(list(hosts), num_returns=len(hosts), timeout=seconds)
        placed |= {reference: hosts[reference] for reference in hosts if reference in ready}
        end_workers([hosts[reference] for reference in late])
    return placed


def end_workers(workers: Sequence[Any]) -> None:
    """End workers at once, unless they ended with their cluster."""
    for worker in workers if ray.is_initialized() else ():
        with suppress(RayError):
            ray.kill(worker)


def _named() -> str:
    """Return the address of the cluster to join, as Ray finds it; empty to start one."""
    address = os.environ.get("RAY_ADDRESS", "")
    latest = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    if address in ("", "auto") and latest.is_file():
        address = latest.read_text(encoding="utf-8").strip()
    return "" if address in ("", "auto", "local") else address


def _reach(address: str) -> None:
    """Try to connect to a cluster; Ray itself would try for twelve minutes."""
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdigit():
        raise SetupError(
            f"expected RAY_ADDRESS to be host:port, got {address}; run fednids on a node of the "
            "cluster and name its head there"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        raise _unanswered(address, str(error)) from None


def _unanswered(address: str, error: str) -> SetupError:
    reason = " ".join(error.split())
    return SetupError(
        f"expected a Ray cluster at {address}, got: {reason}; start it with `ray start`, or "
        "forget it with `ray stop` or by unsetting RAY_ADDRESS"
    )


def _look_everywhere(paths: Sequence[str], folder: str, token: str) -> dict[str, Seen]:
    """Return what every node with processors has."""
    task, asked = ray.remote(look), {}
    for node in ray.nodes():
        if node["Alive"] and node["Resources"].get("CPU"):
            name = f"{node['NodeName']} ({node['NodeManagerHostname']})"
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            options = {"num_cpus": 0, "scheduling_strategy": there, "max_retries": 0}
            asked[name] = task.options(**options).remote(paths, folder, token)
    return {name: _answer_of(name, reference) for name, reference in asked.items()}


def _answer_of(name: str, reference: Any) -> Seen:
    try:
        seen: Seen = ray.get(reference)
    except RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise SetupError(
            f"expected node {name} to run fednids, got: {reason}; install the same fednids[ray] "
            "on all nodes"
        ) from None
    return seen


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("FEDNIDS_")}
