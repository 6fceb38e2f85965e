"""One process, one group of gateways after another, one compiled network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flwr.app import Message

from fednids.simulation.engines.base import LocalGrid


class InProcessGrid(LocalGrid):
    """Calls the ClientApp directly."""

    def stream(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterator[Message]:
        """Answer group after group; `timeout` is not needed, since nothing is waited for."""
        for group in self._clients.groups([self._stamp(message) for message in messages]):
            states = [self._state(message) for message in group]
            replies = self._clients.answer(list(zip(group, states, strict=True)))
            for message, state, reply in zip(group, states, replies, strict=True):
                self._keep(message, state)
                yield self._stamp(reply)
