"""Strategies of ours: they send what Flower's FedAvg sends, and aggregate by a rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Message
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg

from fednids.detector.architecture import Weights
from fednids.errors import RunError
from fednids.exchange import Update
from server.aggregation import Aggregation, Gathering, RunningMean
from server.updates import Rule, ServerOptimiser, State

EVERYBODY = {
    "fraction_train": 1.0,
    "min_train_nodes": 1,
    "min_evaluate_nodes": 1,
    "min_available_nodes": 1,
}
"""A strategy sees only the round's participants, and asks them all."""


class _Sender:
    """Sends the global weights to everybody."""

    def __init__(self) -> None:
        self._sender = FedAvg(**EVERYBODY)  # type: ignore[arg-type]

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Write a message to every node of the Grid."""
        return self._sender.configure_train(server_round, arrays, config, grid)


class Ruled(_Sender):
    """Shows all updates of a round to a rule.

    Parameters
    ----------
    rule : Rule
        What makes weights of them.
    """

    def __init__(self, rule: Rule):
        super().__init__()
        self.rule = rule

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Gather the updates in a matrix."""
        return Gathering(self.rule, start, participants)


class Stepping(_Sender):
    """Takes FedAvg's mean, and lets a server optimiser make a step towards it.

    Parameters
    ----------
    rule : ServerOptimiser
        What makes the step.

    Attributes
    ----------
    state : State
        What the optimiser remembers; empty before the first round. Part of the checkpoint.
    """

    def __init__(self, rule: ServerOptimiser):
        super().__init__()
        self.rule = rule
        self.state: State = {}

    def open(self, start: Weights, participants: Sequence[int]) -> Aggregation:
        """Add the updates as they come."""
        return _Step(self, start)


class _Step:
    """One round of `Stepping`."""

    def __init__(self, strategy: Stepping, start: Weights):
        self._strategy, self._start, self._mean = strategy, start, RunningMean()

    def add(self, message: Message, update: Update) -> None:
        """Add an update to the mean."""
        self._mean.add(message, update)

    def weights(self, server_round: int) -> Weights:
        """Make the step; the strategy remembers it."""
        mean = self._mean.weights(server_round).astype(np.float64)
        rule, start = self._strategy.rule, self._start.astype(np.float64)
        state = self._strategy.state or {name: np.zeros(len(start)) for name in rule.memory}
        with np.errstate(over="ignore", invalid="ignore"):
            moved, self._strategy.state = rule.step(start, mean, state, server_round)
            return moved.astype(np.float32)


def state_of(strategy: object) -> State:
    """Give what a strategy remembers, for the checkpoint; most remember nothing."""
    return strategy.state if isinstance(strategy, Stepping) else {}


def restore(strategy: object, state: State, size: int) -> None:
    """Let a strategy remember what stood in a checkpoint.

    Parameters
    ----------
    strategy : object
        As `server.strategies.find_strategy` gives it.
    state : State
        Read from the checkpoint.
    size : int
        Number of weights (P).

    Raises
    ------
    RunError
        The state is not this strategy's, or damaged.
    """
    wanted = strategy.rule.memory if isinstance(strategy, Stepping) else ()
    found = {name: (array.shape, str(array.dtype)) for name, array in state.items()}
    if found != dict.fromkeys(wanted, ((size,), "float64")) or not all(
        np.isfinite(array).all() for array in state.values()
    ):
        raise RunError(
            f"expected a checkpoint with the strategy's state {list(wanted)}, each ({size},) "
            f"float64 and finite, got {found}; start the run again"
        )
    if isinstance(strategy, Stepping):
        strategy.state = state
