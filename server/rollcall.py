"""How the gateways of a deployment come together: by name, and checked against the run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from flwr.app import Message, MessageType
from flwr.serverapp import Grid

from fednids import __version__
from fednids.config import Config
from fednids.errors import FederationError
from fednids.messages.card import misfit, run_schema
from fednids.messages.records import query_content, read_statistics
from fednids.messages.values import Statistics
from server.reasons import told_reason
from server.roster import Roster, call_roll, replies_in_order

_LOOK_SECONDS = 0.5
_Answers = dict[str, tuple[int, Statistics]]


def gather(grid: Grid, config: Config) -> tuple[Roster, list[Statistics]]:
    """Call the gateways of a run together, those of a deployment by their names.

    Returns
    -------
    tuple[Roster, list[Statistics]]
        The statistics are in the order of partition ids.

    Raises
    ------
    FederationError
        A gateway did not come, refused, does not fit the run or is not on the list, or two
        have the same name.
    """
    names = config.deploy.names
    if not names:
        return call_roll(grid, config.partition.gateways)
    answers = _wait_for_all(grid, config)
    known = [answers[name] for name in names]
    examples = tuple(found.moments.count for _, found in known)
    roster = Roster(tuple(node for node, _ in known), examples, names)
    return roster, [found for _, found in known]


def _wait_for_all(grid: Grid, config: Config) -> _Answers:
    """Ask every node as it comes, until all names have answered."""
    answers: _Answers = {}
    asked: set[int] = set()
    until = time.monotonic() + config.deploy.wait_seconds
    while True:
        fresh = sorted(set(grid.get_node_ids()) - asked)
        asked.update(fresh)
        for node, statistics in _ask(grid, fresh, config):
            _admit(answers, node, statistics, config)
        missing = [name for name in config.deploy.names if name not in answers]
        if not missing:
            return answers
        if time.monotonic() > until:
            raise FederationError(_missing(missing, config))
        time.sleep(_LOOK_SECONDS)


def _ask(grid: Grid, nodes: Sequence[int], config: Config) -> list[tuple[int, Statistics]]:
    """Ask nodes who they are; the first that refuses stops the run."""
    if not nodes:
        return []
    content = query_content(__version__, run_schema(config))
    sent: Mapping[int, Message] = {n: Message(content, n, MessageType.QUERY) for n in nodes}
    found = []
    for reply in replies_in_order(grid, sent):
        if reply.has_error():
            reason = told_reason(reply.error.reason or "no reason given")
            raise FederationError(
                f"expected statistics from every gateway, got a refusal: {reason[:400]}; mend this "
                "gateway and start again"
            )
        try:
            found.append((reply.metadata.src_node_id, read_statistics(reply.content)))
        except (KeyError, TypeError, ValueError) as error:
            raise FederationError(
                "expected the statistics of this version of fednids, got an answer without "
                f"{error}; install the same version at server and gateways"
            ) from None
    return found


def _admit(answers: _Answers, node: int, told: Statistics, config: Config) -> None:
    """Put a gateway on the list, if it is one of the run and fits it."""
    names, card = config.deploy.names, told.card
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
    fault = misfit(told, config)
    if fault:
        raise FederationError(
            f"gateway {name}: {fault}; install the same version of fednids there as at the server"
        )
    answers[name] = node, told


def _missing(missing: Sequence[str], config: Config) -> str:
    count, seconds = len(config.deploy.names), config.deploy.wait_seconds
    return (
        f"expected {count} gateways, got none of the name {', '.join(missing)} after "
        f"{seconds:g} s; start the missing ones, or raise deploy.wait_seconds"
    )
