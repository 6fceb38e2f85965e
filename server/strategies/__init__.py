"""Strategies: how the server aggregates updates.

Flower's own classes do the mathematics. Which gateways take part, in what order their
replies are added, and what a usable reply is are the server's business
(`server.roster`, `server.inbox`), the same for every strategy.
"""

from __future__ import annotations

from collections.abc import Callable

from flwr.serverapp.strategy import FedAvg, FedProx, Strategy

from fednids.config import FederationConfig
from fednids.errors import ConfigError

_EVERYBODY = {
    "fraction_train": 1.0,
    "min_train_nodes": 1,
    "min_evaluate_nodes": 1,
    "min_available_nodes": 1,
}
"""A strategy sees only the round's participants, and asks them all."""


def _fedavg(settings: FederationConfig) -> Strategy:
    """McMahan et al., "Communication-Efficient Learning ...", AISTATS 2017, algorithm 1."""
    return FedAvg(**_EVERYBODY)  # type: ignore[arg-type]


def _fedprox(settings: FederationConfig) -> Strategy:
    """Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, algorithm 2."""
    return FedProx(**_EVERYBODY, proximal_mu=settings.proximal_mu)  # type: ignore[arg-type]


STRATEGIES: dict[str, Callable[[FederationConfig], Strategy]] = {
    "fedavg": _fedavg,
    "fedprox": _fedprox,
}
"""How to add one: write a factory from the settings to a Flower strategy, in a file of its
own where it is ours; add a line here; run ``pytest tests/contracts/test_strategies.py``."""


def find_strategy(settings: FederationConfig) -> Strategy:
    """Build the strategy that the settings name.

    Raises
    ------
    ConfigError
        There is none of this name.
    """
    if settings.strategy not in STRATEGIES:
        raise ConfigError(
            f"expected federation.strategy to be one of {', '.join(STRATEGIES)}, got "
            f"{settings.strategy!r}; choose one of these"
        )
    return STRATEGIES[settings.strategy](settings)
