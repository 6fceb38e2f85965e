"""FedProx: local training that is pulled towards the global weights."""

from __future__ import annotations

from pydantic import Field

from fednids.algorithms.interface import Algorithm, Arrays, Client
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Objective, Proximal


class FedProx(Algorithm):
    r"""FedAvg of clients that minimise :math:`F_k(w) + \frac\mu2 \|w - w_t\|^2`.

    Li et al., "Federated Optimization in Heterogeneous Networks", MLSys 2020, algorithm 2. With
    :math:`\mu = 0` it is FedAvg, to the bit.
    """

    class Settings(Section):  # noqa: D106
        mu: float = Field(
            0.01, ge=0, description="FedProx's mu: strength of the pull to the global weights"
        )

    settings: Settings

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train with the proximal term."""
        mu = self.settings.mu
        return client.fit(weights, Objective((Proximal(mu),) if mu else ())).update
