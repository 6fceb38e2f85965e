"""A round of which one half is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.messages.values import Evaluation, Task, Update
from fednids.networks.interface import Weights
from fednids.runs.rounds import Round
from fednids.simulation import RoundOutcomes
from server.phase import Phase


@dataclass(frozen=True)
class Trained:
    """A round that has been trained and aggregated, and not yet scored.

    Attributes
    ----------
    task : Task
        Of the round.
    weights : ndarray
        ``(G,) float32`` global weights after it.
    training : Phase[Update]
        What came of it.
    seconds : float
        What it took.
    state : Mapping[str, ndarray]
        What the strategy remembers since.
    liars, story, fates
        As in `Round`.
    """

    task: Task
    weights: Weights
    training: Phase[Update]
    seconds: float
    state: Mapping[str, NDArray[np.float64]]
    liars: Sequence[int] | None
    story: Mapping[str, Any]
    fates: RoundOutcomes | None

    def scored(self, scoring: Phase[Evaluation], seconds: float) -> Round:
        """Give the whole round, with what came of scoring and how long that took."""
        return Round(
            self.task.server_round,
            self.training.answers,
            scoring.answers,
            [*self.training.failures, *scoring.failures],
            self.seconds,
            seconds,
            self.training.bytes_down + scoring.bytes_down,
            self.training.bytes_up + scoring.bytes_up,
            self.state,
            self.liars,
            self.story,
            self.fates,
        )
