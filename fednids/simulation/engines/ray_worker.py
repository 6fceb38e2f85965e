"""A worker on a node of a Ray cluster: an actor that answers groups of messages."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import ray

from fednids.simulation.engines.base import Clients, take_identity
from fednids.simulation.engines.pool import Held, settle


class RayWorker:
    """Opens the app in a process of its own and serves any gateway.

    It is made in two steps: the engine learns first on which machine Ray has put it, and
    says then which of the machine's workers it is.
    """

    def host(self) -> str:
        """Tell on which machine this is."""
        return socket.gethostname()

    def open(
        self, clients: Clients, place: int, path: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Import the app, bound to a processor.

        Parameters
        ----------
        clients : Clients
            Who answers.
        place : int
            Which of the machine's workers this is.
        path : Sequence[str]
            The driver's module path, searched after the node's own.
        environment : Mapping[str, str]
            The driver's variables of fednids; the node's own come first.
        """
        sys.path.extend(each for each in path if each not in sys.path)
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        take_identity()
        settle(clients, sorted(os.sched_getaffinity(0)), place)
        self._held = Held(clients)

    def answer(self, fresh: Mapping[int, Any], asked: bytes) -> bytes:
        """Answer a group.

        Parameters
        ----------
        fresh : Mapping[int, ObjectRef]
            Where the cluster keeps the pickled contents that this worker does not hold.
        asked : bytes
            The pickled group.

        Returns
        -------
        bytes
            Replies and states, pickled.
        """
        fetched = dict(zip(fresh, ray.get(list(fresh.values())), strict=True))
        return pickle.dumps(self._held.answer(fetched, pickle.loads(asked)), protocol=5)
