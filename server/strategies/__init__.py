"""Strategies: how the server aggregates updates.

Which gateways take part, in what order their replies are added, and what a usable reply is
are the server's business (`server.roster`, `server.inbox`), the same for every strategy.

Rules are NumPy over the ``(n, P)`` matrix of a round's updates (`server.updates`), or a step
from the global weights towards FedAvg's mean. Those that Flower has as well have its
mathematics, and its classes are what tests hold them against. One of Flower's own classes
may be registered as it is.

q-FedAvg is not here: it weights updates by the loss of the *global* weights on each gateway's
training flows, and an update tells the mean loss *while* training.
"""

from __future__ import annotations

from collections.abc import Callable

from flwr.serverapp.strategy import FedAvg, FedProx

from fednids.config import FederationConfig
from fednids.errors import ConfigError
from server.aggregation import Aggregating, Opening
from server.roster import participants_count
from server.strategies.adaptive import FedAdagrad, FedAdam, FedYogi
from server.strategies.bulyan import Bulyan
from server.strategies.coordinates import Median, TrimmedMean
from server.strategies.krum import Krum
from server.strategies.leading import EVERYBODY, Ruled, Stepping
from server.strategies.momentum import FedAvgM
from server.strategies.normclip import NormClip
from server.strategies.rfa import GeometricMedian

Strategy = Opening | Aggregating


def _fedavg(settings: FederationConfig) -> Strategy:
    """McMahan et al., "Communication-Efficient Learning ...", AISTATS 2017, algorithm 1."""
    return FedAvg(**EVERYBODY)  # type: ignore[arg-type]


def _fedprox(settings: FederationConfig) -> Strategy:
    """Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, algorithm 2."""
    return FedProx(**EVERYBODY, proximal_mu=settings.proximal_mu)  # type: ignore[arg-type]


STRATEGIES: dict[str, Callable[[FederationConfig], Strategy]] = {
    "fedavg": _fedavg,
    "fedprox": _fedprox,
    "fedavgm": lambda s: Stepping(FedAvgM(s.server_learning_rate, s.server_momentum)),
    "fedadam": lambda s: Stepping(FedAdam(s.eta, s.tau, s.beta_1, s.beta_2)),
    "fedyogi": lambda s: Stepping(FedYogi(s.eta, s.tau, s.beta_1, s.beta_2)),
    "fedadagrad": lambda s: Stepping(FedAdagrad(s.eta, s.tau)),
    "fedmedian": lambda s: Ruled(Median()),
    "fedtrimmedavg": lambda s: Ruled(TrimmedMean(s.beta)),
    "krum": lambda s: Ruled(Krum(s.malicious)),
    "multikrum": lambda s: Ruled(Krum(s.malicious, s.select)),
    "bulyan": lambda s: Ruled(Bulyan(s.malicious)),
    "rfa": lambda s: Ruled(GeometricMedian(s.smoothing, s.iterations)),
    "normclip": lambda s: Ruled(NormClip(s.clip_norm)),
}
"""How to add one: write a `server.updates.Rule` or `ServerOptimiser` in a file of its own; add
a line here, and one to ``fednids.sweep.relevance.STRATEGY_DIALS``; run ``pytest
tests/contracts/test_strategies.py``."""


def find_strategy(settings: FederationConfig, gateways: int) -> Strategy:
    """Build the strategy that the settings name.

    Parameters
    ----------
    settings : FederationConfig
        Its name and what it reads.
    gateways : int
        How many there are (K).

    Raises
    ------
    ConfigError
        There is none of this name, or it is not defined for so few participants.
    """
    if settings.strategy not in STRATEGIES:
        raise ConfigError(
            f"expected federation.strategy to be one of {', '.join(STRATEGIES)}, got "
            f"{settings.strategy!r}; choose one of these"
        )
    strategy = STRATEGIES[settings.strategy](settings)
    participants = participants_count(settings.fraction, gateways)
    fault = strategy.rule.fault(participants) if isinstance(strategy, Ruled) else None
    if fault:
        raise ConfigError(
            f"expected for {settings.strategy} {fault}; change it, or let more gateways take "
            f"part ({participants} of {gateways} do in a round)"
        )
    return strategy
