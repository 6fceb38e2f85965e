"""Which round is best on validation flows, and when more of them are no use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fednids.config import Config
from fednids.errors import ConfigError
from fednids.metrics import scores
from fednids.networks.interface import Weights
from fednids.runs.rounds import Round

VALIDATION = "validation"
"""Entry of a round's record with the scores on validation flows."""


@dataclass(frozen=True)
class Best:
    """A round and the weights after it.

    Attributes
    ----------
    server_round : int
        From 1.
    weights : tuple[ndarray, ...]
        ``(P,) float32`` each; empty where only the last round's are kept.
    """

    server_round: int
    weights: tuple[Weights, ...]


class Selection:
    """Follows the rounds of a run; test flows play no part.

    Parameters
    ----------
    config : Config
        ``run.patience`` and ``run.keep``.
    rounds : Sequence[Mapping]
        Rounds so far, as JSON.
    best : Best, optional
        The best of them with its weights, where these are kept.
    since : int
        The round after which rounds were added last: patience begins anew there.

    Attributes
    ----------
    best : Best or None
        The first round with the highest macro-F1 on validation flows; None while it is
        undefined.
    """

    def __init__(
        self,
        config: Config,
        rounds: Sequence[Mapping[str, Any]] = (),
        best: Best | None = None,
        since: int = 0,
    ):
        self._patience, self._keep = config.run.patience, config.run.keep == "best"
        self._since, self._done, self._value = since, 0, -math.inf
        self.best: Best | None = None
        for record in rounds:
            told = record.get(VALIDATION) or {}
            self._see(int(record["round"]), told.get("macro_f1"), ())
        if best and self.best and self.best.server_round == best.server_round:
            self.best = best

    def round_ended(self, number: int, macro_f1: float | None, weights: Sequence[Weights]) -> None:
        """Take note of a round's macro-F1 on validation flows, and of its weights."""
        self._see(number, macro_f1, tuple(weights) if self._keep else ())

    @property
    def stops(self) -> bool:
        """Whether as many rounds as one has patience for have brought nothing better."""
        best = self.best.server_round if self.best else 0
        return bool(self._patience) and self._done - max(best, self._since) >= self._patience

    @property
    def chosen(self) -> Best | None:
        """The round whose weights the run ends with, where that is not the last."""
        better = self._keep and self.best and self.best.server_round != self._done
        return self.best if better else None

    def _see(self, number: int, macro_f1: float | None, weights: tuple[Weights, ...]) -> None:
        self._done = number
        if macro_f1 is not None and macro_f1 > self._value:
            self._value, self.best = macro_f1, Best(number, weights)


def validation_macro_f1(ended: Round) -> float | None:
    """Return a round's macro-F1 on validation flows; None without any, or where undefined."""
    counts = ended.validation
    if counts is None:
        return None
    value = scores(counts, [str(k) for k in range(len(counts.matrix))]).macro_f1
    return None if math.isnan(value) else value


def check_selection(config: Config) -> None:
    """Check that there are validation flows where they are needed, and that they do one thing.

    Raises
    ------
    ConfigError
        There are none, or they would both choose and judge.
    """
    run, data = config.run, config.data
    asked = {
        f"run.patience={run.patience}": run.patience,
        "run.keep=best": run.keep == "best",
        f"run.false_alarms={run.false_alarms:g}": run.false_alarms,
    }
    scored = data.score_on == "validation"
    wanted = next((name for name, given in asked.items() if given), "")
    if (wanted or scored) and not data.validation_share:
        raise ConfigError(
            "expected data.validation_share above 0 for "
            f"{wanted or 'data.score_on=validation'}, got 0; set it, say to 0.1"
            f"{'' if scored else ': test flows choose nothing'}"
        )
    others = {
        "federation.recalibrate=bias": config.federation.recalibrate == "bias",
        f"data.unseen={data.unseen}": data.unseen,
        "partition.unseen_gateways": config.partition.unseen_gateways,
    }
    wanted = wanted or next((name for name, given in others.items() if given), "")
    if scored and wanted:
        raise ConfigError(
            f"expected data.score_on=test for {wanted}, got validation; leave one of them out: "
            "scores on flows that also choose are too good, and test flows are taken away"
        )
