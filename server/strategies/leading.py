"""How a strategy leads a round: what is sent, what is wanted back, how it is put together.

Messages are written by Flower's strategies; so one of Flower's classes leads as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg

from fednids.config import Config
from fednids.errors import RunError
from fednids.messages.records import Arrays
from fednids.messages.values import Update
from fednids.networks.interface import Architecture, Weights
from fednids.training.initial import opening_weights
from server.aggregation import Aggregation, Collection, Gathering, RunningMean
from server.updates import Rule, ServerOptimiser, State

EVERYBODY = {
    "fraction_train": 1.0,
    "min_train_nodes": 1,
    "min_evaluate_nodes": 1,
    "min_available_nodes": 1,
}
"""A strategy sees only the round's participants, and asks them all."""


class Leading(ABC):
    """What FedAvg does but for putting the updates together: the base of all strategies.

    Parameters
    ----------
    sender : FedAvg, optional
        The strategy of Flower's that writes the messages.

    Attributes
    ----------
    memory : tuple[str, ...]
        Names of what the strategy remembers from round to round; all are zero before round 1.
    state : State
        What it remembers; empty before the first round. Part of the checkpoint.
    extras : tuple[str, ...]
        Names of the arrays that a gateway sends beside its weights, each of their size.
    start_loss : bool
        Whether it needs each gateway's loss before training.
    remembers : bool
        Whether gateways remember something of a round. They then train where the server
        never hears of it as well.
    personal : bool
        Whether each gateway is judged by, and ends with, a detector of its own.
    rooted : bool
        Whether it compares updates with what the server trains on flows of its own.
    """

    memory: tuple[str, ...] = ()
    extras: ClassVar[tuple[str, ...]] = ()
    start_loss: ClassVar[bool] = False
    remembers: ClassVar[bool] = False
    personal: ClassVar[bool] = False
    rooted: ClassVar[bool] = False

    def __init__(self, sender: FedAvg | None = None) -> None:
        self._sender = sender or FedAvg(**EVERYBODY)  # type: ignore[arg-type]
        self.state: State = {}

    def fault(self, participants: int) -> str | None:
        """Say what is wrong with the settings for so many participants; None if nothing is."""
        return None

    def opening(self, architecture: Architecture, config: Config) -> Weights:
        """Give the global weights of the start, ``(G,) float32``; a detector's ``(P,)`` mostly."""
        return opening_weights(architecture, config)

    def reply_size(self, size: int) -> int:
        """Say how many weights an update has, where the global weights are ``size``."""
        return size

    def reference(self, start: Weights, update: Update) -> Weights:
        """Give the weights that an update was trained from, which it may be sent as a change of.

        Raises
        ------
        ValueError
            What the update says of itself cannot be.
        """
        return start

    def trust(self, trained: Weights) -> None:
        """Learn, before a round, what the server trained; only `rooted` strategies are told."""
        raise TypeError(f"{type(self).__name__} compares updates with none of the server's own")

    def story(self) -> Mapping[str, Any]:
        """Tell what ``rounds.jsonl`` is to say of the round that has ended, as JSON."""
        return {}

    def sends(self, size: int) -> Arrays:
        """Give the arrays that go to the participants beside the weights, by name."""
        return {}

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write a message to every node of the Grid."""
        return self._sender.configure_train(server_round, arrays, config, grid)

    @abstractmethod
    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Begin a round from global weights with the partitions that were asked."""


class OfFlower(Leading):
    """One of Flower's strategies, as it is.

    One that puts updates together just as FedAvg does, as FedProx, gets a running mean; any
    other sees them all as messages.

    Parameters
    ----------
    strategy : FedAvg
        It, or a class that is derived from it, as all of Flower's are.
    """

    def __init__(self, strategy: FedAvg):
        super().__init__(strategy)
        self.strategy = strategy

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come, or keep them."""
        plain = type(self.strategy).aggregate_train is FedAvg.aggregate_train
        return RunningMean() if plain else Collection(self.strategy)


class FedAveraged(Leading):
    """Takes FedAvg's mean, whatever the gateways make of it."""

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        return RunningMean()


class Ruled(Leading):
    """Shows all updates of a round to a rule.

    Parameters
    ----------
    rule : Rule
        What makes weights of them.
    """

    def __init__(self, rule: Rule):
        super().__init__()
        self.rule = rule

    def fault(self, participants: int) -> str | None:
        """Let the rule say it."""
        return self.rule.fault(participants)

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Gather the updates in a matrix."""
        return Gathering(self.rule, start, participants)


class Stepping(Leading):
    """Takes FedAvg's mean, and lets a server optimiser make a step towards it.

    Parameters
    ----------
    rule : ServerOptimiser
        What makes the step.
    """

    def __init__(self, rule: ServerOptimiser):
        super().__init__()
        self.rule, self.memory = rule, rule.memory

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        return _Step(self, start)


class _Step:
    """One round of `Stepping`."""

    def __init__(self, strategy: Stepping, start: Weights):
        self._strategy, self._start, self._mean = strategy, start, RunningMean()

    def add(self, update: Update) -> None:
        """Add an update to the mean."""
        self._mean.add(update)

    def weights(self, server_round: int) -> Weights:
        """Make the step; the strategy remembers it."""
        mean = self._mean.weights(server_round).astype(np.float64)
        rule, start = self._strategy.rule, self._start.astype(np.float64)
        state = remembered(self._strategy, len(start))
        with np.errstate(over="ignore", invalid="ignore"):
            moved, self._strategy.state = rule.step(start, mean, state, server_round)
            return moved.astype(np.float32)


def remembered(strategy: Leading, size: int) -> State:
    """Give what a strategy remembers; zeros before the first round."""
    return strategy.state or {name: np.zeros(size) for name in strategy.memory}


def restore(strategy: Leading, state: State, size: int) -> None:
    """Let a strategy remember what stood in a checkpoint.

    Parameters
    ----------
    strategy : Leading
        As `server.strategies.find_strategy` gives it.
    state : State
        Read from the checkpoint.
    size : int
        Number of weights.

    Raises
    ------
    RunError
        The state is not this strategy's, or damaged.
    """
    wanted = strategy.memory
    found = {name: (array.shape, str(array.dtype)) for name, array in state.items()}
    if found != dict.fromkeys(wanted, ((size,), "float64")) or not all(
        np.isfinite(array).all() for array in state.values()
    ):
        raise RunError(
            f"expected a checkpoint with the strategy's state {list(wanted)}, each ({size},) "
            f"float64 and finite, got {found}; start the run again"
        )
    strategy.state = state
