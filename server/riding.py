"""Evaluations that ride on updates: one message a gateway and round over a network, not two.

Flower starts a process for every message and asks for messages every few seconds; a round of
small gateways is little else. So weights are scored where they are needed next: the message
to train in a round has the gateway score, before it trains, the weights that come with it,
which are those after the round before. Scores are the same, and told a round later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flwr.app import Error, Message
from flwr.serverapp import Grid

from fednids.config import Config
from fednids.messages.records import take_evaluation
from fednids.simulation.engines import LocalGrid


class Riders:
    """Replies that have come with the updates of one round.

    Attributes
    ----------
    sent : Mapping[int, Message]
        What was asked, by partition id.
    replies : list[Message]
        Evaluations, or errors, as if they had been asked for alone.
    """

    def __init__(self) -> None:
        self.sent: Mapping[int, Message] = {}
        self.replies: list[Message] = []

    def part(self, sent: Mapping[int, Message], replies: Iterable[Message]) -> Iterator[Message]:
        """Give the replies to messages as they come, without the evaluations, which are kept."""
        self.sent, asked = sent, dict[str, Message]()
        for reply in replies:
            asked = asked or {each.metadata.message_id: each for each in sent.values()}
            question = asked.get(reply.metadata.reply_to_message_id)
            if question is not None:
                self.replies.append(_rider(reply, question))
            yield reply


def rides(grid: Grid, config: Config) -> bool:
    """Tell whether evaluations are to ride: over a network, where no round waits for scores."""
    return not isinstance(grid, LocalGrid) and not config.run.patience


def _rider(reply: Message, question: Message) -> Message:
    if reply.has_error():
        return Message(Error(reply.error.code, reply.error.reason), reply_to=question)
    return Message(take_evaluation(reply.content), reply_to=question)
