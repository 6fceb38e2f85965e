"""How the updates of a round become weights, as they come or when all are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from flwr.app import ArrayRecord, Message, MessageType, MetricRecord
from numpy.typing import NDArray

from fednids.errors import FederationError
from fednids.messages.records import read_weights, update_content
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from server.updates import Rule, Updates

_SERVER = 1
"""Flower's number of the node that the replies go to."""


class Aggregation(Protocol):
    """Takes the updates of one round."""

    def add(self, update: Update) -> None:
        """Take an update that was trained on some windows."""
        ...

    def weights(self, server_round: int) -> Weights:
        """Give the new weights.

        Raises
        ------
        FederationError
            No update came, or too few for the strategy.
        """
        ...


class Aggregating(Protocol):
    """One of Flower's strategies, as far as it puts updates together."""

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Make weights of all replies."""
        ...


class RunningMean:
    """FedAvg's mean by number of windows, as a sum that needs no list of updates."""

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] | None = None
        self._examples = 0

    def add(self, update: Update) -> None:
        """Add an update's weights, as often as it has windows."""
        weighted = np.multiply(update.weights, update.examples, dtype=np.float64)
        self._sum = weighted if self._sum is None else np.add(self._sum, weighted, out=self._sum)
        self._examples += update.examples

    def weights(self, server_round: int) -> Weights:
        """Divide by the number of windows."""
        if self._sum is None:
            raise nobody(server_round)
        return (self._sum / self._examples).astype(np.float32)


class Gathering:
    """Puts updates into the rows of a matrix for a rule that must see all at once.

    Rows are in the order of partition ids, so the order in which updates come changes no bit.

    Parameters
    ----------
    rule : Rule
        What makes weights of the matrix.
    start : ndarray
        ``(P,) float32`` global weights.
    participants : Sequence[int]
        Partition ids of those who were asked.
    """

    def __init__(self, rule: Rule, start: Weights, participants: Sequence[int]):
        self._rule, self._start = rule, start
        self._rows = {k: row for row, k in enumerate(sorted(participants))}
        self._matrix = np.empty((len(self._rows), len(start)), np.float32)
        self._examples = np.zeros(len(self._rows), np.int64)

    def add(self, update: Update) -> None:
        """Copy an update into its row."""
        row = self._rows[update.partition_id]
        self._matrix[row], self._examples[row] = update.weights, update.examples

    def weights(self, server_round: int) -> Weights:
        """Apply the rule to the rows that came."""
        came = np.flatnonzero(self._examples)
        if not len(came):
            raise nobody(server_round)
        fault = self._rule.fault(len(came))
        if fault:
            raise FederationError(
                f"round {server_round}: expected {fault}, from the gateways that answered with "
                "windows; mend the others, or change the setting"
            )
        matrix = self._matrix if len(came) == len(self._matrix) else self._matrix[came]
        updates = Updates(self._start, matrix, self._examples[came])
        with np.errstate(over="ignore"):
            return self._rule.combine(updates).astype(np.float32)


class Collection:
    """Keeps all updates as messages, for a strategy of Flower's that must see them at once."""

    def __init__(self, strategy: Aggregating):
        self._strategy = strategy
        self._messages: list[Message] = []

    def add(self, update: Update) -> None:
        """Write it as the message that a gateway would send without any encoding."""
        content = update_content(update)
        self._messages.append(Message(content, _SERVER, MessageType.TRAIN))

    def weights(self, server_round: int) -> Weights:
        """Let the strategy put them together."""
        arrays, _ = self._strategy.aggregate_train(server_round, self._messages)
        if arrays is None or not arrays:
            raise nobody(server_round)
        return read_weights(arrays)


def finite(weights: Weights, server_round: int) -> Weights:
    """Give new weights on, if they are usable.

    Raises
    ------
    FederationError
        They hold NaN or infinity: sums of usable updates, or steps that were too large.
    """
    if np.isfinite(weights).all():
        return weights
    raise FederationError(
        f"round {server_round}: expected finite weights after aggregation, got NaN or infinity; "
        "lower the strategy's learning rate, or train.learning_rate"
    )


def nobody(server_round: int) -> FederationError:
    """Say that no participant of a round had windows to train on."""
    return FederationError(
        f"round {server_round}: expected a participant with training windows, got none; "
        "raise federation.fraction or partition.minimum"
    )
