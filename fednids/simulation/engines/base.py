"""What local Grids share: identities, contexts, and calling a ClientApp; the in-process Grid.

A Grid is Flower's way to the clients. A local one needs no SuperLink: a message is a call.
Flower's strategies, messages and apps run on it unchanged.
"""

from __future__ import annotations

import importlib
import itertools
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import cast

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from fednids.config import Scalar
from fednids.training.together import run_together

_RUN_ID = 1
_SERVER_NODE = 1
_FIRST_NODE = 1000
_APP_RAISED = 2


GROUP_FILL = 0.7
"""Least share of a group's places that its tasks must fill. A group takes as long as if all its
tasks were as large as the largest, and saves about half of that."""


def group_tasks(sizes: Sequence[int], most: int) -> Iterator[slice]:
    """Cut a sequence of tasks into groups of neighbours of similar size.

    The groups depend on the tasks alone and not on how many workers there are, because
    what is computed together shares its last bits.

    Parameters
    ----------
    sizes : Sequence[int]
        Duration of each task, in any unit; groups are only found where they are sorted.
    most : int
        Most tasks in a group.

    Yields
    ------
    slice
        One group: `most` tasks, or fewer that fill `GROUP_FILL` of the places, or one task.
    """
    start = 0
    while start < len(sizes):
        group = list(islice(sizes, start, start + most))
        together = most > 1 and sum(group) >= GROUP_FILL * most * max(*group, 1)
        end = start + (len(group) if together else 1)
        yield slice(start, end)
        start = end


@dataclass(frozen=True)
class Clients:
    """The clients of a run: one app for all of them, and a context for each.

    Attributes
    ----------
    app : str
        Where the ClientApp is, as ``"module:name"``.
    gateways : int
        Number of clients ``K``.
    run_config : Mapping[str, bool | int | float | str]
        Settings in each client's context.
    sizes : Sequence[int]
        Duration of each client's task, in any unit; empty if all are alike.
    together : int
        Most clients of similar size that are called together.
    remembered : Path or None
        Folder in which clients keep something between messages; None where they keep nothing.
    """

    app: str
    gateways: int
    run_config: Mapping[str, Scalar]
    sizes: Sequence[int] = ()
    together: int = 1
    remembered: Path | None = None

    def nodes(self) -> list[int]:
        """Return the node ids in the order of the partition ids."""
        return [_FIRST_NODE + partition_id for partition_id in range(self.gateways)]

    def context(self, node: int, state: RecordDict) -> Context:
        """Return the context in which the app is called for a node."""
        place: dict[str, Scalar] = {
            "partition-id": node - _FIRST_NODE,
            "num-partitions": self.gateways,
        }
        return Context(_RUN_ID, node, place, state, dict(self.run_config))

    def groups(self, messages: Sequence[Message]) -> list[list[Message]]:
        """Return the messages in groups whose clients are called together."""
        places = [message.metadata.dst_node_id - _FIRST_NODE for message in messages]
        sizes = [int(self.sizes[place]) if len(self.sizes) else 1 for place in places]
        return [list(messages[group]) for group in group_tasks(sizes, self.together)]

    def answer(self, messages: Sequence[tuple[Message, RecordDict]]) -> list[Message]:
        """Call the app for a group of messages; an exception becomes an error reply.

        Parameters
        ----------
        messages : Sequence[tuple[Message, RecordDict]]
            Each message with the state of its client, which is changed in place. The client
            may change the message's records.
        """
        return run_together([partial(self._answer, message, state) for message, state in messages])

    def load(self) -> None:
        """Import the app; errors are raised by the first call instead."""
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
    """A Grid over clients of one machine; node ids follow from partition ids.

    Parameters
    ----------
    clients : Clients
        The clients of the run.
    """

    def __init__(self, clients: Clients):
        take_identity()
        self._run, self._clients = Run.create_empty(_RUN_ID), clients
        self._states: dict[int, RecordDict] = {}
        self._numbers = itertools.count(1)

    def set_run(self, run: Run) -> None:
        """Set the run."""
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
        """Return a message to a node."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Return the node ids in the order of the partition ids."""
        return self._clients.nodes()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Raise an error: replies come with `send_and_receive`."""
        raise RuntimeError("a local grid answers at once; use send_and_receive")

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Raise an error: replies come with `send_and_receive`."""
        raise RuntimeError("a local grid answers at once; use send_and_receive")

    @abstractmethod
    def stream(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Send messages, and yield the replies as they come, in the order of the messages.

        The longest task should stand first. Replies are not kept, so that they need no memory
        together.
        """

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Send messages, and return all replies."""
        return list(self.stream(messages, timeout=timeout))

    def close(self) -> None:
        """End workers and free what the engine holds."""

    def _stamp(self, message: Message) -> Message:
        message.metadata.__dict__["_message_id"] = str(next(self._numbers))
        return message

    def _state(self, message: Message) -> RecordDict:
        return self._states.get(message.metadata.dst_node_id) or RecordDict()

    def _keep(self, message: Message, state: RecordDict) -> None:
        if state:
            self._states[message.metadata.dst_node_id] = state
        else:
            self._states.pop(message.metadata.dst_node_id, None)


class InProcessGrid(LocalGrid):
    """Calls the ClientApp in this process, one group of clients after another."""

    def stream(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Answer group after group; `timeout` is not needed, since there is nothing to wait for."""
        for group in self._clients.groups([self._stamp(message) for message in messages]):
            states = [self._state(message) for message in group]
            replies = self._clients.answer(list(zip(group, states, strict=True)))
            for message, state, reply in zip(group, states, replies, strict=True):
                self._keep(message, state)
                yield self._stamp(reply)


def take_identity() -> None:
    """Set this process's identity, without which Flower makes no messages."""
    TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = _RUN_ID, _SERVER_NODE, 1
