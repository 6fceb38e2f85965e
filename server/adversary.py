"""Malicious clients at the server: what they send instead of their updates.

They train honestly, or on flows that they falsified, and their updates are replaced here,
where the updates of a round meet. So those who plot together can know what the others send,
and a run is the same on all engines. Honest updates pass at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.seeding import Stream, generator
from fednids.simulation.adversaries.malicious import MaliciousClients
from fednids.simulation.adversaries.updates import (
    AttackContext,
    ColludingAttack,
    IndependentAttack,
    Knowledge,
)

_Started = Callable[[Update], Weights]
_MOST = float(np.finfo(np.float32).max)


class Adversary:
    """Replaces the liars' updates, if the attack is one on weights.

    Parameters
    ----------
    liars : MaliciousClients
        Who lies, when and how.
    """

    def __init__(self, liars: MaliciousClients):
        self._liars = liars

    def corrupt(
        self, updates: Iterable[Update], started: Callable[[Update], Weights], server_round: int
    ) -> Iterator[Update]:
        """Give the updates on, the liars' replaced.

        Parameters
        ----------
        updates : Iterable[Update]
            Usable ones of a round, in the order in which they are added.
        started : Callable[[Update], ndarray]
            Gives the ``(P,) float32`` weights that an update was trained from.
        server_round : int
            From 1.

        Yields
        ------
        Update
            Each gateway's own, or with ``(P,) float32`` finite weights that are a lie; number
            of windows, loss and `extras` stay as they are. Where liars plot together, theirs
            come last, by partition id. An update without windows is never a lie: it does
            not count.
        """
        attack = self._liars.attack
        if attack.independent is not None:
            yield from self._alone(attack.independent, updates, started, server_round)
        elif attack.colluding is not None:
            yield from self._together(attack.colluding, updates, started, server_round)
        else:
            yield from updates

    def _alone(
        self,
        lie: IndependentAttack,
        updates: Iterable[Update],
        started: _Started,
        server_round: int,
    ) -> Iterator[Update]:
        liars = self._liars
        for update in updates:
            if not self._lies(update, server_round):
                yield update
                continue
            rng = generator(liars.seed, Stream.ATTACK, server_round, update.partition_id)
            start = started(update)
            situation = AttackContext(server_round, liars.strength, rng)
            yield _sent(update, start, lie(_change(update, start), situation))

    def _together(
        self, lie: ColludingAttack, updates: Iterable[Update], started: _Started, server_round: int
    ) -> Iterator[Update]:
        total: NDArray[np.float64] | float = 0.0
        honest, waiting = 0, list[Update]()
        for update in updates:
            if self._lies(update, server_round):
                waiting.append(update)
                continue
            if update.examples and self._liars.attackers(server_round):
                total = total + _change(update, started(update))
                honest += 1
            yield update
        if not waiting:
            return
        waiting.sort(key=lambda update: update.partition_id)
        mean = np.divide(total, honest) if honest else None
        overheard = Knowledge(mean, honest, _Changes(waiting, started))
        change = lie(overheard, self._liars.strength)
        for update in waiting:
            yield _sent(update, started(update), change)

    def _lies(self, update: Update, server_round: int) -> bool:
        return update.examples > 0 and self._liars.attacks(update.partition_id, server_round)


class _Changes:
    """The changes of updates, each made when it is looked at."""

    def __init__(self, updates: Sequence[Update], started: _Started):
        self._updates, self._started = updates, started

    def __len__(self) -> int:
        return len(self._updates)

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        return (_change(update, self._started(update)) for update in self._updates)


def _change(update: Update, start: Weights) -> NDArray[np.float64]:
    return update.weights - start.astype(np.float64)


def _sent(update: Update, start: Weights, change: NDArray[np.float64]) -> Update:
    """Put a change on the weights; too large ones would be refused, so no liar sends infinity."""
    weights = np.clip(start + change, -_MOST, _MOST).astype(np.float32)
    return replace(update, weights=weights)
