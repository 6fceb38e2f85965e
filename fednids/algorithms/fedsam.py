"""FedSAM: clients look for flat minima, which survive averaging."""

from __future__ import annotations

from pydantic import Field

from fednids.algorithms.interface import Algorithm, Arrays, Client
from fednids.config import Section
from fednids.messages.values import Update
from fednids.networks.interface import Weights
from fednids.training.objective import Objective


class FedSam(Algorithm):
    r"""FedAvg of clients with sharpness-aware steps.

    Qu et al., "Generalized Federated Learning via Sharpness Aware Minimization", ICML 2022,
    algorithm 1: each local step takes the gradient not at :math:`w` but where the loss of the
    batch is about highest within a radius,

    .. math:: w + \rho \, \frac{\nabla \ell(w)}{\lVert \nabla \ell(w) \rVert} .

    A step costs two gradients, and clients train one after another instead of in stacks. With
    :math:`\rho = 0` it is FedAvg.
    """

    class Settings(Section):  # noqa: D106
        radius: float = Field(
            0.05, ge=0, le=100, description="FedSAM's rho: how far up the loss gradients are taken"
        )

    settings: Settings

    def train(self, client: Client, weights: Weights, received: Arrays) -> Update:
        """Train with sharpness-aware steps."""
        return client.fit(weights, Objective(sharpness=self.settings.radius)).update
