"""The rounds: the algorithm of federated learning, readable from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import cast

from flwr.app import Message, MessageType
from flwr.serverapp import Grid

from fednids.config import Config
from fednids.detector.architecture import Weights
from fednids.exchange import Evaluation, Task, Update
from fednids.opening import opening_architecture, opening_task, opening_weights
from fednids.protocol import (
    content_bytes,
    task_config,
    task_content,
    weights_record,
)
from fednids.runs.folder import Checkpoint
from fednids.runs.records import Observer, Outcome, Round
from server.aggregation import aggregation, finite
from server.inbox import Inbox, evaluation_reader, update_reader
from server.roster import ParticipantsGrid, Roster, batches, call_roll, replies_in_order
from server.strategies import find_strategy
from server.strategies.leading import restore, state_of


class Federation:
    """One federated run on one Grid.

    Parameters
    ----------
    grid : Grid
        The way to the gateways, on any engine.
    config : Config
        Settings of the run.
    observers : Sequence[Observer]
        Told of each round.

    Raises
    ------
    ConfigError
        There is no such strategy, or it needs more participants.
    """

    def __init__(self, grid: Grid, config: Config, observers: Sequence[Observer] = ()):
        self._grid, self._config, self._observers = grid, config, observers
        self._strategy = find_strategy(config.federation, config.partition.gateways)

    def run(self, resumed: Checkpoint | None = None) -> Outcome:
        """Fit the scaler, then lead all rounds.

        Parameters
        ----------
        resumed : Checkpoint, optional
            Where to go on; from the start without.

        Raises
        ------
        FederationError
            Too few gateways answered, or too few answers were usable.
        RunError
            What the strategy remembered is missing in the checkpoint, or damaged.
        """
        config = self._config
        roster, statistics = call_roll(self._grid, config.partition.gateways)
        task = replace(opening_task(statistics, config), proximal_mu=_mu(config))
        del statistics
        architecture = opening_architecture(task, config)
        done, weights = 0, opening_weights(architecture, config)
        if resumed and resumed.weights:
            done, weights = resumed.server_round, resumed.weights[0]
            restore(self._strategy, resumed.state, len(weights))
        ended = None
        for number in range(done + 1, config.federation.rounds + 1):
            ended = None  # its counts are many; never hold those of two rounds
            weights, ended = self._round(roster, weights, replace(task, server_round=number))
            for observer in self._observers:
                observer.round_ended(ended, [weights])
        return Outcome(architecture, [task], [weights], ended)

    def _round(self, roster: Roster, weights: Weights, task: Task) -> tuple[Weights, Round]:
        """One round: choose, train, check, aggregate, evaluate."""
        number, settings = task.server_round, self._config.federation
        started = time.perf_counter()
        chosen = roster.participants(settings.fraction, self._config.run.seed, number)
        sent = self._train_messages(roster, chosen, weights, task)
        training = Inbox("train", update_reader(len(weights)))
        aggregated, updates = aggregation(self._strategy, weights, chosen), list[Update]()
        for reply, update in training.usable(sent, replies_in_order(self._grid, sent)):
            updates.append(replace(update, weights=weights[:0]))
            if update.examples:
                aggregated.add(reply, update)
        training.demand(settings.max_failures, number)
        weights = finite(aggregated.weights(number), number)
        trained = time.perf_counter()
        scoring = Inbox("evaluate", evaluation_reader(len(task.class_weights)))
        evaluations, asking = list[Evaluation](), 0
        for asked in self._evaluate_messages(roster, weights, task):
            asking += _bytes(asked)
            replies = replies_in_order(self._grid, asked)
            evaluations += [evaluation for _, evaluation in scoring.usable(asked, replies)]
        scoring.demand(settings.max_failures, number)
        ended = time.perf_counter()
        return weights, Round(
            number,
            sorted(updates, key=attrgetter("partition_id")),
            sorted(evaluations, key=attrgetter("partition_id")),
            [*training.failures, *scoring.failures],
            trained - started,
            ended - trained,
            _bytes(sent) + asking,
            training.received + scoring.received,
            state_of(self._strategy),
        )

    def _train_messages(
        self, roster: Roster, chosen: list[int], weights: Weights, task: Task
    ) -> dict[int, Message]:
        """Let the strategy write the messages to the chosen gateways, by partition id."""
        nodes = [roster.nodes[partition_id] for partition_id in chosen]
        messages = self._strategy.configure_train(
            task.server_round,
            weights_record(weights),
            task_config(task),
            cast(Grid, ParticipantsGrid(nodes)),
        )
        by_node = {message.metadata.dst_node_id: message for message in messages}
        return {k: by_node[node] for k, node in zip(chosen, nodes, strict=True)}

    def _evaluate_messages(
        self, roster: Roster, weights: Weights, task: Task
    ) -> Iterator[dict[int, Message]]:
        """Ask every gateway, batch after batch, to score the weights on its own test flows."""
        content, number = task_content(weights, task), str(task.server_round)
        for batch in batches(roster.longest_first(range(len(roster.nodes)))):
            yield {
                k: Message(content, roster.nodes[k], MessageType.EVALUATE, group_id=number)
                for k in batch
            }


def _mu(config: Config) -> float:
    """Give FedProx's mu; no other strategy pulls."""
    settings = config.federation
    return settings.proximal_mu if settings.strategy == "fedprox" else 0.0


def _bytes(messages: Mapping[int, Message]) -> int:
    return sum(content_bytes(message.content) for message in messages.values())
