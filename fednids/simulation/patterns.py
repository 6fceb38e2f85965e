"""Patterns of who is there, round by round.

To add one: write a function from settings, seed and number of gateways to a `Presence`,
register it in `PATTERNS`, and add its name to ``availability.pattern``. What it draws for a
round must be a function of seed, round and partition id (`fednids.simulation.draws`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fednids.config import AvailabilityConfig
from fednids.errors import ConfigError
from fednids.simulation.draws import Draw, draw

Presence = Callable[[int], NDArray[np.bool_]]
"""From a round, from 1, to ``(K,)`` who is there."""

Pattern = Callable[[AvailabilityConfig, int, int], Presence]
"""From settings, seed and ``K``."""


def always(settings: AvailabilityConfig, seed: int, gateways: int) -> Presence:
    """Give the pattern in which all are always there."""
    return lambda server_round: np.ones(gateways, bool)


def random(settings: AvailabilityConfig, seed: int, gateways: int) -> Presence:
    """Give the pattern in which each is there by chance, each round anew."""
    return lambda server_round: _numbers(seed, gateways, server_round) < settings.share


def daily(settings: AvailabilityConfig, seed: int, gateways: int) -> Presence:
    """Give the pattern in which all are more likely there by day than by night.

    The chance is a sine over ``availability.day`` rounds that begins at its mean,
    ``availability.share``, rises, and swings as far as chances can: to 0 by night for shares
    up to a half, to 1 by day for larger ones.

    Notes
    -----
    A fleet whose size swings with the day is what K. Bonawitz et al., "Towards Federated
    Learning at Scale: System Design", MLSys 2019, https://arxiv.org/abs/1902.01046, report.
    """
    swing = min(settings.share, 1 - settings.share)

    def present(server_round: int) -> NDArray[np.bool_]:
        hour = (server_round - 1) % settings.day
        chance = settings.share + swing * np.sin(2 * np.pi * hour / settings.day)
        there: NDArray[np.bool_] = _numbers(seed, gateways, server_round) < chance
        return there

    return present


def sessions(settings: AvailabilityConfig, seed: int, gateways: int) -> Presence:
    """Give the pattern of stays and absences: a two-state Markov chain for each gateway.

    A stay lasts ``availability.stay`` rounds in the mean, geometrically; absences last as
    long as makes ``availability.share`` the mean share, from round 1.

    Raises
    ------
    ConfigError
        Absences would have to be shorter than a round.
    """
    share, stay = settings.share, settings.stay
    back = share / (stay * (1 - share)) if share < 1 else 1.0
    if share < 1 and back > 1 + 1e-12:
        raise ConfigError(
            f"expected absences of a round at least, which is availability.stay from "
            f"{share / (1 - share):.4g} for availability.share={share:g}, got {stay:g}; raise "
            "it or lower the share"
        )
    return _Sessions(share, 1 / stay if share < 1 else 0.0, back, seed, gateways)


class _Sessions:
    """Walks the chains from round 1; remembers the last round asked for."""

    def __init__(self, share: float, leave: float, back: float, seed: int, gateways: int):
        self._share, self._leave, self._back = share, leave, back
        self._seed, self._gateways = seed, gateways
        self._known = (1, self._first())

    def __call__(self, server_round: int) -> NDArray[np.bool_]:
        number, there = self._known
        if server_round < number:
            number, there = 1, self._first()
        while number < server_round:
            number += 1
            drawn = _numbers(self._seed, self._gateways, number)
            there = np.where(there, drawn >= self._leave, drawn < self._back)
        self._known = (number, there)
        return there.copy()

    def _first(self) -> NDArray[np.bool_]:
        return _numbers(self._seed, self._gateways, 1) < self._share


def _numbers(seed: int, gateways: int, server_round: int) -> NDArray[np.float64]:
    return draw(seed, Draw.PRESENCE, gateways, server_round)


PATTERNS: dict[str, Pattern] = {
    "always": always,
    "random": random,
    "daily": daily,
    "sessions": sessions,
}
"""Patterns by ``availability.pattern``."""
