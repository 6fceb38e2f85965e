"""What our Grids share: identities, contexts, and calling a ClientApp.

A Grid is Flower's way to the clients. Ours need no SuperLink: a message is a call. Flower's
strategies, messages and apps run on them unchanged.
"""

from __future__ import annotations

import importlib
import itertools
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import cast

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from fednids.config import Scalar
from fednids.simulation.engines.packing import pack
from fednids.training.together import run_together

_RUN_ID = 1
_SERVER_NODE = 1
_FIRST_NODE = 1000
_APP_RAISED = 2


@dataclass(frozen=True)
class Clients:
    """The clients of a run: one app for all, told apart by their contexts.

    Attributes
    ----------
    app : str
        Where the ClientApp is, as ``"module:name"``.
    gateways : int
        Number of gateways ``K``.
    run_config : Mapping[str, bool | int | float | str]
        What each client finds in its context.
    sizes : Sequence[int]
        How long each client works on a task, in any unit; empty for all alike.
    together : int
        Clients of similar size that are called together, at most.
    remembered : Path or None
        Where clients keep something between messages, all in one folder; None where they
        keep nothing.
    """

    app: str
    gateways: int
    run_config: Mapping[str, Scalar]
    sizes: Sequence[int] = ()
    together: int = 1
    remembered: Path | None = None

    def nodes(self) -> list[int]:
        """Give the node ids in the order of the partition ids."""
        return [_FIRST_NODE + partition_id for partition_id in range(self.gateways)]

    def context(self, node: int, state: RecordDict) -> Context:
        """Make the context in which the app is called for a node."""
        place: dict[str, Scalar] = {
            "partition-id": node - _FIRST_NODE,
            "num-partitions": self.gateways,
        }
        return Context(_RUN_ID, node, place, state, dict(self.run_config))

    def groups(self, messages: Sequence[Message]) -> list[list[Message]]:
        """Cut messages into groups whose clients are called together."""
        places = [message.metadata.dst_node_id - _FIRST_NODE for message in messages]
        sizes = [int(self.sizes[place]) if len(self.sizes) else 1 for place in places]
        return [list(messages[group]) for group in pack(sizes, self.together)]

    def answer(self, asked: Sequence[tuple[Message, RecordDict]]) -> list[Message]:
        """Call the app for a group of messages; an exception becomes an error reply.

        Parameters
        ----------
        asked : Sequence[tuple[Message, RecordDict]]
            Each message, and the state that its client keeps, which is changed in place.
            The message's records are the client's own to change.
        """
        return run_together([partial(self._answer, message, state) for message, state in asked])

    def load(self) -> None:
        """Import the app, and whatever it starts; an error is left for the first call."""
        with suppress(Exception):
            _ = self._loaded

    def _answer(self, message: Message, state: RecordDict) -> Message:
        context = self.context(message.metadata.dst_node_id, state)
        message.content = RecordDict(dict(message.content))
        try:
            return self._loaded(message, context)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            return Message(Error(code=_APP_RAISED, reason=reason), reply_to=message)

    @cached_property
    def _loaded(self) -> ClientApp:
        module, _, name = self.app.partition(":")
        return cast(ClientApp, getattr(importlib.import_module(module), name))


class LocalGrid(Grid):
    """A Grid over the gateways of one machine; node ids follow from partition ids.

    Parameters
    ----------
    clients : Clients
        Who answers.
    """

    def __init__(self, clients: Clients):
        take_identity()
        self._run, self._clients = Run.create_empty(_RUN_ID), clients
        self._states: dict[int, RecordDict] = {}
        self._numbers = itertools.count(1)

    def set_run(self, run: Run) -> None:
        """Take over a run's identity."""
        self._run = run

    @property
    def run(self) -> Run:
        """The run."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Make a message to a node."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Give the node ids in the order of the partition ids."""
        return self._clients.nodes()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Not offered: answers come with `send_and_receive`."""
        raise RuntimeError("a local grid answers at once; use send_and_receive")

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Not offered: answers come with `send_and_receive`."""
        raise RuntimeError("a local grid answers at once; use send_and_receive")

    @abstractmethod
    def stream(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Answer every message; give the replies in the order of the messages, as they come.

        Messages are best given with the longest task first. Who takes a reply out and lets
        go of it needs no memory for all of them.
        """

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Answer every message; give all replies."""
        return list(self.stream(messages, timeout=timeout))

    def close(self) -> None:
        """Let go of what the engine holds."""

    def _stamp(self, message: Message) -> Message:
        """Number a message, as a SuperLink would."""
        message.metadata.__dict__["_message_id"] = str(next(self._numbers))
        return message

    def _state(self, message: Message) -> RecordDict:
        """Give the state that the addressed client has kept so far."""
        return self._states.get(message.metadata.dst_node_id) or RecordDict()

    def _keep(self, message: Message, state: RecordDict) -> None:
        """Keep what a client wants to find again; most keep nothing."""
        if state:
            self._states[message.metadata.dst_node_id] = state
        else:
            self._states.pop(message.metadata.dst_node_id, None)


def take_identity() -> None:
    """Tell Flower who we are; it makes no message in a process that it does not know."""
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = _RUN_ID, _SERVER_NODE, 1
