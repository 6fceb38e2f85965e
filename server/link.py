"""The way to the clients: an engine on this machine, or Flower's network (`server.network`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from flwr.app import Message

from fednids.config import Config
from fednids.messages.values import Statistics
from fednids.simulation.engines import LocalGrid
from server.participants import ClientList, join


@dataclass(frozen=True)
class Early:
    """Evaluations of a round that came before they were asked for.

    Attributes
    ----------
    sent : Mapping[int, Message]
        The messages that they answer, by partition id.
    replies : Sequence[Message]
        Evaluations, or errors.
    """

    sent: Mapping[int, Message] = field(default_factory=dict)
    replies: Sequence[Message] = ()


Finish = Callable[[Early], None]
"""Evaluates a round that has been aggregated, and reports it."""


class Link(Protocol):
    """The way to the clients of a run."""

    def join(self, config: Config) -> tuple[ClientList, list[Statistics]]:
        """Wait for the clients of the run; return them with their statistics.

        Raises
        ------
        FederationError
            A client did not come, or does not fit the run.
        """
        ...

    def exchange(self, messages: Sequence[Message]) -> Iterator[Message]:
        """Send messages; return the replies in the order of the messages, as they come."""
        ...

    def train(self, messages: Mapping[int, Message]) -> Iterator[Message]:
        """Send training messages, by partition id; return the replies like `exchange`."""
        ...

    def finish_round(self, finish: Finish) -> None:
        """Have a round evaluated, now or with the training messages of the next round."""
        ...

    def flush(self) -> None:
        """Have the last round evaluated, if that has been put off."""
        ...


class LocalLink:
    """Clients on an engine of this machine, where every message is a call.

    Parameters
    ----------
    grid : LocalGrid
        The engine.
    """

    def __init__(self, grid: LocalGrid):
        self._grid = grid

    def join(self, config: Config) -> tuple[ClientList, list[Statistics]]:
        """Return the clients, who are all there."""
        return join(self._grid, self.exchange, config)

    def exchange(self, messages: Sequence[Message]) -> Iterator[Message]:
        """Call the clients."""
        return self._grid.stream(messages)

    def train(self, messages: Mapping[int, Message]) -> Iterator[Message]:
        """Call the clients."""
        return self._grid.stream(list(messages.values()))

    def finish_round(self, finish: Finish) -> None:
        """Have the round evaluated at once."""
        finish(Early())

    def flush(self) -> None:
        """Do nothing: no round is put off."""
