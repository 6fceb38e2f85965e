"""Waiting for replies over Flower's network: often looked for, and not for ever.

Flower's own wait looks every three seconds, which is most of a round of small gateways, and
ends only when all have answered. This one looks at once and then less and less often.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flwr.app import Error, Message, RecordDict
from flwr.serverapp import Grid
from flwr.supercore.run import Run

from fednids.simulation.engines import LocalGrid

_NO_ANSWER, _NOT_SENT = 9, 10
_log = logging.getLogger("fednids.server")


@dataclass(frozen=True)
class Patience:
    """How replies are waited for.

    Attributes
    ----------
    timeout : float
        Seconds until those who have not answered count as failed; 0 for no end.
    least, most : float
        Seconds of the first pause between two looks, and of the longest.
    growth : float
        How much longer each pause is than the one before.
    """

    timeout: float = 0.0
    least: float = 0.05
    most: float = 0.5
    growth: float = 1.3


@dataclass(frozen=True)
class Clock:
    """The time, and how to let it pass.

    Attributes
    ----------
    now : Callable
        Seconds since any moment.
    sleep : Callable
        Waits for some seconds.
    """

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class AttentiveGrid(Grid):
    """One of Flower's Grids, with a wait of our own; all else is the Grid's.

    Parameters
    ----------
    grid : Grid
        Sends messages, and gives the replies that have come.
    patience : Patience
        How often and how long to look for replies.
    clock : Clock
        The time.

    Attributes
    ----------
    ignored : int
        Replies to no message that is waited for: of an earlier round, a second time, or
        nobody's. None of them is used.
    """

    def __init__(self, grid: Grid, patience: Patience, clock: Clock = Clock()):
        self._grid, self._patience, self._clock = grid, patience, clock
        self.ignored = 0

    def set_run(self, run: Run) -> None:
        """Take over a run's identity."""
        self._grid.set_run(run)

    @property
    def run(self) -> Run:
        """The run."""
        return self._grid.run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Make a message to a node."""
        return self._grid.create_message(content, message_type, dst_node_id, group_id, ttl)

    def get_node_ids(self) -> Iterable[int]:
        """Give the node ids of those who are there."""
        return self._grid.get_node_ids()

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Send messages."""
        return self._grid.push_messages(messages)

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Give the replies that have come to some messages."""
        return self._grid.pull_messages(message_ids)

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Send messages; give one reply to each, in the order of the messages.

        Parameters
        ----------
        messages : Iterable[Message]
            To different nodes.
        timeout : float, optional
            Seconds, in place of the patience's.

        Returns
        -------
        list[Message]
            An error reply stands for a message that could not be sent, or that nobody
            answered in time.
        """
        sent = list(messages)
        pushed = set(self._grid.push_messages(sent))
        waiting = {m.metadata.message_id: m for m in sent if m.metadata.message_id in pushed}
        limit = self._patience.timeout if timeout is None else timeout
        came = self._receive(waiting, limit)
        return [
            came.get(message.metadata.message_id) or _missing(message, pushed, limit)
            for message in sent
        ]

    def _receive(self, waiting: dict[str, Message], limit: float) -> dict[str, Message]:
        """Look for replies until all are there, or the time is up."""
        came, started, pause = dict[str, Message](), self._clock.now(), self._patience.least
        while missing := [name for name in waiting if name not in came]:
            found = list(self._grid.pull_messages(missing))
            fresh = self._expected(found, waiting, came)
            came |= fresh
            left = limit - (self._clock.now() - started) if limit else self._patience.most
            if len(came) == len(waiting) or left <= 0:
                break
            pause = self._patience.least if fresh else pause
            self._clock.sleep(min(pause, left))
            pause = min(pause * self._patience.growth, self._patience.most)
        return came

    def _expected(
        self, found: Sequence[Message], waiting: dict[str, Message], came: dict[str, Message]
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


def attentive(grid: Grid, timeout: float) -> Grid:
    """Give a Grid that looks often for replies and waits so many seconds; ours needs neither.

    Parameters
    ----------
    grid : Grid
        Flower's, or one of `fednids.simulation.engines`, which answers at once.
    timeout : float
        Seconds until those who have not answered count as failed; 0 for no end.
    """
    return grid if isinstance(grid, LocalGrid) else AttentiveGrid(grid, Patience(timeout))


def _missing(message: Message, pushed: set[str], limit: float) -> Message:
    """Stand in for the reply that never came."""
    if message.metadata.message_id not in pushed:
        return Message(Error(_NOT_SENT, "the SuperLink did not take the message"), reply_to=message)
    reason = f"no answer in {limit:g} s (federation.timeout)"
    return Message(Error(_NO_ANSWER, reason), reply_to=message)
