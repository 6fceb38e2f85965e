"""What becomes of each client that a round samples, decided before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class ClientOutcome(Enum):
    """What becomes of a client in a round that sampled it."""

    AGGREGATED = "counts"
    """Its update arrives in time and is aggregated."""
    LATE = "late"
    """It trains, and its update arrives after the deadline."""
    NOT_NEEDED = "surplus"
    """More clients were sampled than updates are wanted, and the others were faster."""
    DROPPED_AFTER = "lost"
    """It trains, and its update never arrives."""
    DROPPED_BEFORE = "failed"
    """It receives its message and drops out before it trains."""


UNRECEIVED = (ClientOutcome.LATE, ClientOutcome.DROPPED_AFTER)
"""Clients that train to the end, although the server never receives their updates in time. Those
that are not needed are told to stop when the round has enough updates."""


@dataclass(frozen=True, eq=False)
class RoundOutcomes:
    """The outcomes of the clients that one round samples.

    Attributes
    ----------
    server_round : int
        From 1.
    present : ndarray
        ``(K,) bool``: clients that are available.
    sampled : ndarray
        ``(n,) int64`` partition ids, rising; may be empty.
    outcomes : tuple[ClientOutcome, ...]
        Outcome of each of the ``n``.
    seconds : ndarray
        ``(n,)`` virtual seconds until each client is done with the round, whether or not the
        server waits for it: its update has arrived, or would have, or it has dropped out.
    duration : float
        Virtual seconds of the round. It ends when the last wanted update arrives; at the
        deadline where fewer arrive; without a deadline, when the last of the sampled clients
        should have been done. 0 where no client was sampled.
    """

    server_round: int
    present: NDArray[np.bool_]
    sampled: NDArray[np.int64]
    outcomes: tuple[ClientOutcome, ...]
    seconds: NDArray[np.float64]
    duration: float

    def of(self, *outcomes: ClientOutcome) -> list[int]:
        """Return the partition ids with any of these outcomes, rising."""
        return [
            int(k)
            for k, outcome in zip(self.sampled, self.outcomes, strict=True)
            if outcome in outcomes
        ]

    @property
    def aggregated(self) -> list[int]:
        """Partition ids of the clients whose updates are aggregated."""
        return self.of(ClientOutcome.AGGREGATED)

    def by_partition(self) -> Mapping[int, tuple[ClientOutcome, float]]:
        """Return outcome and virtual seconds of each sampled client, by partition id."""
        rows = zip(self.sampled.tolist(), self.outcomes, self.seconds.tolist(), strict=True)
        return {k: (outcome, seconds) for k, outcome, seconds in rows}

    def to_json(self) -> dict[str, object]:
        """Return the entries of ``rounds.jsonl``; clients that were aggregated are not listed."""
        others = {
            outcome.value: self.of(outcome)
            for outcome in ClientOutcome
            if outcome is not ClientOutcome.AGGREGATED
        }
        return {
            "virtual_seconds": self.duration,
            "present": int(self.present.sum()),
            "sampled": len(self.sampled),
            "outcomes": {name: ids for name, ids in others.items() if ids},
        }


def decide_outcomes(
    *,
    seconds: NDArray[np.float64],
    failed: NDArray[np.bool_],
    late: NDArray[np.bool_],
    lost: NDArray[np.bool_],
    ties: NDArray[np.float64],
    wanted: int,
) -> tuple[ClientOutcome, ...]:
    """Return what becomes of each of ``n`` sampled clients.

    A client that drops out before training is not late, and one that is late does not drop
    out after training. Of the updates that arrive, the first ones by the clock are aggregated.

    Parameters
    ----------
    seconds : ndarray
        ``(n,)`` virtual seconds until each would be done.
    failed, late, lost : ndarray
        ``(n,) bool``: who drops out before training, misses the deadline, drops out after.
    ties : ndarray
        ``(n,)`` random numbers; of updates that arrive together the lower one is first.
    wanted : int
        Number of updates that the server aggregates.

    Notes
    -----
    To sample more clients than are wanted and to take the first updates is over-selection,
    K. Bonawitz et al., "Towards Federated Learning at Scale: System Design", MLSys 2019,
    https://arxiv.org/abs/1902.01046. It favours fast clients, and so those with few flows.
    """
    outcomes = np.full(len(seconds), ClientOutcome.AGGREGATED, object)
    arriving = np.flatnonzero(~(failed | late | lost))
    order = arriving[np.lexsort((ties[arriving], seconds[arriving]))]
    outcomes[order[wanted:]] = ClientOutcome.NOT_NEEDED
    outcomes[lost], outcomes[late], outcomes[failed] = (
        ClientOutcome.DROPPED_AFTER,
        ClientOutcome.LATE,
        ClientOutcome.DROPPED_BEFORE,
    )
    return tuple(outcomes)


def round_duration(
    outcomes: tuple[ClientOutcome, ...], seconds: NDArray[np.float64], wanted: int, deadline: float
) -> float:
    """Return when a round ends, in virtual seconds.

    Parameters
    ----------
    outcomes : tuple[ClientOutcome, ...]
        Of all ``n`` sampled clients.
    seconds : ndarray
        ``(n,)`` virtual seconds until each is done.
    wanted : int
        Number of updates that the server aggregates, at most ``n``.
    deadline : float
        Virtual seconds; infinity for none.
    """
    if not len(outcomes):
        return 0.0
    counts = np.array([outcome is ClientOutcome.AGGREGATED for outcome in outcomes])
    if counts.sum() >= wanted:
        return float(seconds[counts].max())
    return float(deadline if np.isfinite(deadline) else seconds.max())
