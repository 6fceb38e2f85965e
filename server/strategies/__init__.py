"""Strategies: how the server aggregates updates.

Which gateways take part, in what order their replies are added, and what a usable reply is
are the server's business (`server.roster`, `server.inbox`), the same for every strategy.

Rules are NumPy over the ``(n, P)`` matrix of a round's updates (`server.updates`), or a step
from the global weights towards FedAvg's mean, or lead the round in a way of their own
(`server.strategies.leading`). Those that Flower has as well have its mathematics, and its
classes are what tests hold them against. One of Flower's own classes may be registered as it is.
"""

from __future__ import annotations

from collections.abc import Callable

from flwr.serverapp.strategy import FedAvg, FedProx

from fednids.config import Config, FederationConfig
from fednids.errors import ConfigError
from fednids.simulation import participants_count
from server.strategies.adaptive import FedAdagrad, FedAdam, FedYogi
from server.strategies.bulyan import Bulyan
from server.strategies.coordinates import Median, TrimmedMean
from server.strategies.ditto import Ditto
from server.strategies.feddyn import FedDyn
from server.strategies.fednova import FedNova
from server.strategies.fedper import FedPer
from server.strategies.fltrust import FLTrust
from server.strategies.ifca import Ifca
from server.strategies.krum import Krum
from server.strategies.leading import EVERYBODY, Leading, OfFlower, Ruled, Stepping
from server.strategies.momentum import FedAvgM
from server.strategies.normclip import NormClip
from server.strategies.qfedavg import QFedAvg
from server.strategies.rfa import GeometricMedian
from server.strategies.scaffold import Scaffold


def _fedavg(config: Config) -> Leading:
    """McMahan et al., "Communication-Efficient Learning ...", AISTATS 2017, algorithm 1."""
    return OfFlower(FedAvg(**EVERYBODY))  # type: ignore[arg-type]


def _fedprox(config: Config) -> Leading:
    """Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, algorithm 2."""
    mu = config.federation.proximal_mu
    return OfFlower(FedProx(**EVERYBODY, proximal_mu=mu))  # type: ignore[arg-type]


def _led(make: Callable[[FederationConfig], Leading]) -> Callable[[Config], Leading]:
    """Make a strategy that reads nothing but the settings of the federation."""
    return lambda config: make(config.federation)


STRATEGIES: dict[str, Callable[[Config], Leading]] = {
    "fedavg": _fedavg,
    "fedprox": _fedprox,
    "fedavgm": _led(lambda s: Stepping(FedAvgM(s.server_learning_rate, s.server_momentum))),
    "fedadam": _led(lambda s: Stepping(FedAdam(s.eta, s.tau, s.beta_1, s.beta_2))),
    "fedyogi": _led(lambda s: Stepping(FedYogi(s.eta, s.tau, s.beta_1, s.beta_2))),
    "fedadagrad": _led(lambda s: Stepping(FedAdagrad(s.eta, s.tau))),
    "qfedavg": _led(lambda s: QFedAvg(s.q, s.lipschitz)),
    "fedmedian": _led(lambda s: Ruled(Median())),
    "fedtrimmedavg": _led(lambda s: Ruled(TrimmedMean(s.beta))),
    "krum": _led(lambda s: Ruled(Krum(s.malicious))),
    "multikrum": _led(lambda s: Ruled(Krum(s.malicious, s.select))),
    "bulyan": _led(lambda s: Ruled(Bulyan(s.malicious))),
    "rfa": _led(lambda s: Ruled(GeometricMedian(s.smoothing, s.iterations))),
    "normclip": _led(lambda s: Ruled(NormClip(s.clip_norm))),
    "scaffold": lambda c: Scaffold(c.federation.server_learning_rate, c.partition.gateways),
    "fednova": _led(lambda s: FedNova()),
    "feddyn": lambda c: FedDyn(c.federation.dyn_alpha, c.partition.gateways),
    "fedper": FedPer,
    "ditto": _led(lambda s: Ditto(s.ditto_lambda)),
    "ifca": _led(lambda s: Ifca(s.clusters)),
    "fltrust": _led(lambda s: FLTrust(s.root_flows)),
}
"""How to add one: write a `server.updates.Rule`, a `ServerOptimiser` or a `Leading` in a file of
its own; add a line here, one to ``fednids.studies.relevance.STRATEGY_DIALS``, and where gateways
do more than train plainly, one to ``clients.methods.METHODS``; run ``pytest
tests/contracts/test_strategies.py``."""


def find_strategy(config: Config) -> Leading:
    """Build the strategy that the settings name.

    Parameters
    ----------
    config : Config
        Its name and what it reads.

    Raises
    ------
    ConfigError
        There is none of this name, or it is not defined for so few participants.
    """
    settings, gateways = config.federation, config.partition.gateways
    if settings.strategy not in STRATEGIES:
        raise ConfigError(
            f"expected federation.strategy to be one of {', '.join(STRATEGIES)}, got "
            f"{settings.strategy!r}; choose one of these"
        )
    strategy = STRATEGIES[settings.strategy](config)
    participants = participants_count(settings.fraction, gateways)
    fault = strategy.fault(participants)
    if fault:
        raise ConfigError(
            f"expected for {settings.strategy} {fault}; change it, or let more gateways take "
            f"part ({participants} of {gateways} do in a round)"
        )
    return strategy
