"""The training half of a round: send, check what comes, aggregate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import cast

import numpy as np
from flwr.app import Message
from flwr.serverapp import Grid

from fednids.config import Config
from fednids.messages.records import Arrays, arrays_record, task_config
from fednids.messages.values import Task, Update
from fednids.networks.interface import Weights
from fednids.simulation import ClientOutcome, Environment, RoundOutcomes
from fednids.simulation.adversaries.malicious import MaliciousClients
from fednids.simulation.outcomes import UNRECEIVED
from server.adversary import Adversary
from server.aggregation import finite
from server.inbox import Inbox, Wanted, update_reader
from server.phase import Phase, message_bytes
from server.riding import Riders
from server.roster import ParticipantsGrid, Roster, replies_in_order
from server.strategies.leading import Leading
from server.wire import ServerWire

Root = Callable[[Weights, Task], Weights]
"""Trains weights on clean flows that the server has, as gateways train on theirs."""


class Training:
    """Leads the training of all rounds of a run.

    Parameters
    ----------
    grid : Grid
        The way to the gateways.
    config : Config
        Settings of the run.
    strategy : Leading
        How updates are aggregated.
    wire : ServerWire
        How weights are sent.
    root : Root, optional
        For a strategy that compares updates with the server's own.

    Raises
    ------
    ConfigError
        There is no such attack, or the trace of who is there is not as it must be.
    """

    def __init__(
        self, grid: Grid, config: Config, strategy: Leading, wire: ServerWire, root: Root | None
    ):
        self._grid, self._config = grid, config
        self._strategy, self._wire, self._root = strategy, wire, root
        self._world = Environment(config)
        self._liars = MaliciousClients.of(config, config.partition.gateways)

    def fates(self, roster: Roster, task: Task) -> RoundOutcomes:
        """Choose the gateways of a round, and settle what becomes of them."""
        number = task.server_round
        windows = roster.windows(number, self._config.partition.arrival)
        work = self._world.work(task.bytes_down, task.bytes_up)
        return self._world.outcomes(number, self._world.sample(number), windows, work)

    def train(
        self, roster: Roster, weights: Weights, task: Task, fates: RoundOutcomes, riders: Riders
    ) -> tuple[Weights, Phase[Update]]:
        """Let gateways train, check what they send, aggregate what counts.

        Parameters
        ----------
        roster : Roster
            Who is who.
        weights : ndarray
            ``(G,) float32`` global weights.
        task : Task
            Of this round.
        fates : RoundOutcomes
            Who is asked, and whose update counts.
        riders : Riders
            Takes the evaluations that come with updates.

        Returns
        -------
        tuple
            New weights, or in a round that is called off the old ones; and what came.

        Raises
        ------
        FederationError
            Too few answers were usable.
        """
        number = task.server_round
        packed, start = self._wire.pack(weights, number - 1)
        messages = self._messages(roster, fates.sampled.tolist(), packed, task)
        asked, late = message_bytes(messages), task.bytes_up * len(fates.of(ClientOutcome.LATE))
        counting = roster.longest_first(fates.aggregated)
        if self._called_off(roster, counting, task):
            return weights, Phase([], [], asked, late)
        sent = {k: messages[k] for k in counting}
        if self._strategy.rooted and self._root:
            self._strategy.trust(self._root(start, task))
        inbox = Inbox("train", update_reader(self._wanted(start)), roster.names)
        aggregated, updates = self._strategy.open(start, counting), list[Update]()
        replies = replies_in_order(self._grid, sent)
        if task.score_first:
            replies = riders.part(sent, replies)
        usable = inbox.usable(sent, replies)
        started_from = partial(self._strategy.reference, start)
        for update in Adversary(self._liars).corrupt(usable, started_from, number):
            if reason := self._too_far(update, started_from):
                inbox.refuse(update.partition_id, reason)
                continue
            updates.append(replace(update, weights=weights[:0], extras={}))
            if update.examples:
                aggregated.add(update)
        inbox.demand(self._config.federation.max_failures, number)
        moved = aggregated.weights(number)
        weights = finite(moved if start is weights else weights + (moved - start), number)
        self._train_in_vain({k: messages[k] for k in fates.of(*UNRECEIVED)})
        updates.sort(key=attrgetter("partition_id"))
        return weights, Phase(updates, inbox.failures, asked, inbox.received + late)

    def _too_far(self, update: Update, started_from: Callable[[Update], Weights]) -> str | None:
        """Say what is wrong with an update that changes the weights by more than is allowed."""
        bound = self._config.federation.norm_bound
        if not bound or not update.examples:
            return None
        length = float(np.linalg.norm(update.weights - started_from(update)))
        if length <= bound:
            return None
        return f"expected a change of at most {bound:g} (federation.norm_bound), got {length:.4g}"

    def lied(self, updates: Sequence[Update], number: int) -> tuple[int, ...] | None:
        """Name who lied in a round; None without an attack."""
        if self._config.attack.kind == "none":
            return None
        came = {update.partition_id for update in updates}
        return tuple(k for k in self._liars.attackers(number) if k in came)

    def _called_off(self, roster: Roster, counting: Sequence[int], task: Task) -> bool:
        """Tell whether too few are left of those who were chosen; the world is to blame."""
        if not self._world.eventful:
            return False
        trained = sum(roster.examples[k] > 0 for k in counting)
        return not trained or self._strategy.fault(trained) is not None

    def _train_in_vain(self, messages: Mapping[int, Message]) -> None:
        """Let those train who remember what they do, though the server never hears of it."""
        if self._strategy.remembers or self._strategy.personal or self._wire.feedback:
            for _ in replies_in_order(self._grid, messages):
                pass

    def _wanted(self, start: Weights) -> Wanted:
        """Say what an update must bring, where training starts from some weights."""
        strategy, wire = self._strategy, self._wire

        def decode(update: Update, sent: Arrays) -> Weights:
            return wire.unpack(strategy.reference(start, update), sent)

        size = strategy.reply_size(len(start))
        return Wanted(size, strategy.extras, strategy.start_loss, decode)

    def _messages(
        self, roster: Roster, chosen: Sequence[int], packed: Arrays, task: Task
    ) -> dict[int, Message]:
        """Let the strategy write the messages to the chosen gateways, by partition id."""
        if not chosen:
            return {}
        nodes = [roster.nodes[partition_id] for partition_id in chosen]
        messages = self._strategy.configure_train(
            task.server_round,
            arrays_record({**packed, **self._strategy.sends(task.size)}),
            task_config(task),
            cast(Grid, ParticipantsGrid(nodes)),
        )
        by_node = {message.metadata.dst_node_id: message for message in messages}
        return {k: by_node[node] for k, node in zip(chosen, nodes, strict=True)}
