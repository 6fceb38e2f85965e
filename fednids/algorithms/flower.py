"""One of Flower's strategies as an algorithm, as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from flwr.app import Message, MessageType
from flwr.serverapp.strategy import FedAvg as FlowerFedAvg

from fednids.algorithms.interface import (
    Aggregate,
    Aggregation,
    Algorithm,
    Arrays,
    Client,
    RoundStart,
)
from fednids.messages.records import read_weights, update_content
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Objective, Proximal

_SERVER = 1
"""Flower's number of the node that the replies go to."""


class FlowerStrategy(Algorithm):
    """Puts updates together with a strategy of Flower's, which sees them as messages.

    Its ``aggregate_train`` is called with all updates of a round. Who takes part and how messages
    are written is decided by fednids. Where the strategy has a ``proximal_mu``, as Flower's FedProx
    has, clients train with it.
    """

    make: ClassVar[Callable[[], FlowerFedAvg]]
    """Makes the strategy; called once for each process."""

    def begin(self, start: RoundStart) -> Aggregation:
        """Return what collects the updates as messages."""
        return _Messages(self._strategy, start)

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train, with the strategy's proximal term where it has one."""
        mu = getattr(self._strategy, "proximal_mu", 0.0)
        return client.fit(weights, Objective((Proximal(mu),) if mu else ())).update

    @property
    def _strategy(self) -> FlowerFedAvg:
        if "_made" not in vars(self):
            self._made = type(self).make()
        return self._made


class _Messages:
    def __init__(self, strategy: FlowerFedAvg, start: RoundStart):
        self._strategy, self._start = strategy, start
        self._messages: list[Message] = []

    def add(self, update: Update) -> None:
        content = update_content(update)
        self._messages.append(Message(content, _SERVER, MessageType.TRAIN))

    def finish(self) -> Aggregate:
        arrays, _ = self._strategy.aggregate_train(self._start.server_round, self._messages)
        assert arrays
        return Aggregate(read_weights(arrays), self._start.state)


def flower_algorithm(make: Callable[[], FlowerFedAvg]) -> type[Algorithm]:
    """Return an algorithm that uses one of Flower's strategies.

    Parameters
    ----------
    make : Callable
        Makes the strategy: ``lambda: FedMedian()`` or the class itself.
    """
    return type("FlowerStrategy", (FlowerStrategy,), {"make": staticmethod(make)})
