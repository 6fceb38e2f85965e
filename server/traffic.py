"""How large the messages of a run are, known before any is sent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fednids.messages.records import content_bytes, task_content, update_content
from fednids.messages.values import Task, Update
from fednids.networks.interface import Weights
from server.strategies.leading import Leading
from server.wire import ServerWire


def with_bytes(task: Task, weights: Weights, strategy: Leading, wire: ServerWire) -> Task:
    """Tell in a task the bytes of a gateway's two messages, the same in every round.

    Parameters
    ----------
    task : Task
        Of the run.
    weights : ndarray
        ``(G,) float32`` global weights.
    strategy : Leading
        What is sent beside weights, in both directions.
    wire : ServerWire
        How weights are sent.
    """
    packed, _ = wire.pack(weights, 0)
    down = task_content({**packed, **strategy.sends(len(weights))}, task)
    size = strategy.reply_size(len(weights))
    extras = {name: np.zeros(size, np.float32) for name in strategy.extras}
    update = Update(0, weights[:0], 1, 1, 0.0, 0.0, 0.0, extras=extras)
    up = update_content(update, wire.reply_parts(size))
    return replace(task, bytes_down=content_bytes(down), bytes_up=content_bytes(up))
