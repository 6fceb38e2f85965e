"""The virtual clock: how long clients with given speeds and links take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fednids.config import ClockConfig
from fednids.seeding import Stream, generator
from fednids.simulation.trace import ClientRates, Trace

_BITS = 8e-6
"""Mbit in a byte."""

_ROUNDING = 1e-6
"""Windows by which a deadline may be too short, so that no rounding error decides."""


@dataclass(frozen=True)
class Workload:
    """What a sampled client has to do in a round.

    Attributes
    ----------
    epochs : int
        Passes over a client's windows.
    batch_size : int
        Windows of an optimiser step; the last step of an epoch may have fewer.
    bytes_down, bytes_up : int
        Bytes of the two messages of a client.
    """

    epochs: int
    batch_size: int
    bytes_down: int
    bytes_up: int


class VirtualClock:
    """Times of all clients, computed from their speeds and links.

    In a round a client receives its message, trains on its windows, and sends its update. A
    message takes the latency and its bytes divided by the link's rate; training takes the
    windows divided by the speed. Evaluation takes no virtual time.

    Parameters
    ----------
    rates : ClientRates
        Rates that follow from the settings.
    deadline : float
        Seconds; infinity for none.
    trace : Trace, optional
        Replaces rates where it has its own.
    """

    def __init__(self, rates: ClientRates, deadline: float, trace: Trace | None = None):
        self._rates, self.deadline, self._trace = rates, deadline, trace

    @classmethod
    def open(
        cls, settings: ClockConfig, seed: int, *, gateways: int, trace: Trace | None = None
    ) -> VirtualClock:
        """Draw each client's speed and link.

        Both are log-normal around the settings' medians and independent of each other. A slow
        link is slow in both directions. With another spread or median the same clients are
        the slow ones.
        """
        speeds, links = (
            generator(seed, Stream.CLOCK, place).standard_normal(gateways) for place in (0, 1)
        )
        speed = np.exp(settings.speed_spread * speeds)
        link = np.exp(settings.link_spread * links)
        rates = ClientRates(
            settings.speed * speed,
            settings.up * link,
            settings.down * link,
            np.full(gateways, settings.latency),
        )
        return cls(rates, settings.deadline or np.inf, trace)

    def rates(self, server_round: int) -> ClientRates:
        """Return the rates of all clients in a round."""
        return self._trace.adjust(self._rates, server_round) if self._trace else self._rates

    def download_seconds(
        self, server_round: int, partition_ids: NDArray[np.int64], work: Workload
    ) -> NDArray[np.float64]:
        """Return the seconds that the message to each of some clients takes, ``(n,)``."""
        rates, k = self.rates(server_round), partition_ids
        return rates.latency[k] + _BITS * work.bytes_down / rates.down[k]

    def seconds(
        self,
        server_round: int,
        partition_ids: NDArray[np.int64],
        windows: NDArray[np.int64],
        work: Workload,
    ) -> NDArray[np.float64]:
        """Return the seconds from sending the message to the arrival of the update.

        Parameters
        ----------
        server_round : int
            From 1.
        partition_ids : ndarray
            ``(n,)``.
        windows : ndarray
            ``(n,)``: how many each trains on, summed over the epochs.
        work : Workload
            Of which the bytes are used.

        Returns
        -------
        ndarray
            ``(n,)`` seconds.
        """
        rates, k = self.rates(server_round), partition_ids
        sending = rates.latency[k] + _BITS * work.bytes_up / rates.up[k]
        down = self.download_seconds(server_round, k, work)
        total: NDArray[np.float64] = down + windows / rates.speed[k] + sending
        return total

    def most_steps(
        self,
        server_round: int,
        partition_ids: NDArray[np.int64],
        windows: NDArray[np.int64],
        work: Workload,
    ) -> NDArray[np.int64]:
        """Return how many optimiser steps fit before the deadline.

        Parameters
        ----------
        server_round : int
            From 1.
        partition_ids, windows : ndarray
            ``(n,)``: the clients, and the windows of each, those of one epoch.
        work : Workload
            What each has to do.

        Returns
        -------
        ndarray
            ``(n,)`` from 0 to all steps.
        """
        k, size = partition_ids, work.batch_size
        messages = self.seconds(server_round, k, np.zeros_like(windows), work)
        speed = self.rates(server_round).speed[k]
        everything = windows * work.epochs
        fitting = np.floor((self.deadline - messages) * speed + _ROUNDING)
        fitting = np.clip(fitting, 0, everything)
        epochs, rest = np.divmod(fitting.astype(np.int64), np.maximum(windows, 1))
        steps: NDArray[np.int64] = epochs * -(-windows // size) + rest // size
        return steps


def windows_of(
    steps: NDArray[np.int64], windows: NDArray[np.int64], batch_size: int
) -> NDArray[np.int64]:
    """Return how many windows are in the first ``steps`` optimiser steps of clients, ``(n,)``."""
    epochs, rest = np.divmod(steps, np.maximum(-(-windows // batch_size), 1))
    counted: NDArray[np.int64] = epochs * windows + rest * batch_size
    return counted
