"""What becomes of each gateway that a round chose, settled before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class Fate(Enum):
    """What becomes of a gateway in a round that chose it."""

    COUNTS = "counts"
    """Its update comes in time and is aggregated."""
    LATE = "late"
    """It trains, and its update comes after the deadline."""
    SURPLUS = "surplus"
    """It was chosen beyond the number wanted, and the others were faster."""
    LOST = "lost"
    """It trains, and its update never comes."""
    FAILED = "failed"
    """It gets its message and fails before it trains."""


IN_VAIN = (Fate.LATE, Fate.LOST)
"""Those who train to the end, though the server never takes their updates. A round that has
enough calls the surplus ones off, as far as they have come."""


@dataclass(frozen=True, eq=False)
class RoundFates:
    """The fates of one round.

    Attributes
    ----------
    server_round : int
        From 1.
    present : ndarray
        ``(K,) bool``: who is there.
    chosen : ndarray
        ``(n,) int64`` partition ids of those who were asked, rising; may be empty.
    fates : tuple[Fate, ...]
        ``n``, of each.
    seconds : ndarray
        ``(n,)`` virtual seconds until each is done with the round, whoever waits for it: its
        update has arrived, or would have, or it has failed.
    duration : float
        Virtual seconds of the round. It ends when the last update that counts arrives and
        nobody else is waited for; at the deadline where somebody is waited for in vain;
        without a deadline, when the last of those should have been done. 0 where nobody was
        asked.
    """

    server_round: int
    present: NDArray[np.bool_]
    chosen: NDArray[np.int64]
    fates: tuple[Fate, ...]
    seconds: NDArray[np.float64]
    duration: float

    def of(self, *fates: Fate) -> list[int]:
        """Give the partition ids with these fates, rising."""
        return [int(k) for k, fate in zip(self.chosen, self.fates, strict=True) if fate in fates]

    @property
    def counting(self) -> list[int]:
        """Partition ids of those whose updates are aggregated."""
        return self.of(Fate.COUNTS)

    def by_partition(self) -> Mapping[int, tuple[Fate, float]]:
        """Give fate and seconds of each that was chosen."""
        rows = zip(self.chosen.tolist(), self.fates, self.seconds.tolist(), strict=True)
        return {k: (fate, seconds) for k, fate, seconds in rows}

    def to_json(self) -> dict[str, object]:
        """Give what stands in ``rounds.jsonl``: absent gateways, and fates but the usual one."""
        others = {fate.value: self.of(fate) for fate in Fate if fate is not Fate.COUNTS}
        return {
            "virtual_seconds": self.duration,
            "present": int(self.present.sum()),
            "chosen": len(self.chosen),
            "fates": {name: ids for name, ids in others.items() if ids},
        }


def settle(
    *,
    seconds: NDArray[np.float64],
    failed: NDArray[np.bool_],
    late: NDArray[np.bool_],
    lost: NDArray[np.bool_],
    ties: NDArray[np.float64],
    wanted: int,
) -> tuple[Fate, ...]:
    """Say what becomes of each of ``n`` gateways that were asked.

    Who fails cannot be late, who is late cannot be lost. Of the updates that arrive, the
    first ones by the clock count.

    Parameters
    ----------
    seconds : ndarray
        ``(n,)`` until each would be done.
    failed, late, lost : ndarray
        ``(n,) bool``: what was drawn, and what the clock says.
    ties : ndarray
        ``(n,)`` drawn numbers; of updates that arrive at once the lower comes first.
    wanted : int
        How many updates the server takes.

    Notes
    -----
    To ask more than are wanted and to take the first is over-selection, K. Bonawitz et al.,
    "Towards Federated Learning at Scale: System Design", MLSys 2019,
    https://arxiv.org/abs/1902.01046. It favours the fast, and so those with few flows.
    """
    fates = np.full(len(seconds), Fate.COUNTS, object)
    arriving = np.flatnonzero(~(failed | late | lost))
    order = arriving[np.lexsort((ties[arriving], seconds[arriving]))]
    fates[order[wanted:]] = Fate.SURPLUS
    fates[lost], fates[late], fates[failed] = Fate.LOST, Fate.LATE, Fate.FAILED
    return tuple(fates)


def duration(
    fates: tuple[Fate, ...], seconds: NDArray[np.float64], wanted: int, deadline: float
) -> float:
    """Say when a round ends, in virtual seconds.

    Parameters
    ----------
    fates : tuple[Fate, ...]
        Of all ``n`` that were asked.
    seconds : ndarray
        ``(n,)`` until each is done.
    wanted : int
        How many updates the server takes, at most ``n``.
    deadline : float
        Infinity for none.
    """
    if not len(fates):
        return 0.0
    counts = np.array([fate is Fate.COUNTS for fate in fates])
    if counts.sum() >= wanted:
        return float(seconds[counts].max())
    return float(deadline if np.isfinite(deadline) else seconds.max())
