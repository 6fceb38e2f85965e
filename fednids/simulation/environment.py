"""One run's world: attendance, clock, and the fates that follow in each round."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fednids.config import Config
from fednids.errors import FederationError
from fednids.seeding import Stream, generator
from fednids.simulation.availability import Attendance
from fednids.simulation.clock import Clock, Work, windows_of
from fednids.simulation.draws import Draw, draw
from fednids.simulation.outcomes import RoundFates, duration, settle
from fednids.simulation.trace import read_trace


class World:
    """Who is there, who is chosen, and what becomes of them.

    Parameters
    ----------
    config : Config
        Settings of the run.

    Raises
    ------
    ConfigError
        Settings contradict each other, or the trace is not as it must be.
    """

    def __init__(self, config: Config):
        self._config, self.gateways = config, config.partition.gateways
        seed, gateways, rounds = config.run.seed, self.gateways, config.federation.rounds
        told = config.availability.trace
        trace = read_trace(Path(told), gateways, rounds) if told else None
        self.attendance = Attendance.open(
            config.availability,
            seed,
            gateways=gateways,
            rounds=rounds,
            trace=trace,
        )
        self.clock = Clock.open(config.clock, seed, gateways=gateways, trace=trace)

    @property
    def eventful(self) -> bool:
        """Whether a round can have fewer updates than were wanted."""
        there = self._config.availability
        chances = (there.late, there.leaving, there.dropout_before, there.dropout_after)
        told = there.trace or there.pattern != "always" or any(chances)
        return bool(told or self._config.clock.deadline)

    def present(self, server_round: int) -> NDArray[np.bool_]:
        """Tell who is there in a round, ``(K,)``."""
        return self.attendance.present(server_round)

    def choose(self, server_round: int) -> NDArray[np.int64]:
        """Choose who is asked to train: a function of seed and round.

        The number wanted is ``federation.fraction`` of all gateways, the same in every
        round, as the goal count of Bonawitz et al. (2019); ``clock.oversample`` adds to it.
        They are drawn, all alike, from those who are there; where fewer are there, all are
        asked. Flower's FedAvg takes the fraction of the nodes connected instead, so that
        rounds by night would average fewer gateways.

        Returns
        -------
        ndarray
            Partition ids, in the order drawn; empty where nobody is there.
        """
        there = np.flatnonzero(self.present(server_round))
        asked = self.wanted * (1 + self._config.clock.oversample)
        count = min(math.ceil(asked - 1e-9), len(there))
        rng = generator(self._config.run.seed, Stream.SAMPLING, server_round)
        chosen: NDArray[np.int64] = rng.choice(there, count, replace=False)
        return chosen

    @property
    def wanted(self) -> int:
        """How many updates the server wants in a round."""
        return participants_count(self._config.federation.fraction, self.gateways)

    def work(self, bytes_down: int, bytes_up: int) -> Work:
        """Say what a round asks of a gateway."""
        train = self._config.train
        return Work(train.epochs, train.batch_size, bytes_down, bytes_up)

    def fates(
        self, server_round: int, chosen: NDArray[np.int64], windows: NDArray[np.int64], work: Work
    ) -> RoundFates:
        """Settle a round before anything is sent.

        Parameters
        ----------
        server_round : int
            From 1.
        chosen : ndarray
            Partition ids of those who are asked, in any order.
        windows : ndarray
            ``(K,) int64``: training windows that each gateway is expected to have.
        work : Work
            What each is to do.
        """
        chosen = np.sort(chosen)
        settings, clock, owned = self._config.availability, self.clock, windows[chosen]
        steps, late = self._steps(server_round, chosen, owned, work)
        counted = windows_of(steps, owned, work.batch_size)
        seconds = clock.seconds(server_round, chosen, counted, work)
        if self.partial:
            seconds = np.where(late, seconds, np.minimum(seconds, clock.deadline))
        failed = self._draw(Draw.BEFORE, server_round)[chosen] < settings.dropout_before
        seconds = np.where(failed, clock.download_seconds(server_round, chosen, work), seconds)
        wanted = min(self.wanted, len(chosen))
        fates = settle(
            seconds=seconds,
            failed=failed,
            late=late,
            lost=self._draw(Draw.AFTER, server_round)[chosen] < settings.dropout_after,
            ties=self._draw(Draw.TIES, server_round)[chosen],
            wanted=wanted,
        )
        lasting = duration(fates, seconds, wanted, clock.deadline)
        return RoundFates(server_round, self.present(server_round), chosen, fates, seconds, lasting)

    @property
    def partial(self) -> bool:
        """Whether gateways do as much as fits before the deadline."""
        clock = self._config.clock
        return clock.stragglers == "partial" and bool(clock.deadline)

    def most_steps(
        self, server_round: int, partition_id: int, windows: int, work: Work
    ) -> int | None:
        """Give the most optimiser steps of a gateway, which was found to be in time.

        Parameters
        ----------
        server_round, partition_id : int
            When and who.
        windows : int
            That it owns in this round.
        work : Work
            As for the fates.

        Returns
        -------
        int or None
            From 1; None where it does all of them.
        """
        if not self.partial:
            return None
        k, owned = np.array([partition_id]), np.array([windows])
        return max(int(self.clock.most_steps(server_round, k, owned, work)[0]), 1)

    def _steps(
        self, server_round: int, chosen: NDArray[np.int64], owned: NDArray[np.int64], work: Work
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Say how many steps each does, and who is late with them."""
        everything = work.epochs * -(-owned // work.batch_size)
        if self.partial:
            fitting = self.clock.most_steps(server_round, chosen, owned, work)
            messages = self.clock.seconds(server_round, chosen, np.zeros_like(owned), work)
            late = ((fitting == 0) & (owned > 0)) | (messages > self.clock.deadline)
            return np.where(late, np.minimum(everything, 1), fitting), late
        windows = owned * work.epochs
        taken = self.clock.seconds(server_round, chosen, windows, work)
        return everything, taken > self.clock.deadline

    def _draw(self, what: Draw, server_round: int) -> NDArray[np.float64]:
        return draw(self._config.run.seed, what, self.gateways, server_round)


@lru_cache(maxsize=2)
def open_world(config: Config) -> World:
    """Give the world of a run; opened once in a process."""
    return World(config)


def participants_count(fraction: float, gateways: int) -> int:
    """Give how many gateways a round wants: a share, and never none."""
    return max(round(fraction * gateways), 1)


def nobody_ever(rounds: int) -> FederationError:
    """Say that no round of a run had an update that counts."""
    return FederationError(
        f"expected a gateway whose update counts in at least one of {rounds} rounds, got none; "
        "raise availability.share or clock.deadline, or look into availability.trace"
    )
