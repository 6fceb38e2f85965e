"""FedAvg: the mean of the clients' weights."""

from __future__ import annotations

from fednids.algorithms.interface import Algorithm


class FedAvg(Algorithm):
    """Federated averaging.

    McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data",
    AISTATS 2017, algorithm 1. All of it is the behaviour that `Algorithm` has.
    """
