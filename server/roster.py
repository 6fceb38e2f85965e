"""Which node is which gateway, and how gateways are asked."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from flwr.app import Message, MessageType
from flwr.serverapp import Grid
from numpy.typing import NDArray

from fednids.errors import FederationError
from fednids.messages.records import query_content, read_statistics
from fednids.messages.values import Statistics
from fednids.simulation.engines import LocalGrid
from partitions.arrival import Arrival

_WAIT_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_AT_ONCE = 1000


@dataclass(frozen=True)
class Roster:
    """The gateways of a run, by partition id.

    Attributes
    ----------
    nodes : tuple[int, ...]
        Flower's node id of each partition; node ids change from run to run, so nothing
        else may depend on them.
    examples : tuple[int, ...]
        Training windows of each partition.
    names : tuple[str, ...]
        Of the gateways; empty in a simulation.
    """

    nodes: tuple[int, ...]
    examples: tuple[int, ...]
    names: tuple[str, ...] = ()

    def windows(self, server_round: int, arrival: Arrival) -> NDArray[np.int64]:
        """Give how many training windows each gateway is expected to have in a round, ``(K,)``.

        The server knows how many there are in round 1; with ``growing`` flows, as many come
        in every round.
        """
        known = np.array(self.examples, np.int64)
        return known * server_round if arrival == "growing" else known

    def longest_first(self, partition_ids: Iterable[int]) -> list[int]:
        """Order gateways by their number of windows, so that workers end together.

        Replies are added in this order as well: it is part of the result.
        """
        return sorted(partition_ids, key=lambda k: (-self.examples[k], k))


class ParticipantsGrid:
    """A Grid in which only the round's participants exist, for Flower's strategies.

    They draw nodes with Python's global generator from whatever the Grid lists; listing the
    participants alone leaves nothing to draw.
    """

    def __init__(self, nodes: Sequence[int]):
        self._nodes = list(nodes)

    def get_node_ids(self) -> Iterable[int]:
        """Give the participants' nodes."""
        return self._nodes


def call_roll(grid: Grid, gateways: int) -> tuple[Roster, list[Statistics]]:
    """Wait for all gateways, ask each for its statistics, and learn which node it is.

    Returns
    -------
    tuple[Roster, list[Statistics]]
        The statistics are in the order of partition ids.

    Raises
    ------
    FederationError
        Not all gateways came or answered.
    """
    content = query_content()
    answers: dict[int, tuple[int, Statistics]] = {}
    reasons = []
    for batch in batches(_wait_for(grid, gateways)):
        asked = {node: Message(content, node, MessageType.QUERY) for node in batch}
        for reply in replies_in_order(grid, asked):
            if reply.has_error():
                reasons.append(reply.error.reason or "no reason given")
                continue
            statistics = read_statistics(reply.content)
            answers[statistics.partition_id] = (reply.metadata.src_node_id, statistics)
    if sorted(answers) != list(range(gateways)):
        missing = sorted(set(range(gateways)) - set(answers))
        raise FederationError(_unanswered(gateways, missing, reasons))
    known = [answers[partition_id] for partition_id in range(gateways)]
    examples = tuple(found.moments.count for _, found in known)
    return Roster(tuple(node for node, _ in known), examples), [found for _, found in known]


def batches(gateways: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut what all gateways are asked into parts, so that few messages exist at a time."""
    for start in range(0, len(gateways), _AT_ONCE):
        yield gateways[start : start + _AT_ONCE]


def replies_in_order(grid: Grid, sent: Mapping[int, Message]) -> Iterator[Message]:
    """Send messages; give the replies in the order of the messages, on our engines as they come."""
    messages = list(sent.values())
    if isinstance(grid, LocalGrid):
        yield from grid.stream(messages)
        return
    replies = list(grid.send_and_receive(messages))
    places = {message.metadata.message_id: place for place, message in enumerate(messages)}
    yield from sorted(
        replies, key=lambda r: places.get(r.metadata.reply_to_message_id, len(places))
    )


def _wait_for(grid: Grid, gateways: int) -> list[int]:
    started = time.monotonic()
    while True:
        nodes = sorted(grid.get_node_ids())
        if len(nodes) >= gateways:
            return nodes[:gateways]
        if time.monotonic() - started > _WAIT_SECONDS:
            raise FederationError(
                f"expected {gateways} gateways, got {len(nodes)} after {_WAIT_SECONDS:.0f} s; "
                "start the missing ones or lower partition.gateways"
            )
        time.sleep(_LOOK_SECONDS)


def _unanswered(gateways: int, missing: list[int], reasons: list[str]) -> str:
    first = f" ({reasons[0]})" if reasons else ""
    return (
        f"expected statistics from {gateways} gateways, got none from {missing[:5]}{first}; "
        "mend these gateways and start again"
    ).replace("\n", " ")
