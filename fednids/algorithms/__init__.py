"""Federated algorithms, one file each: settings, server half and client half together.

`fednids.algorithms.interface` says what an algorithm is; `fednids.extensions.ALGORITHMS` knows
all of them by name.
"""

from __future__ import annotations

from fednids.algorithms.interface import (
    Aggregate,
    Aggregation,
    Algorithm,
    Arrays,
    Client,
    RoundStart,
    State,
    WeightedMean,
)
from fednids.config import Config
from fednids.errors import ConfigError
from fednids.extensions import ALGORITHMS
from fednids.networks.interface import Architecture
from fednids.simulation import participants_count

__all__ = [
    "Aggregate",
    "Aggregation",
    "Algorithm",
    "Arrays",
    "Client",
    "RoundStart",
    "State",
    "WeightedMean",
    "find_algorithm",
]


def find_algorithm(config: Config) -> Algorithm:
    """Return the algorithm that the settings name, checked against clients and network.

    Raises
    ------
    ConfigError
        There is none of this name, it is not defined for so few participants, or not for this
        network.
    """
    name, clients = config.strategy.name, config.partition.gateways
    algorithm = ALGORITHMS.find(name)(config.strategy.settings, clients)
    participants = participants_count(config.federation.fraction, clients)
    if fault := algorithm.fault(participants):
        raise ConfigError(
            f"expected for {name} {fault}; change it, or let more gateways take part "
            f"({participants} of {clients} do in a round)"
        )
    algorithm.check_network(Architecture.of(config.model, 1, config.data.window, 2))
    return algorithm
