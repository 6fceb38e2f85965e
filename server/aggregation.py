"""How the updates of a round become weights, as they come or when all are there."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from flwr.app import Message
from flwr.serverapp.strategy import FedAvg, Strategy
from numpy.typing import NDArray

from fednids.detector.architecture import Weights
from fednids.errors import FederationError
from fednids.exchange import Update
from fednids.protocol import read_weights


class Aggregation(Protocol):
    """Takes the updates of one round in a fixed order."""

    def add(self, message: Message, update: Update) -> None:
        """Take an update that was trained on some windows, and the message it came in."""
        ...

    def weights(self, server_round: int) -> Weights:
        """Give the new weights.

        Raises
        ------
        FederationError
            No update came.
        """
        ...


class RunningMean:
    """FedAvg's mean by number of windows, as a sum that needs no list of updates."""

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] | None = None
        self._examples = 0

    def add(self, message: Message, update: Update) -> None:
        """Add an update's weights, as often as it has windows."""
        weighted = np.multiply(update.weights, update.examples, dtype=np.float64)
        self._sum = weighted if self._sum is None else np.add(self._sum, weighted, out=self._sum)
        self._examples += update.examples

    def weights(self, server_round: int) -> Weights:
        """Divide by the number of windows."""
        if self._sum is None:
            raise nobody(server_round)
        return (self._sum / self._examples).astype(np.float32)


class Collection:
    """Keeps all messages for a strategy that must see them at once."""

    def __init__(self, strategy: Strategy):
        self._strategy = strategy
        self._messages: list[Message] = []

    def add(self, message: Message, update: Update) -> None:
        """Keep the message."""
        self._messages.append(message)

    def weights(self, server_round: int) -> Weights:
        """Let the strategy put them together."""
        arrays, _ = self._strategy.aggregate_train(server_round, self._messages)
        if arrays is None or not arrays:
            raise nobody(server_round)
        return read_weights(arrays)


def aggregation(strategy: Strategy) -> Aggregation:
    """Choose the way that needs the least memory.

    A strategy that aggregates just as Flower's FedAvg does, as FedProx, gets a running mean.
    """
    plain = type(strategy).aggregate_train is FedAvg.aggregate_train
    return RunningMean() if plain else Collection(strategy)


def nobody(server_round: int) -> FederationError:
    """Say that no participant of a round had windows to train on."""
    return FederationError(
        f"round {server_round}: expected a participant with training windows, got none; "
        "raise federation.fraction or partition.minimum"
    )
