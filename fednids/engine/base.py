"""What our Grids share: identities, contexts, and calling a ClientApp.

A Grid is Flower's way to the clients. Ours need no SuperLink: a message is a call. Flower's
strategies, messages and apps run on them unchanged.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity

from fednids.config import Scalar

_RUN_ID = 1
_SERVER_NODE = 1
_FIRST_NODE = 1000
_APP_RAISED = 2


class LocalGrid(Grid):
    """A Grid over the gateways of one machine; node ids follow from partition ids.

    Parameters
    ----------
    app : ClientApp
        Trains and evaluates for every gateway.
    gateways : int
        Number of gateways ``K``.
    run_config : Mapping[str, bool | int | float | str]
        What each client finds in its context.
    """

    def __init__(self, app: ClientApp, gateways: int, run_config: Mapping[str, Scalar]):
        TaskIdentity.run_id, TaskIdentity.node_id, TaskIdentity.task_id = _RUN_ID, _SERVER_NODE, 1
        self._run = Run.create_empty(_RUN_ID)
        self._app, self._gateways = app, gateways
        self._run_config = dict(run_config)
        self._contexts: dict[int, Context] = {}
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
        return [_FIRST_NODE + partition_id for partition_id in range(self._gateways)]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Not offered: answers come with `send_and_receive`."""
        raise RuntimeError("a local grid answers at once; use send_and_receive")

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Not offered: answers come with `send_and_receive`."""
        raise RuntimeError("a local grid answers at once; use send_and_receive")

    def close(self) -> None:
        """Let go of what the engine holds."""

    def _stamp(self, message: Message) -> Message:
        """Number a message, as a SuperLink would."""
        message.metadata.__dict__["_message_id"] = str(next(self._numbers))
        return message

    def _answer(self, message: Message) -> Message:
        """Call the app for a message; an exception becomes an error reply."""
        node = message.metadata.dst_node_id
        own = RecordDict(dict(message.content))
        message.content = own
        try:
            reply = self._app(message, self._context(node))
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            reply = Message(Error(code=_APP_RAISED, reason=reason), reply_to=message)
        return self._stamp(reply)

    def _context(self, node: int) -> Context:
        """Give the node's context, the same one for the whole run."""
        if node not in self._contexts:
            place: dict[str, Scalar] = {
                "partition-id": node - _FIRST_NODE,
                "num-partitions": self._gateways,
            }
            self._contexts[node] = Context(
                self._run.run_id, node, place, RecordDict(), self._run_config
            )
        return self._contexts[node]
