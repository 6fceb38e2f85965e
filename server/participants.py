"""Which node is which client, how clients are ordered, and what they say before round 1."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from flwr.app import Message, MessageType
from flwr.serverapp import Grid
from numpy.typing import NDArray

from fednids import __version__
from fednids.config import Config
from fednids.errors import FederationError
from fednids.messages.card import misfit, run_schema
from fednids.messages.records import query_content, read_statistics
from fednids.messages.values import Statistics
from partitions.arrival import Arrival
from server.replies import error_reason

_WAIT_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_AT_ONCE = 1000

_Joined = tuple[int, Statistics]
"""Flower's node id of a client, and what it sent before round 1."""


class Exchange(Protocol):
    """Sends messages and returns the replies in the order of the messages."""

    def __call__(self, messages: Sequence[Message]) -> Iterable[Message]:
        """Send them."""
        ...


@dataclass(frozen=True)
class ClientList:
    """The clients of a run, by partition id.

    Attributes
    ----------
    nodes : tuple[int, ...]
        Flower's node id of each client; node ids change from run to run, so nothing
        else may depend on them.
    examples : tuple[int, ...]
        Training windows of each.
    names : tuple[str, ...]
        Of the gateways of a deployment; empty in a simulation.
    """

    nodes: tuple[int, ...]
    examples: tuple[int, ...]
    names: tuple[str, ...] = ()

    def windows(self, server_round: int, arrival: Arrival) -> NDArray[np.int64]:
        """Return how many training windows each client is expected to have in a round, ``(K,)``.

        The server knows how many there are in round 1; with ``growing`` flows, as many come
        in every round.
        """
        known = np.array(self.examples, np.int64)
        return known * server_round if arrival == "growing" else known

    def longest_first(self, partition_ids: Iterable[int]) -> list[int]:
        """Return clients ordered by their number of windows, so that workers end together.

        Replies are added in this order as well: it is part of the result.
        """
        return sorted(partition_ids, key=lambda k: (-self.examples[k], k))


def join(grid: Grid, exchange: Exchange, config: Config) -> tuple[ClientList, list[Statistics]]:
    """Wait for the clients of a run, those of a deployment by their names.

    Parameters
    ----------
    grid : Grid
        Lists the nodes.
    exchange : Exchange
        Asks them.
    config : Config
        Settings of the run.

    Returns
    -------
    tuple[ClientList, list[Statistics]]
        The statistics are in the order of partition ids.

    Raises
    ------
    FederationError
        A client did not come or did not answer; a gateway of a deployment does not fit the run,
        is not on the list, or two have the same name.
    """
    if config.deploy.names:
        answers, names = _join_by_name(grid, exchange, config), config.deploy.names
        known = [answers[name] for name in names]
    else:
        known, names = _join_all(grid, exchange, config.partition.gateways), ()
    nodes = tuple(node for node, _ in known)
    statistics = [found for _, found in known]
    examples = tuple(found.moments.count for found in statistics)
    return ClientList(nodes, examples, names), statistics


def _join_all(grid: Grid, exchange: Exchange, clients: int) -> list[_Joined]:
    """Ask as many nodes as there are clients, and learn which client each is."""
    content = query_content()
    answers: dict[int, _Joined] = {}
    reasons = []
    for batch in batches(_wait_for(grid, clients)):
        for reply in exchange([Message(content, node, MessageType.QUERY) for node in batch]):
            if reply.has_error():
                reasons.append(reply.error.reason or "no reason given")
                continue
            statistics = read_statistics(reply.content)
            answers[statistics.partition_id] = (reply.metadata.src_node_id, statistics)
    if sorted(answers) != list(range(clients)):
        missing = sorted(set(range(clients)) - set(answers))
        first = f" ({' '.join(reasons[0].split())})" if reasons else ""
        raise FederationError(
            f"expected statistics from {clients} gateways, got none from {missing[:5]}{first}; "
            "correct these gateways and start again"
        )
    return [answers[partition_id] for partition_id in range(clients)]


def _join_by_name(grid: Grid, exchange: Exchange, config: Config) -> dict[str, _Joined]:
    """Ask every node as it comes, until all names have answered."""
    answers: dict[str, _Joined] = {}
    asked: set[int] = set()
    until = time.monotonic() + config.deploy.wait_seconds
    while True:
        fresh = sorted(set(grid.get_node_ids()) - asked)
        asked.update(fresh)
        for node, statistics in _ask_who(exchange, fresh, config):
            _admit(answers, node, statistics, config)
        missing = [name for name in config.deploy.names if name not in answers]
        if not missing:
            return answers
        if time.monotonic() > until:
            raise FederationError(
                f"expected {len(config.deploy.names)} gateways, got none of the name "
                f"{', '.join(missing)} after {config.deploy.wait_seconds:g} s; start the missing "
                "ones, or raise deploy.wait_seconds"
            )
        time.sleep(_LOOK_SECONDS)


def _ask_who(exchange: Exchange, nodes: Sequence[int], config: Config) -> Iterator[_Joined]:
    """Ask nodes who they are; the first that refuses stops the run."""
    content = query_content(__version__, run_schema(config))
    for reply in exchange([Message(content, node, MessageType.QUERY) for node in nodes]):
        if reply.has_error():
            reason = error_reason(reply.error.reason or "no reason given")
            raise FederationError(
                f"expected statistics from every gateway, got a refusal: {reason[:400]}; "
                "correct this gateway and start again"
            )
        try:
            yield reply.metadata.src_node_id, read_statistics(reply.content)
        except (KeyError, TypeError, ValueError) as error:
            raise FederationError(
                "expected the statistics of this version of fednids, got an answer without "
                f"{error}; install the same version at server and gateways"
            ) from None


def _admit(answers: dict[str, _Joined], node: int, found: Statistics, config: Config) -> None:
    """Add a gateway that is one of the run's and fits it."""
    names, card = config.deploy.names, found.card
    name = card.name if card else "without a name"
    if name not in names:
        raise FederationError(
            f"expected gateways {', '.join(names)}, got gateway {name} as well; add it to "
            "deploy.gateways, or stop it"
        )
    if name in answers:
        raise FederationError(
            f"expected one node for gateway {name}, got two; give one of them another name, or "
            "stop it"
        )
    if fault := misfit(found, config):
        raise FederationError(
            f"gateway {name}: {fault}; install the same version of fednids there as at the server"
        )
    answers[name] = node, found


def batches(clients: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut what all clients are asked into parts, so that few messages exist at a time."""
    for start in range(0, len(clients), _AT_ONCE):
        yield clients[start : start + _AT_ONCE]


def _wait_for(grid: Grid, clients: int) -> list[int]:
    started = time.monotonic()
    while True:
        nodes = sorted(grid.get_node_ids())
        if len(nodes) >= clients:
            return nodes[:clients]
        if time.monotonic() - started > _WAIT_SECONDS:
            raise FederationError(
                f"expected {clients} gateways, got {len(nodes)} after {_WAIT_SECONDS:.0f} s; "
                "start the missing ones or lower partition.gateways"
            )
        time.sleep(_LOOK_SECONDS)
