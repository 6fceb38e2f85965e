"""The other half of a round: every gateway scores the new weights on its own test flows."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from flwr.app import Message, MessageType
from flwr.serverapp import Grid

from fednids.messages.records import task_content
from fednids.messages.values import Evaluation, Task
from fednids.networks.interface import Weights
from server.inbox import Inbox, evaluation_reader
from server.phase import Phase, message_bytes
from server.riding import Riders
from server.roster import Roster, batches, replies_in_order
from server.wire import ServerWire


class Scoring:
    """Leads the evaluation of all rounds of a run.

    Parameters
    ----------
    grid : Grid
        The way to the gateways.
    wire : ServerWire
        How weights are sent.
    max_failures : float
        Share of the gateways that may fail before the run stops.
    """

    def __init__(self, grid: Grid, wire: ServerWire, max_failures: float):
        self._grid, self._wire, self._max_failures = grid, wire, max_failures

    def score(
        self, roster: Roster, weights: Weights, task: Task, riders: Riders
    ) -> Phase[Evaluation]:
        """Let every gateway score weights, whoever is there: this is how we measure.

        Parameters
        ----------
        roster : Roster
            Who is who.
        weights : ndarray
            ``(G,) float32`` global weights.
        task : Task
            Of the round that they come from.
        riders : Riders
            Evaluations that are here; the others are asked for.

        Raises
        ------
        FederationError
            Too few answers were usable.
        """
        inbox = Inbox("evaluate", evaluation_reader(len(task.class_weights)), roster.names)
        evaluations, asking = list[Evaluation](), 0
        evaluations += inbox.usable(riders.sent, riders.replies)
        for asked in self._messages(roster, weights, task, riders):
            asking += message_bytes(asked)
            evaluations += inbox.usable(asked, replies_in_order(self._grid, asked))
        inbox.demand(self._max_failures, task.server_round)
        evaluations.sort(key=attrgetter("partition_id"))
        return Phase(evaluations, inbox.failures, asking, inbox.received)

    def _messages(
        self, roster: Roster, weights: Weights, task: Task, riders: Riders
    ) -> Iterator[dict[int, Message]]:
        """Ask the other gateways, batch after batch, to score the weights on their test flows."""
        left = [k for k in roster.longest_first(range(len(roster.nodes))) if k not in riders.sent]
        if not left:
            return
        packed, _ = self._wire.pack(weights, task.server_round)
        content, number = task_content(packed, task), str(task.server_round)
        for batch in batches(left):
            yield {
                k: Message(content, roster.nodes[k], MessageType.EVALUATE, group_id=number)
                for k in batch
            }
