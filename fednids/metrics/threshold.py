"""A threshold of the score of attack for a wanted false-alarm rate, and the rates it leads to.

The threshold is chosen on validation flows and measured on test flows; measured on the flows
on which it was chosen, the rates would be too good.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fednids.metrics.counts import BENIGN
from fednids.metrics.curves import ScoreHistograms
from fednids.metrics.log_odds import BINS, EDGES, Logits, log_odds, probability, usable_logits
from fednids.plain import as_json

_ROUNDING = 1e-9
"""Added to a number of flows, so that 0.29 of 100 flows are 29 in floating point too."""


@dataclass(frozen=True)
class Threshold:
    """The probability of attack from which a flow raises an alarm.

    Attributes
    ----------
    alarmed : int
        How many of the highest bins of the score of attack raise an alarm, from 0, never, to
        `BINS`, always. Thresholds are between bins, so that rates follow exactly from a
        histogram.
    """

    alarmed: int

    @classmethod
    def nearest(cls, chance: float) -> Threshold:
        """Return the threshold nearest to a probability in [0, 1].

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
        """Return which flows raise an alarm, ``(N,) bool``, from ``(N, C)`` logits."""
        found: NDArray[np.bool_] = log_odds(usable_logits(logits))[:, BENIGN] < self.benign_edge
        return found | (self.alarmed == BINS)

    def rates(self, histograms: ScoreHistograms) -> NDArray[np.float64]:
        """Return the share of each class that raises an alarm, ``(C,)``; NaN without flows."""
        found = histograms.alarms()
        alarms, flows = found[:, BINS - self.alarmed :].sum(axis=1), found.sum(axis=1)
        return np.divide(alarms, flows, out=np.full(len(flows), np.nan), where=flows > 0)


@dataclass(frozen=True)
class OperatingPoint:
    """The rates of a threshold on some flows.

    Attributes
    ----------
    benign_flows, attack_flows : int
        Number of flows. A false-alarm rate is a multiple of one in `benign_flows`.
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
        """Return the rates; `names` are those of the classes in the order of their codes."""
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
    """Return the threshold that detects most attacks with at most the wanted false alarms.

    Parameters
    ----------
    histograms : ScoreHistograms
        Of validation flows.
    wanted : float
        Largest share of benign flows, from 0 to 1, that may raise a false alarm.

    Returns
    -------
    Threshold or None
        The highest of those that detect equally many attacks; without attacks, the lowest.
        None without benign flows, where the rate is undefined.
    """
    sides = histograms.attack_vs_benign()
    benign = int(sides.negatives.sum())
    if not benign:
        return None
    false = np.concatenate([[0], np.cumsum(sides.negatives[::-1])])
    found = np.concatenate([[0], np.cumsum(sides.positives[::-1])])
    most = int(np.flatnonzero(false <= math.floor(wanted * benign + _ROUNDING))[-1])
    return Threshold(int(np.flatnonzero(found == found[most])[0]) if found[-1] else most)
