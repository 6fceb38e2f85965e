"""Which clients are available in a round: a pattern or a trace, late joiners and leavers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fednids.config import AvailabilityConfig
from fednids.errors import ConfigError
from fednids.simulation.draws import Draw, draw
from fednids.simulation.patterns import PATTERNS, Presence
from fednids.simulation.trace import Trace

NEVER = np.iinfo(np.int64).max
"""The round of leaving of a client that never leaves."""


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
