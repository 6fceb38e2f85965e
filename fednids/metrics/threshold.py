"""A threshold of the score of attack for a wanted false-alarm rate, and what it leads to.

The threshold is chosen on validation flows and measured on test flows; chosen on the flows
that it is measured on, it would promise too much.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.metrics.counts import BENIGN
from fednids.metrics.histograms import ScoreHistograms
from fednids.metrics.log_odds import BINS, EDGES, Logits, log_odds, probability, usable_logits
from fednids.plain import as_json

_ROUNDING = 1e-9
"""0.29 of 100 flows are 29, though floats say a little less."""


@dataclass(frozen=True)
class Threshold:
    """From which probability of attack a flow raises an alarm.

    Attributes
    ----------
    alarmed : int
        How many of the highest bins of the score of attack raise an alarm, from 0, never, to
        `BINS`, always. Thresholds lie between bins, so that a histogram knows exactly what
        each leads to.
    """

    alarmed: int

    @classmethod
    def nearest(cls, chance: float) -> Threshold:
        """Give the threshold nearest to a probability in [0, 1].

        Raises
        ------
        ValueError
            It is no probability.
        """
        if not 0 <= chance <= 1:
            raise ValueError(f"expected a threshold from 0 to 1, got {chance}; take a probability")
        if chance in (0, 1):
            return cls(BINS if chance == 0 else 0)
        edge = math.log1p(-chance) - math.log(chance)
        return cls(int(np.abs(EDGES - edge).argmin()) + 1)

    @property
    def benign_edge(self) -> float:
        """The log-odds of benign below which a flow raises an alarm."""
        return float((-math.inf, *EDGES, math.inf)[self.alarmed])

    @property
    def chance(self) -> float:
        """The probability of attack above which a flow raises an alarm; 1 for never."""
        return probability(-self.benign_edge)

    def alarms(self, logits: Logits) -> NDArray[np.bool_]:
        """Tell which flows raise an alarm, ``(N,) bool``, by ``(N, C)`` logits."""
        found: NDArray[np.bool_] = log_odds(usable_logits(logits))[:, BENIGN] < self.benign_edge
        return found | (self.alarmed == BINS)

    def rates(self, histograms: ScoreHistograms) -> NDArray[np.float64]:
        """Give the share of each true class that raises an alarm, ``(C,)``; NaN without."""
        found = histograms.alarms()
        alarms, flows = found[:, BINS - self.alarmed :].sum(axis=1), found.sum(axis=1)
        return np.divide(alarms, flows, out=np.full(len(flows), np.nan), where=flows > 0)


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold leads to on some flows.

    Attributes
    ----------
    benign_flows, attack_flows : int
        Of both kinds. A false-alarm rate comes in steps of one in `benign_flows`.
    false_alarm_rate : float
        Share of benign flows that raise an alarm; NaN without such flows.
    detection_rate : float
        Share of attacks that do; NaN without such flows.
    per_class : dict[str, float]
        The same for each class of attack.
    """

    benign_flows: int
    attack_flows: int
    false_alarm_rate: float
    detection_rate: float
    per_class: dict[str, float]

    @classmethod
    def of(
        cls, threshold: Threshold, histograms: ScoreHistograms, names: Sequence[str]
    ) -> OperatingPoint:
        """Measure a threshold; `names` are the classes' in the order of their codes."""
        rates, sides = threshold.rates(histograms), histograms.attack_vs_benign()
        attacks = int(sides.positives.sum())
        found = int(sides.positives[BINS - threshold.alarmed :].sum())
        return cls(
            int(sides.negatives.sum()),
            attacks,
            float(rates[BENIGN]),
            found / attacks if attacks else math.nan,
            {name: float(rate) for name, rate in zip(names[1:], rates[1:], strict=True)},
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain dicts and numbers, with NaN as None."""
        found: dict[str, Any] = as_json(vars(self))
        return found


def choose_threshold(histograms: ScoreHistograms, wanted: float) -> Threshold | None:
    """Choose the threshold that finds most attacks among those with few enough false alarms.

    Parameters
    ----------
    histograms : ScoreHistograms
        Of validation flows.
    wanted : float
        Share of benign flows, from 0 to 1, that may raise a false alarm at most.

    Returns
    -------
    Threshold or None
        Of those that find as many attacks, the highest; without attacks, the lowest. None
        without benign flows, where the rate is undefined.
    """
    sides = histograms.attack_vs_benign()
    benign = int(sides.negatives.sum())
    if not benign:
        return None
    false = np.concatenate([[0], np.cumsum(sides.negatives[::-1])])
    found = np.concatenate([[0], np.cumsum(sides.positives[::-1])])
    most = int(np.flatnonzero(false <= math.floor(wanted * benign + _ROUNDING))[-1])
    return Threshold(int(np.flatnonzero(found == found[most])[0]) if found[-1] else most)
