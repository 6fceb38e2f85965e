"""Which clients are available in a round: a pattern or a trace, late joiners and leavers.

What is drawn for a round is a function of seed, round and partition id. To add a pattern, write a
function from settings, seed and number of clients to a `Presence`, add it to `PATTERNS`, and its
name to ``availability.pattern``.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from fednids.config import AvailabilityConfig
from fednids.errors import ConfigError
from fednids.seeding import Stream, generator
from fednids.simulation.trace import Trace

NEVER = np.iinfo(np.int64).max
"""The round of leaving of a client that never leaves."""


class Draw(IntEnum):
    """What a random number decides."""

    PRESENCE = 0
    JOINERS = 1
    JOINING = 2
    LEAVERS = 3
    LEAVING = 4
    BEFORE = 5
    AFTER = 6
    TIES = 7


def draw(seed: int, what: Draw, gateways: int, server_round: int = 0) -> NDArray[np.float64]:
    """Draw a number from [0, 1) for each client.

    Parameters
    ----------
    seed : int
        Seed of the run.
    what : Draw
        What the numbers decide.
    gateways : int
        Number of clients ``K``; a client's number does not depend on it.
    server_round : int
        From 1; 0 for what is drawn once in a run.

    Returns
    -------
    ndarray
        ``(K,)``.
    """
    return generator(seed, Stream.AVAILABILITY, what, server_round).random(gateways)


Presence = Callable[[int], NDArray[np.bool_]]
"""Maps a round, from 1, to ``(K,) bool``: which clients are available."""

Pattern = Callable[[AvailabilityConfig, int, int], Presence]
"""Makes a presence of settings, seed and ``K``."""


def always(settings: AvailabilityConfig, seed: int, gateways: int) -> Presence:
    """Return the pattern in which all clients are always available."""
    return lambda server_round: np.ones(gateways, bool)


def random(settings: AvailabilityConfig, seed: int, gateways: int) -> Presence:
    """Return the pattern in which each client is available by chance, in each round anew."""
    return lambda server_round: _numbers(seed, gateways, server_round) < settings.share


def daily(settings: AvailabilityConfig, seed: int, gateways: int) -> Presence:
    """Return the pattern in which clients are more likely available by day than by night.

    The chance is a sine over ``availability.day`` rounds that begins at its mean,
    ``availability.share``, and rises. Its amplitude is the largest possible: the chance falls
    to 0 by night for shares up to a half, and rises to 1 by day for larger ones.

    Notes
    -----
    K. Bonawitz et al., "Towards Federated Learning at Scale: System Design", MLSys 2019,
    https://arxiv.org/abs/1902.01046, report such a daily change.
    """
    swing = min(settings.share, 1 - settings.share)

    def present(server_round: int) -> NDArray[np.bool_]:
        hour = (server_round - 1) % settings.day
        chance = settings.share + swing * np.sin(2 * np.pi * hour / settings.day)
        there: NDArray[np.bool_] = _numbers(seed, gateways, server_round) < chance
        return there

    return present


def sessions(settings: AvailabilityConfig, seed: int, gateways: int) -> Presence:
    """Return the pattern of stays and absences: a two-state Markov chain for each client.

    Lengths of stays are geometric with mean ``availability.stay`` rounds; the mean length of
    absences makes ``availability.share`` the mean share of available clients from round 1.

    Raises
    ------
    ConfigError
        Absences would have to be shorter than one round.
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
    """Follows the chains from round 1; keeps the state of the last round asked for."""

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


class Availability:
    """Which clients are available in which round.

    Parameters
    ----------
    presence : Presence
        Of a pattern or a trace.
    joins, leaves : ndarray
        ``(K,) int64``: first round in which each client can be available, and the round from
        which on it never is again.
    """

    def __init__(self, presence: Presence, joins: NDArray[np.int64], leaves: NDArray[np.int64]):
        self._presence, self.joins, self.leaves = presence, joins, leaves

    @classmethod
    def open(
        cls,
        settings: AvailabilityConfig,
        seed: int,
        *,
        gateways: int,
        rounds: int,
        trace: Trace | None = None,
    ) -> Availability:
        """Draw which clients join late and which leave, and when.

        The late joiners are a function of the seed alone, and those of a smaller share are
        among those of a larger one; the same holds for the leavers. A late joiner joins in a
        round from 2 to the last, drawn uniformly; a leaver has been a member for a round at
        least.

        Parameters
        ----------
        settings : AvailabilityConfig
            Pattern and shares.
        seed : int
            Seed of the run.
        gateways, rounds : int
            Number of clients ``K`` and of rounds.
        trace : Trace, optional
            Replaces all other settings of availability.

        Raises
        ------
        ConfigError
            Settings contradict each other.
        """
        if trace is not None:
            _check_alone(settings)
            return cls(trace.present, np.ones(gateways, np.int64), np.full(gateways, NEVER))
        presence = PATTERNS[settings.pattern](settings, seed, gateways)
        joins = np.ones(gateways, np.int64)
        late = lowest_share(draw(seed, Draw.JOINERS, gateways), settings.late)
        first = draw(seed, Draw.JOINING, gateways)
        joins[late] = 2 + (first[late] * max(rounds - 1, 1)).astype(np.int64)
        leaves = np.full(gateways, NEVER)
        gone = lowest_share(draw(seed, Draw.LEAVERS, gateways), settings.leaving)
        when = draw(seed, Draw.LEAVING, gateways) * np.maximum(rounds - joins, 1)
        leaves[gone] = (joins + 1 + when.astype(np.int64))[gone]
        return cls(presence, joins, leaves)

    def present(self, server_round: int) -> NDArray[np.bool_]:
        """Return which clients are available.

        Parameters
        ----------
        server_round : int
            From 1.

        Returns
        -------
        ndarray
            ``(K,) bool``.
        """
        member = (self.joins <= server_round) & (server_round < self.leaves)
        there: NDArray[np.bool_] = self._presence(server_round) & member
        return there


def lowest_share(drawn: NDArray[np.float64], share: float) -> NDArray[np.int64]:
    """Return the partition ids of a share of the clients: those with the lowest numbers."""
    return np.argsort(drawn, kind="stable")[: round(share * len(drawn))]


def _check_alone(settings: AvailabilityConfig) -> None:
    if settings.pattern != "always" or settings.late or settings.leaving:
        raise ConfigError(
            "expected availability.trace alone, got it beside availability.pattern="
            f"{settings.pattern}, late={settings.late:g}, leaving={settings.leaving:g}; leave "
            "these out and write into the trace who is there when"
        )
