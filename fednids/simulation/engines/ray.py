"""Workers on the nodes of a Ray cluster, one a processor, that take the next group when free.

The weights of a round go once to each node, through Ray's object store; flows are not sent:
every node has the flow file, or makes the same synthetic flows. Ray places a worker, and
finds out when it or its node has died; everything else is as with worker processes, and so
are the results.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ray
from ray.exceptions import RayError

from fednids.simulation.engines.base import Clients
from fednids.simulation.engines.pool import Answered, Asked, Member, PoolGrid
from fednids.simulation.engines.ray_cluster import check_nodes, connect, end_workers, start_workers
from fednids.simulation.engines.ray_nodes import absolute


@dataclass(kw_only=True)
class _Worker(Member):
    """An actor, and the answers that it owes."""

    actor: Any
    owed: deque[Any] = field(default_factory=deque)


class RayGrid(PoolGrid[_Worker]):
    """Spreads messages over a Ray cluster.

    Joins the cluster that ``RAY_ADDRESS`` or ``ray start`` names, or starts one on this
    machine; ends only what it started.

    Parameters
    ----------
    clients : Clients
        Who answers.
    workers : int
        Number of workers; 0 for one a processor of the cluster, which is also the most.

    Raises
    ------
    SetupError
        No cluster answers or has a processor free, or a node lacks what the run needs.
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

    def _receive(self, worker: _Worker) -> Answered | None:
        try:
            answered: Answered = pickle.loads(ray.get(worker.owed.popleft()))
        except RayError:
            end_workers([worker.actor])
            return None
        return answered
