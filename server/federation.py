"""The rounds: the algorithm of federated learning, readable from top to bottom."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from flwr.app import Message, MessageType
from flwr.serverapp import Grid

from fednids.config import Config
from fednids.detector.architecture import Weights
from fednids.errors import FederationError
from fednids.exchange import Evaluation, Task, Update
from fednids.opening import opening_architecture, opening_task, opening_weights
from fednids.protocol import (
    content_bytes,
    read_weights,
    task_config,
    task_content,
    weights_record,
)
from fednids.runs.folder import Checkpoint
from fednids.runs.records import Observer, Outcome, Round
from server.replies import Checked, check_evaluations, check_updates, demand
from server.roster import ParticipantsGrid, Roster, call_roll
from server.strategies import find_strategy


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
    """

    def __init__(self, grid: Grid, config: Config, observers: Sequence[Observer] = ()):
        self._grid, self._config, self._observers = grid, config, observers
        self._strategy = find_strategy(config.federation)

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
        """
        config = self._config
        roster = call_roll(self._grid, config.partition.gateways)
        task = replace(opening_task(roster.statistics, config), proximal_mu=_mu(config))
        architecture = opening_architecture(task, config)
        done, weights = 0, opening_weights(architecture, config)
        if resumed and resumed.weights:
            done, weights = resumed.server_round, resumed.weights[0]
        ended = None
        for number in range(done + 1, config.federation.rounds + 1):
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
        replies = list(self._grid.send_and_receive(list(sent.values())))
        updates = check_updates(replies, sent, len(weights))
        demand(updates, len(sent), settings.max_failures, number)
        weights = self._aggregate(number, updates)
        trained = time.perf_counter()
        asked, evaluations = self._evaluate(roster, weights, task)
        ended = time.perf_counter()
        return weights, Round(
            number,
            [replace(update, weights=weights[:0]) for update in updates.answers],
            evaluations.answers,
            [*updates.failures, *evaluations.failures],
            trained - started,
            ended - trained,
            _bytes(sent) + _bytes(asked),
            sum(content_bytes(m.content) for m in [*updates.messages, *evaluations.messages]),
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

    def _aggregate(self, number: int, updates: Checked[Update]) -> Weights:
        """Let the strategy put the updates of gateways with windows together."""
        pairs = zip(updates.messages, updates.answers, strict=True)
        messages = [message for message, update in pairs if update.examples]
        arrays, _ = self._strategy.aggregate_train(number, messages)
        if arrays is None or not arrays:
            raise FederationError(
                f"round {number}: expected a participant with training windows, got none; "
                "raise federation.fraction or partition.minimum"
            )
        return read_weights(arrays)

    def _evaluate(
        self, roster: Roster, weights: Weights, task: Task
    ) -> tuple[Mapping[int, Message], Checked[Evaluation]]:
        """Let every gateway score the weights on its own test flows."""
        content = task_content(weights, task)
        asked = {
            k: Message(content, node, MessageType.EVALUATE, group_id=str(task.server_round))
            for k, node in enumerate(roster.nodes)
        }
        replies = self._grid.send_and_receive(list(asked.values()))
        evaluations = check_evaluations(replies, asked, len(task.class_weights))
        demand(evaluations, len(asked), self._config.federation.max_failures, task.server_round)
        return asked, evaluations


def _mu(config: Config) -> float:
    """Give FedProx's mu; no other strategy pulls."""
    settings = config.federation
    return settings.proximal_mu if settings.strategy == "fedprox" else 0.0


def _bytes(messages: Mapping[int, Message]) -> int:
    return sum(content_bytes(message.content) for message in messages.values())
