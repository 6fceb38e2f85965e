"""The virtual clock: how long gateways of given speeds and links would take."""

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
"""Windows that a deadline may be too short by, so that a product's last bit decides nothing."""


@dataclass(frozen=True)
class Workload:
    """What a round asks of each gateway it chooses.

    Attributes
    ----------
    epochs : int
        Passes over a gateway's windows.
    batch_size : int
        Windows of an optimiser step; the last step of an epoch may have fewer.
    bytes_down, bytes_up : int
        Of one gateway's two messages.
    """

    epochs: int
    batch_size: int
    bytes_down: int
    bytes_up: int


class VirtualClock:
    """Speeds and links of all gateways, and what follows from them.

    A gateway's round is: its message comes, it trains on its windows, its update goes. Each
    message takes the latency and its bytes over the link, training the windows over the
    speed. Evaluation is how this project measures, and is on no gateway's clock.

    Parameters
    ----------
    rates : ClientRates
        Of the settings.
    deadline : float
        Seconds; infinity for none.
    trace : Trace, optional
        Puts others in their place.
    """

    def __init__(self, rates: ClientRates, deadline: float, trace: Trace | None = None):
        self._rates, self.deadline, self._trace = rates, deadline, trace

    @classmethod
    def open(
        cls, settings: ClockConfig, seed: int, *, gateways: int, trace: Trace | None = None
    ) -> VirtualClock:
        """Draw each gateway's speed and link.

        Both are log-normal around the settings' medians, with numbers of their own: a slow
        gateway may have a fast link. A gateway with a slow link has it both ways. With
        another spread or median the same gateways are the slow ones.
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
        """Give how fast all gateways are in a round."""
        return self._trace.adjust(self._rates, server_round) if self._trace else self._rates

    def download_seconds(
        self, server_round: int, partition_ids: NDArray[np.int64], work: Workload
    ) -> NDArray[np.float64]:
        """Give how long the message to each of some gateways takes, ``(n,)``."""
        rates, k = self.rates(server_round), partition_ids
        return rates.latency[k] + _BITS * work.bytes_down / rates.down[k]

    def seconds(
        self,
        server_round: int,
        partition_ids: NDArray[np.int64],
        windows: NDArray[np.int64],
        work: Workload,
    ) -> NDArray[np.float64]:
        """Give how long some gateways take from the message to the arrival of the update.

        Parameters
        ----------
        server_round : int
            From 1.
        partition_ids : ndarray
            ``(n,)``.
        windows : ndarray
            ``(n,)``: on how many each trains in all, every epoch counted.
        work : Workload
            Gives the bytes.

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
        """Give how many optimiser steps fit before the deadline.

        Parameters
        ----------
        server_round : int
            From 1.
        partition_ids, windows : ndarray
            ``(n,)``: the gateways, and the windows that each owns: those of one epoch.
        work : Workload
            What is to be done.

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
    """Count the windows of the first so many optimiser steps of gateways, ``(n,)``."""
    epochs, rest = np.divmod(steps, np.maximum(-(-windows // batch_size), 1))
    counted: NDArray[np.int64] = epochs * windows + rest * batch_size
    return counted
