"""The environment of a run: availability, virtual clock, and the outcomes of each round."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fednids.config import Config
from fednids.errors import FederationError
from fednids.seeding import Stream, generator
from fednids.simulation.availability import Availability, Draw, draw
from fednids.simulation.clock import VirtualClock, Workload, windows_of
from fednids.simulation.outcomes import RoundOutcomes, decide_outcomes, round_duration
from fednids.simulation.trace import read_trace


class Environment:
    """Which clients are available, which are sampled, and what becomes of them.

    Parameters
    ----------
    config : Config
        Settings of the run.

    Raises
    ------
    ConfigError
        Settings contradict each other, or the trace is malformed.
    """

    def __init__(self, config: Config):
        self._config, self.gateways = config, config.partition.gateways
        seed, gateways, rounds = config.run.seed, self.gateways, config.federation.rounds
        trace_path = config.availability.trace
        trace = read_trace(Path(trace_path), gateways, rounds) if trace_path else None
        self.availability = Availability.open(
            config.availability,
            seed,
            gateways=gateways,
            rounds=rounds,
            trace=trace,
        )
        self.clock = VirtualClock.open(config.clock, seed, gateways=gateways, trace=trace)

    @property
    def eventful(self) -> bool:
        """Whether a round can have fewer updates than are wanted."""
        given = self._config.availability
        shares = (given.late, given.leaving, given.dropout_before, given.dropout_after)
        absences = given.trace or given.pattern != "always" or any(shares)
        return bool(absences or self._config.clock.deadline)

    def present(self, server_round: int) -> NDArray[np.bool_]:
        """Return which clients are available in a round, ``(K,) bool``."""
        return self.availability.present(server_round)

    def sample(self, server_round: int) -> NDArray[np.int64]:
        """Sample the clients that are to train: a function of seed and round.

        The number wanted is ``federation.fraction`` of all clients, the same in every round,
        as the goal count of Bonawitz et al. (2019); ``clock.oversample`` adds to it. They are
        drawn uniformly from the available clients; where fewer are available, all of them
        are sampled. Flower's FedAvg takes the fraction of the connected nodes instead, so
        that rounds by night would average fewer clients.

        Returns
        -------
        ndarray
            Partition ids, in the order drawn; empty where no client is available.
        """
        there = np.flatnonzero(self.present(server_round))
        goal = self.wanted * (1 + self._config.clock.oversample)
        count = min(math.ceil(goal - 1e-9), len(there))
        rng = generator(self._config.run.seed, Stream.SAMPLING, server_round)
        sampled: NDArray[np.int64] = rng.choice(there, count, replace=False)
        return sampled

    @property
    def wanted(self) -> int:
        """Number of updates that the server aggregates in a round, if they arrive."""
        return participants_count(self._config.federation.fraction, self.gateways)

    def work(self, bytes_down: int, bytes_up: int) -> Workload:
        """Return what a client has to do in a round."""
        train = self._config.train
        return Workload(train.epochs, train.batch_size, bytes_down, bytes_up)

    def outcomes(
        self,
        server_round: int,
        sampled: NDArray[np.int64],
        windows: NDArray[np.int64],
        work: Workload,
    ) -> RoundOutcomes:
        """Decide the outcomes of a round before anything is sent.

        Parameters
        ----------
        server_round : int
            From 1.
        sampled : ndarray
            Partition ids, in any order.
        windows : ndarray
            ``(K,) int64``: training windows that each client is expected to have.
        work : Workload
            What each client has to do.
        """
        sampled = np.sort(sampled)
        settings, clock, owned = self._config.availability, self.clock, windows[sampled]
        steps, late = self._steps(server_round, sampled, owned, work)
        counted = windows_of(steps, owned, work.batch_size)
        seconds = clock.seconds(server_round, sampled, counted, work)
        if self.partial:
            seconds = np.where(late, seconds, np.minimum(seconds, clock.deadline))
        failed = self._draw(Draw.BEFORE, server_round)[sampled] < settings.dropout_before
        seconds = np.where(failed, clock.download_seconds(server_round, sampled, work), seconds)
        wanted = min(self.wanted, len(sampled))
        outcomes = decide_outcomes(
            seconds=seconds,
            failed=failed,
            late=late,
            lost=self._draw(Draw.AFTER, server_round)[sampled] < settings.dropout_after,
            ties=self._draw(Draw.TIES, server_round)[sampled],
            wanted=wanted,
        )
        lasting = round_duration(outcomes, seconds, wanted, clock.deadline)
        return RoundOutcomes(
            server_round, self.present(server_round), sampled, outcomes, seconds, lasting
        )

    @property
    def partial(self) -> bool:
        """Whether clients train for as many steps as fit before the deadline."""
        clock = self._config.clock
        return clock.stragglers == "partial" and bool(clock.deadline)

    def most_steps(
        self, server_round: int, partition_id: int, windows: int, work: Workload
    ) -> int | None:
        """Return the most optimiser steps of a client that is not late.

        Parameters
        ----------
        server_round, partition_id : int
            The round and the client.
        windows : int
            Windows that the client has in this round.
        work : Workload
            As for the outcomes.

        Returns
        -------
        int or None
            From 1; None for no limit.
        """
        if not self.partial:
            return None
        k, owned = np.array([partition_id]), np.array([windows])
        return max(int(self.clock.most_steps(server_round, k, owned, work)[0]), 1)

    def _steps(
        self,
        server_round: int,
        sampled: NDArray[np.int64],
        owned: NDArray[np.int64],
        work: Workload,
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return how many steps each client does, and which clients are late with them."""
        everything = work.epochs * -(-owned // work.batch_size)
        if self.partial:
            fitting = self.clock.most_steps(server_round, sampled, owned, work)
            messages = self.clock.seconds(server_round, sampled, np.zeros_like(owned), work)
            late = ((fitting == 0) & (owned > 0)) | (messages > self.clock.deadline)
            return np.where(late, np.minimum(everything, 1), fitting), late
        windows = owned * work.epochs
        taken = self.clock.seconds(server_round, sampled, windows, work)
        return everything, taken > self.clock.deadline

    def _draw(self, what: Draw, server_round: int) -> NDArray[np.float64]:
        return draw(self._config.run.seed, what, self.gateways, server_round)


@lru_cache(maxsize=2)
def open_environment(config: Config) -> Environment:
    """Return the environment of a run; it is made once in a process."""
    return Environment(config)


def participants_count(fraction: float, gateways: int) -> int:
    """Return how many clients a round wants: the share, and at least one."""
    return max(round(fraction * gateways), 1)


def no_update_counted(rounds: int) -> FederationError:
    """Return the error of a run in which no round had an update to aggregate."""
    return FederationError(
        f"expected a gateway whose update counts in at least one of {rounds} rounds, got none; "
        "raise availability.share or clock.deadline, or look into availability.trace"
    )
