"""The way to the clients: an engine on this machine, or Flower's network.

Over the network, two things make rounds of a few gateways faster than Flower's own loop does.
Replies are looked for often at first and then less and less often; Flower looks every three
seconds. And evaluations come with the next round's updates: Flower starts a process for every
message, so the message to train in a round has the gateway evaluate, before it trains, the weights
that come with it, which are those after the round before. The scores are the same, and reported
one exchange later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from flwr.app import Error, Message
from flwr.serverapp import Grid

from fednids.config import Config
from fednids.messages.records import ask_to_score_first, take_evaluation
from fednids.messages.values import Statistics
from fednids.simulation.engines import LocalGrid
from server.participants import ClientList, join

_NO_ANSWER, _NOT_SENT = 9, 10
_log = logging.getLogger("fednids.server")


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


@dataclass(frozen=True)
class Polling:
    """How replies are waited for.

    Attributes
    ----------
    timeout : float
        Seconds until those who have not answered count as failed; 0 for no end.
    least, most : float
        Seconds of the first pause between two looks, and of the longest.
    growth : float
        How much longer each pause is than the one before.
    now, sleep : Callable
        The time in seconds since any moment, and how to wait for some seconds.
    """

    timeout: float = 0.0
    least: float = 0.05
    most: float = 0.5
    growth: float = 1.3
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class NetworkLink:
    """The way to clients over one of Flower's Grids.

    Parameters
    ----------
    grid : Grid
        Sends messages, and returns the replies that have come.
    config : Config
        Settings: the timeout; with ``run.patience`` a round waits for its scores.
    polling : Polling, optional
        How replies are waited for.

    Attributes
    ----------
    ignored : int
        Replies to no message that is waited for: of an earlier round, a second time, or
        nobody's. None of them is used.
    """

    def __init__(self, grid: Grid, config: Config, polling: Polling | None = None):
        self._grid = grid
        self._polling = polling or Polling(config.federation.timeout)
        self._puts_off = not config.run.patience
        self._finish: Finish | None = None
        self._early = Early()
        self.ignored = 0

    def join(self, config: Config) -> tuple[ClientList, list[Statistics]]:
        """Wait for the clients of the run."""
        return join(self._grid, self.exchange, config)

    def exchange(self, messages: Sequence[Message]) -> Iterator[Message]:
        """Send messages to different nodes; return one reply to each, in their order.

        An error reply stands for a message that could not be sent, or that nobody answered in
        time.
        """
        if not messages:
            return
        pushed = set(self._grid.push_messages(messages))
        waiting = {m.metadata.message_id: m for m in messages if m.metadata.message_id in pushed}
        came = self._receive(waiting)
        for message in messages:
            yield came.get(message.metadata.message_id) or self._missing(message, pushed)

    def train(self, messages: Mapping[int, Message]) -> Iterator[Message]:
        """Send training messages; keep the evaluations that come with the replies."""
        put_off = self._finish is not None
        if put_off:
            for content in {id(each.content): each.content for each in messages.values()}.values():
                ask_to_score_first(content)
        early: list[Message] = []
        if put_off:
            self._early = Early(messages, early)
        by_id: dict[str, Message] = {}
        for reply in self.exchange(list(messages.values())):
            by_id = by_id or {each.metadata.message_id: each for each in messages.values()}
            question = by_id.get(reply.metadata.reply_to_message_id)
            if put_off and question is not None:
                early.append(_evaluation(reply, question))
            yield reply

    def finish_round(self, finish: Finish) -> None:
        """Have the round before evaluated, and put this one off to the next messages."""
        self.flush()
        if self._puts_off:
            self._finish = finish
        else:
            finish(Early())

    def flush(self) -> None:
        """Have the round that was put off evaluated."""
        finish, early = self._finish, self._early
        self._finish, self._early = None, Early()
        if finish:
            finish(early)

    def _receive(self, waiting: Mapping[str, Message]) -> dict[str, Message]:
        """Look for replies until all are there, or the time is up."""
        polling, limit = self._polling, self._polling.timeout
        came, started, pause = dict[str, Message](), polling.now(), polling.least
        while missing := [name for name in waiting if name not in came]:
            fresh = self._expected(self._grid.pull_messages(missing), waiting, came)
            came |= fresh
            left = limit - (polling.now() - started) if limit else polling.most
            if len(came) == len(waiting) or left <= 0:
                break
            pause = polling.least if fresh else pause
            polling.sleep(min(pause, left))
            pause = min(pause * polling.growth, polling.most)
        return came

    def _expected(
        self, found: Iterable[Message], waiting: Mapping[str, Message], came: Mapping[str, Message]
    ) -> dict[str, Message]:
        """Take the first reply to each message that is waited for; count all others."""
        fresh: dict[str, Message] = {}
        for reply in found:
            name = reply.metadata.reply_to_message_id
            if name not in waiting or name in came or name in fresh:
                self.ignored += 1
                _log.warning("expected replies to this round's messages, got another; ignored")
            else:
                fresh[name] = reply
        return fresh

    def _missing(self, message: Message, pushed: set[str]) -> Message:
        """Return an error in place of the reply that never came."""
        code, reason = _NOT_SENT, "the SuperLink did not take the message"
        if message.metadata.message_id in pushed:
            code = _NO_ANSWER
            reason = f"no answer in {self._polling.timeout:g} s (federation.timeout)"
        return Message(Error(code, reason), reply_to=message)


def _evaluation(reply: Message, question: Message) -> Message:
    """Return the evaluation that came with an update as a reply of its own."""
    if reply.has_error():
        return Message(Error(reply.error.code, reply.error.reason), reply_to=question)
    return Message(take_evaluation(reply.content), reply_to=question)


Link = LocalLink | NetworkLink
"""The way to the clients of a run."""


def open_link(grid: Grid, config: Config) -> Link:
    """Return the way to the clients for a Grid of ours or of Flower's."""
    return LocalLink(grid) if isinstance(grid, LocalGrid) else NetworkLink(grid, config)
