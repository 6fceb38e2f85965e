"""Malicious clients at the server: what they send instead of their updates.

They train honestly, or on flows that they falsified, and their updates are replaced here,
where the updates of a round meet. So colluding clients can know what the others send,
and a run is the same on all engines. Honest updates pass unchanged.
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

_Reference = Callable[[Update], Weights]
_MOST = float(np.finfo(np.float32).max)


class Adversary:
    """Replaces the updates of malicious clients, if the attack is one on weights.

    Parameters
    ----------
    malicious : MaliciousClients
        Which clients attack, when and how.
    """

    def __init__(self, malicious: MaliciousClients):
        self._malicious = malicious

    def corrupt(
        self, updates: Iterable[Update], reference: Callable[[Update], Weights], server_round: int
    ) -> Iterator[Update]:
        """Pass the updates on, with those of malicious clients replaced.

        Parameters
        ----------
        updates : Iterable[Update]
            Usable ones of a round, in the order in which they are added.
        reference : Callable[[Update], ndarray]
            Returns the ``(P,) float32`` weights that an update was trained from.
        server_round : int
            From 1.

        Yields
        ------
        Update
            Each client's own, or with ``(P,) float32`` finite weights of the attack; number of
            windows, loss and `extras` stay as they are. Updates of colluding clients come last,
            by partition id. An update without windows, which does not count, is never replaced.
        """
        attack = self._malicious.attack
        if attack.independent is not None:
            yield from self._independent(attack.independent, updates, reference, server_round)
        elif attack.colluding is not None:
            yield from self._colluding(attack.colluding, updates, reference, server_round)
        else:
            yield from updates

    def _independent(
        self,
        attack: IndependentAttack,
        updates: Iterable[Update],
        reference: _Reference,
        server_round: int,
    ) -> Iterator[Update]:
        malicious = self._malicious
        for update in updates:
            if not self._attacks(update, server_round):
                yield update
                continue
            rng = generator(malicious.seed, Stream.ATTACK, server_round, update.partition_id)
            start = reference(update)
            context = AttackContext(server_round, malicious.strength, rng)
            yield _sent(update, start, attack(_change(update, start), context))

    def _colluding(
        self,
        attack: ColludingAttack,
        updates: Iterable[Update],
        reference: _Reference,
        server_round: int,
    ) -> Iterator[Update]:
        total: NDArray[np.float64] | float = 0.0
        honest, waiting = 0, list[Update]()
        for update in updates:
            if self._attacks(update, server_round):
                waiting.append(update)
                continue
            if update.examples and self._malicious.attackers(server_round):
                total = total + _change(update, reference(update))
                honest += 1
            yield update
        if not waiting:
            return
        waiting.sort(key=lambda update: update.partition_id)
        mean = np.divide(total, honest) if honest else None
        known = Knowledge(mean, honest, _Changes(waiting, reference))
        change = attack(known, self._malicious.strength)
        for update in waiting:
            yield _sent(update, reference(update), change)

    def _attacks(self, update: Update, server_round: int) -> bool:
        return update.examples > 0 and self._malicious.attacks(update.partition_id, server_round)


class _Changes:
    """The changes of updates, each made when it is looked at."""

    def __init__(self, updates: Sequence[Update], reference: _Reference):
        self._updates, self._reference = updates, reference

    def __len__(self) -> int:
        return len(self._updates)

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        return (_change(update, self._reference(update)) for update in self._updates)


def _change(update: Update, start: Weights) -> NDArray[np.float64]:
    return update.weights - start.astype(np.float64)


def _sent(update: Update, start: Weights, change: NDArray[np.float64]) -> Update:
    """Add a change to the weights, clipped to float32: infinity would be refused."""
    weights = np.clip(start + change, -_MOST, _MOST).astype(np.float32)
    return replace(update, weights=weights)
